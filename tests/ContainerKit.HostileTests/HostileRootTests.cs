namespace ContainerKit.HostileTests;

/// <summary>
/// Roots of strangers, with anything at all where the system's files belong: a start is right or refused, touches
/// nothing outside, and leaves nothing.
/// </summary>
public class HostileRootTests
{
    /// <summary>What must be so in a container that started, whatever its root holds.</summary>
    private const string Look = """
        types=$(stat -f -c %t /proc /sys /tmp /run /dev /dev/pts | xargs)
        [ "$types" = '9fa0 62656572 1021994 1021994 1021994 1cd1' ] || echo $types
        [ "$(stat -Lc %t:%T /dev/null /proc/keys 2>/dev/null | sort -u)" = 1:3 ] || echo no null
        [ ! -f /mnt/text ] || [ "$(cat /mnt/text)" = text ] || echo no text
        """;

    public static TheoryData<string> Kinds { get; } = [.. HostileRoot.Kinds];

    [PythonTheory]
    [MemberData(nameof(Kinds))]
    public async Task CVE_2019_19921_CVE_2026_41579_CVE_2024_9676_A_start_is_right_or_refused_whatever_lies_in_its_root(
        string kind)
    {
        using var canary = new Canary();
        using var leaked = Linux.Syscall.Open(Path.GetDirectoryName(canary.Path)!, Linux.OpenFlags.O_RDONLY);
        using var inheritable = Native.InheritableCopy(leaked);
        var before = await Leftovers.Before();
        var (started, turn) = (0, 0);
        foreach (var path in HostileRoot.Paths)
        {
            using var root = new HostileRoot(path, kind, canary.Path, (int)inheritable.DangerousGetHandle());
            foreach (var options in Some(Variants(root), turn++))
            {
                var what = $"{kind} at /{path}, {options.Root}, as {options.User}, {string.Join(' ', options.Mounts)}";
                started += await StartsRightAsync(options, what) ? 1 : 0;
                canary.AssertUntouched(what);
            }
        }

        Assert.NotEqual(0, started);
        await before.AssertNone();
    }

    /// <summary>All in the long form; else three, which change from path to path.</summary>
    private static IEnumerable<ContainerOptions> Some(IEnumerable<ContainerOptions> variants, int turn) =>
        variants.Where((_, i) => TimeFactor.IsSoak || i % 3 == turn % 3);

    private static IEnumerable<ContainerOptions> Variants(HostileRoot root)
    {
        var plain = root.Options with { Command = ["/usr/bin/sh", "-c", Look] };
        var changing = plain with { Root = RootFilesystem.Directory(root.Path, CopyOnWrite.Temporary) };
        yield return plain;
        yield return plain with { User = "alice:alice" };
        yield return changing;
        foreach (var mount in new Mount[]
            {
                new TmpfsMount("/mnt/deep/er"), new InlineFile("/mnt/text", "text"), new InlineFile("/etc/hosts", "x"),
                new BindMount("/usr/bin", "/var/deep"), new BindMount("/usr/bin/env", "/mnt/file"),
            })
        {
            yield return changing with { Mounts = [.. changing.Mounts, mount], WorkingDirectory = "/mnt" };
        }

        yield return changing with
        {
            Directories = ["/mnt/made", "/var/made"],
            MaskedPaths = ["/etc/passwd", "/mnt", "/dev/shm"],
            ReadOnlyPaths = ["/var", "/etc/group"],
        };
    }

    /// <summary>Whether it started; fails where what started is not what it should be.</summary>
    private static async Task<bool> StartsRightAsync(ContainerOptions options, string what)
    {
        try
        {
            var result = await Script.RunAsync(options);
            Assert.True(
                result is { ExitStatus.IsSuccess: true, StandardOutput: "" },
                $"{what}: {result.ExitStatus}, {result.StandardOutput} {result.StandardError}");
            return true;
        }
        catch (Exception refused) when (refused is LinuxException or ArgumentException)
        {
            return false;
        }
    }
}
