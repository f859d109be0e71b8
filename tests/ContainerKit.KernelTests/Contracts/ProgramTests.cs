using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace ContainerKit.KernelTests.Contracts;

/// <summary>What a program starts with.</summary>
public class ProgramTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_program_starts_with_exactly_its_three_descriptors(bool init)
    {
        using var file = File.OpenHandle("/dev/zero");
        var inheritable = Enumerable.Range(0, 100).Select(_ => Native.InheritableCopy(file)).ToList();
        try
        {
            // The fourth is the directory that ls(1) reads.
            Assert.Equal("0\n1\n2\n3",
                await Script.OutputAsync(new ContainerOptions { Command = ["ls", "/proc/self/fd"], Init = init }));
        }
        finally
        {
            inheritable.ForEach(copy => copy.Dispose());
        }
    }

    [Fact]
    public async Task The_programs_descriptors_are_its_streams()
    {
        Assert.Matches(@"\A/dev/null\npipe:\[\d+\]\npipe:\[\d+\]\z",
            await Script.OutputAsync("readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_program_blocks_ignores_and_handles_no_signal(bool init)
    {
        var options = new ContainerOptions { Command = ["cat", "/proc/self/status"], Init = init };
        var signals = (await Script.OutputAsync(options)).Split('\n')
            .Where(line => line.StartsWith("Sig", StringComparison.Ordinal)
                && !line.StartsWith("SigQ", StringComparison.Ordinal)).ToList();
        Assert.Equal(4, signals.Count);
        Assert.All(signals, line => Assert.EndsWith("\t0000000000000000", line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_program_is_killed_by_a_pipe_that_nobody_reads()
    {
        // The .NET host itself ignores SIGPIPE; a program that did would report an error instead.
        Assert.Equal("y\n141", await Script.OutputAsync("bash -c 'yes | head -n 1; echo ${PIPESTATUS[0]}'"));
    }

    [Theory]
    [InlineData(100, 10_000)]
    [InlineData(50_000, 10)]
    [InlineData(10, 131_071)]
    public async Task Long_arguments_arrive_unharmed(int count, int length)
    {
        var arguments = Texts(count, length);
        var options = new ContainerOptions
        { Command = ["sh", "-c", "printf '%s\\n' \"$@\" | sha256sum", "sh", .. arguments] };
        Assert.Equal($"{Hash(arguments)}  -", await Script.OutputAsync(options));
    }

    [Theory]
    [InlineData(100, 10_000)]
    [InlineData(10_000, 20)]
    public async Task A_long_environment_arrives_unharmed(int count, int length)
    {
        var values = Texts(count, length);
        var options = new ContainerOptions
        {
            Command = ["sh", "-c", "env | grep ^V | sort | cut -d= -f2 | sha256sum"],
            Environment = values.Index().ToDictionary(
                pair => string.Create(CultureInfo.InvariantCulture, $"V{pair.Index:D6}"), pair => pair.Item),
        };
        Assert.Equal($"{Hash(values)}  -", await Script.OutputAsync(options));
    }

    [Fact]
    public async Task A_start_is_over_when_the_program_was_executed()
    {
        for (var i = 0; i < TimeFactor.Times(20, 1000); i++)
        {
            await using var container =
                await LiveContainer.StartAsync(new ContainerOptions { Command = ["sleep", "1000"] });
            Assert.Equal("sleep", container.Program.Name); // before execve(2), it bears the launcher's
        }
    }

    [Fact]
    public async Task A_start_that_fails_says_so_instead()
    {
        var failure = await Assert.ThrowsAsync<LaunchException>(() =>
            LiveContainer.StartAsync(new ContainerOptions { Command = ["/missing"] }));
        Assert.Equal("execve", failure.Call);
    }

    [Theory]
    [InlineData(NamespaceKinds.Default & ~NamespaceKinds.Pid)]
    [InlineData(NamespaceKinds.None)]
    public async Task A_container_that_could_leave_processes_behind_is_refused(NamespaceKinds namespaces)
    {
        var refusal = await Assert.ThrowsAsync<ArgumentException>(
            () => Script.RunAsync(new ContainerOptions { Command = ["true"], Namespaces = namespaces }));
        Assert.Contains("pid namespace", refusal.Message, StringComparison.Ordinal);
    }

    /// <summary>Texts of a length, no two the same.</summary>
    private static string[] Texts(int count, int length) =>
        [.. Enumerable.Range(0, count)
            .Select(i => i.ToString(CultureInfo.InvariantCulture).PadLeft(length, (char)('a' + (i % 26))))];

    private static string Hash(string[] lines) =>
        Convert.ToHexStringLower(
            SHA256.HashData(Encoding.ASCII.GetBytes(string.Concat(lines.Select(line => line + "\n")))));
}
