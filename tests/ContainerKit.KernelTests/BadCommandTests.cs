namespace ContainerKit.KernelTests;

/// <summary>Commands that cannot be run.</summary>
public class BadCommandTests
{
    [Theory]
    [InlineData("/no/such/program")]
    [InlineData("no-such-program")]
    [InlineData("relative/program")]
    public async Task A_missing_program_is_named(string program)
    {
        var refusal = await Refusal.OfStartAsync(new() { Command = [program] });

        Assert.Equal(("execve", Errno.ENOENT), (refusal.Call, refusal.Errno));
        Assert.Contains(program, refusal.Cause, StringComparison.Ordinal);
        Assert.Contains("no such program", refusal.Hint, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("#!/bin/sh\n", "444", Errno.EACCES, "not executable")]
    [InlineData("neither script nor binary", "555", Errno.ENOEXEC, "#! line")]
    [InlineData("#!/no/such/interpreter\n", "555", Errno.ENOENT, "interpreter")]
    [InlineData("", "555", Errno.ENOEXEC, "#! line")]
    public async Task A_file_that_is_no_program_says_why(string content, string mode, Errno errno, string hint)
    {
        var program = new InlineFile("/tmp/program", content) { Mode = Convert.ToInt32(mode, 8) };
        var refusal = await Refusal.OfStartAsync(new() { Command = [program.Target], Mounts = [program] });

        Assert.Equal(("execve", errno), (refusal.Call, refusal.Errno));
        Assert.Contains(hint, refusal.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_binary_of_another_architecture_says_so()
    {
        var elf = "\u007fELF\u0002\u0001\u0001\0\0\0\0\0\0\0\0\0\u0002\0\u0015\0\u0001\0\0\0"u8.ToArray(); // for ppc64
        var program = new InlineFile("/tmp/program", elf.Concat(new byte[200]).ToArray()) { Mode = 0x16D }; // 0555
        var refusal = await Refusal.OfStartAsync(new() { Command = [program.Target], Mounts = [program] });

        Assert.Equal(Errno.ENOEXEC, refusal.Errno);
        Assert.Contains("architecture", refusal.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_directory_is_no_program() =>
        Assert.Equal(Errno.EACCES, (await Refusal.OfStartAsync(new() { Command = ["/usr"] })).Errno);

    [Fact]
    public async Task A_program_in_the_path_that_may_not_be_run_does_not_hide_a_later_one()
    {
        var decoy = new InlineFile("/tmp/first/id", "#!/bin/false\n");
        var output = await Script.OutputAsync(new ContainerOptions
        {
            Command = ["id", "-u"],
            Mounts = [decoy],
            Environment = new Dictionary<string, string> { ["PATH"] = "/no/such:/tmp/first:/tmp/first/id:/usr/bin" },
        });

        Assert.Equal("0", output);
    }

    public static TheoryData<string[]> Impossible =>
        new() { Array.Empty<string>(), new[] { "" }, new[] { "a\0b" }, new[] { "true", "a\0b" } };

    [Theory]
    [MemberData(nameof(Impossible))]
    public async Task A_command_that_is_none_is_refused_before_anything_is_made(string[] command) =>
        Assert.Contains("Command", (await Refusal.OfOptionsAsync(new() { Command = command })).Message,
            StringComparison.Ordinal);

    [Fact]
    public async Task An_argument_that_is_null_is_refused_before_anything_is_made() =>
        await Refusal.OfOptionsAsync(new() { Command = ["true", null!] });

    [Theory]
    [InlineData(1, 128 * 1024)]
    [InlineData(200, 100 * 1024)]
    public async Task Arguments_beyond_the_kernels_limit_say_so(int count, int length)
    {
        var argument = new string('x', length);
        var refusal = await Refusal.OfStartAsync(new() { Command = ["true", .. Enumerable.Repeat(argument, count)] });

        Assert.Equal(("execve", Errno.E2BIG), (refusal.Call, refusal.Errno));
        Assert.Contains("ARG_MAX", refusal.Hint, StringComparison.Ordinal);
        Assert.True(refusal.Message.Length < 4096, "The message repeats the arguments.");
    }

    [Fact]
    public async Task CVE_2021_43784_No_length_overflows()
    {
        // Each beyond 16 bits: the first of arguments, environment, a file's content and the number of them all.
        var argument = new string('a', 100_000);
        var environment = Enumerable.Range(0, 300).ToDictionary(i => $"V{i}", i => new string('e', 1000 + i));
        var content = new string('c', 300_000);
        var output = await Script.OutputAsync(
            Script.Shell("echo $# ${#1} ${#V299} $(env | grep -c '^V') $(wc -c < /tmp/file)") with
            {
                Command = ["sh", "-c", "echo $# ${#1} ${#V299} $(env | grep -c '^V') $(wc -c < /tmp/file)", "sh", argument,
                .. Enumerable.Repeat("x", 70_000)],
                Environment = environment,
                Mounts = [new InlineFile("/tmp/file", content)],
            });

        Assert.Equal("70001 100000 1299 300 300000", output);
    }

    [Theory]
    [InlineData("", "1 to 64")]
    [InlineData("a.b\0", "1 to 64")]
    [InlineData("two words", "1 to 64")]
    [InlineData("new\nline", "1 to 64")]
    [InlineData("ünïcode", "1 to 64")]
    public async Task A_host_name_that_is_none_is_refused(string name, string complaint) =>
        Assert.Contains(
            complaint, (await Refusal.OfOptionsAsync(Script.Shell("true") with { HostName = name })).Message,
            StringComparison.Ordinal);

    [Fact]
    public async Task A_host_name_has_at_most_64_bytes()
    {
        var name = new string('n', 64);

        Assert.Equal(name, await Script.OutputAsync(Script.Shell("uname -n") with { HostName = name }));
        await Refusal.OfOptionsAsync(Script.Shell("true") with { HostName = name + "n" });
    }

    [Theory]
    [InlineData("relative", "absolute")]
    [InlineData("", "absolute")]
    [InlineData("/a\0b", "absolute")]
    public async Task A_working_directory_is_an_absolute_path(string path, string complaint)
    {
        var refusal = await Refusal.OfOptionsAsync(Script.Shell("true") with { WorkingDirectory = path });

        Assert.Contains(complaint, refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/no/such", Errno.ENOENT)]
    [InlineData("/etc/passwd", Errno.ENOTDIR)]
    public async Task A_working_directory_that_is_none_is_named(string path, Errno errno)
    {
        var refusal = await Refusal.OfStartAsync(Script.Shell("true") with { WorkingDirectory = path });

        Assert.Equal(errno, refusal.Errno);
        Assert.Equal($"the working directory '{path}'", refusal.Cause);
        Assert.DoesNotContain("mount", refusal.Hint ?? "", StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_link_to_a_working_directory_stays_within_the_root()
    {
        using var root = new RootDirectory();
        root.Link("work", root.Canary);
        root.Link("up", "../../../../../../usr/bin");

        Assert.Equal("/usr/bin",
            await Script.OutputAsync(root.Options with { Command = ["pwd", "-P"], WorkingDirectory = "/up" }));
        Assert.Equal(
            Errno.ENOENT, (await Refusal.OfStartAsync(root.Options with { WorkingDirectory = "/work" })).Errno);
    }

    [Fact]
    public async Task CVE_2024_21626_A_working_directory_cannot_be_a_leaked_descriptor()
    {
        foreach (var number in Enumerable.Range(0, 51))
        {
            foreach (var path in new[]
                { $"/proc/self/fd/{number}", $"/proc/1/fd/{number}", $"/proc/thread-self/fd/{number}/.." })
            {
                var refusal = await Assert.ThrowsAsync<LaunchException>(() =>
                    Script.RunAsync(Script.Shell("pwd") with { WorkingDirectory = path }));

                Assert.Contains(refusal.Errno, new[]
                    { Errno.ELOOP, Errno.ENOENT, Errno.EACCES, Errno.ENOTDIR, Errno.EPERM });
                Assert.StartsWith("the working directory", refusal.Cause, StringComparison.Ordinal);
            }
        }

        Assert.Equal("/tmp", await Script.OutputAsync(
            new ContainerOptions { Command = ["/usr/bin/pwd", "-P"], WorkingDirectory = "/tmp" }));
    }

    [Fact]
    public async Task A_timeout_that_is_none_is_refused()
    {
        foreach (var timeout in new[] { TimeSpan.Zero, TimeSpan.FromSeconds(-1), TimeSpan.MaxValue, TimeSpan.MinValue })
        {
            var refusal = await Refusal.OfOptionsAsync(Script.Shell("true") with { Timeout = timeout });
            Assert.Contains(nameof(ContainerOptions.Timeout), refusal.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_resource_limit_above_the_hosts_own_says_who_may_raise_it()
    {
        var refusal = await Refusal.OfStartAsync(With(new(Resource.RLIMIT_NOFILE, 1UL << 40)));

        Assert.Equal(("prlimit64", Errno.EPERM), (refusal.Call, refusal.Errno));
        Assert.Contains("CAP_SYS_RESOURCE", refusal.Hint, StringComparison.Ordinal);
        await Refusal.OfOptionsAsync(With(new((Resource)99, 1)));
        await Refusal.OfOptionsAsync(With(new(Resource.RLIMIT_NOFILE, 2, 1)));
        await Refusal.OfOptionsAsync(With(new(Resource.RLIMIT_NPROC, 2)));

        static ContainerOptions With(ResourceLimit limit) => Script.Shell("true") with { ResourceLimits = [limit] };
    }

    [Fact]
    public void An_architecture_without_a_launcher_is_named()
    {
        var refusal = Assert.Throws<PlatformNotSupportedException>(() =>
            Launcher.Program(System.Runtime.InteropServices.Architecture.S390x));

        Assert.Contains("S390x", refusal.Message, StringComparison.Ordinal);
    }
}
