namespace ContainerKit.HostileTests;

/// <summary>
/// Somebody exchanges directories and links while containers start in them: no mount and no file lands outside.
/// </summary>
public class RaceTests
{
    public enum Aim
    {
        Absolute,
        Relative,
        Magic,
    }

    [Theory]
    [InlineData(Aim.Absolute)]
    [InlineData(Aim.Relative)]
    [InlineData(Aim.Magic)]
    public async Task CVE_2021_30465_A_mount_target_exchanged_for_a_link_never_leads_outside(Aim aim)
    {
        using var root = Prepared();
        Directory.CreateDirectory(root["a/b"]);
        File.CreateSymbolicLink(root["b"], Target(root, aim));
        Mount[] mounts = [new TmpfsMount("/a/b/deep"), new BindMount("/usr", "/a/b"), new InlineFile("/a/b/file", "x")];

        await RaceAsync(root, root["a/b"], root["b"], i => root.With(mounts[i % mounts.Length]));
    }

    [Theory]
    [InlineData(Aim.Absolute)]
    [InlineData(Aim.Relative)]
    [InlineData(Aim.Magic)]
    public async Task CVE_2024_45310_CVE_2026_41568_A_parent_exchanged_for_a_link_makes_nothing_outside(Aim aim)
    {
        using var root = Prepared();
        Directory.CreateDirectory(root["a/b/c"]);
        File.CreateSymbolicLink(root["link"], Target(root, aim));
        var changing = RootFilesystem.Directory(root.Path, CopyOnWrite.Temporary);
        Mount[] mounts =
            [new TmpfsMount("/a/b/c/made/deep"), new InlineFile("/a/b/new", "x"), new BindMount("/usr", "/a/x/y/z")];

        await RaceAsync(root, root["a"], root["link"],
            i => root.With(mounts[i % mounts.Length]) with { Root = i % 2 == 0 ? changing : root.Options.Root });
    }

    [Theory]
    [InlineData("proc")]
    [InlineData("sys")]
    [InlineData("dev")]
    [InlineData("tmp")]
    public async Task CVE_2025_52881_CVE_2026_41579_A_place_of_a_private_mount_exchanged_for_a_link_never_leads_outside(
        string name)
    {
        using var root = Prepared();
        File.CreateSymbolicLink(root["link"], root.Canary);

        await RaceAsync(root, root[name], root["link"], _ => root.Options);
    }

    [Fact]
    public async Task CVE_2025_31133_CVE_2025_52565_A_root_that_exchanges_its_devices_masks_with_the_real_one()
    {
        using var root = Prepared();
        File.CreateSymbolicLink(root["dev/null"], "/proc/sys/kernel/core_pattern");
        File.WriteAllText(root["dev/other"], "");

        await RaceAsync(root, root["dev/null"], root["dev/other"],
            _ => root.Options with
            {
                Command =
                ["sh", "-c", "[ $(stat -Lc %t:%T /dev/null) = 1:3 ] && [ $(stat -Lc %t:%T /proc/keys) = 1:3 ]"]
            });
    }

    [Fact]
    public async Task CVE_2024_9676_A_passwd_exchanged_for_a_FIFO_or_a_link_never_hangs_nor_leads_outside()
    {
        using var root = Prepared();
        File.WriteAllText(Path.Combine(Path.GetDirectoryName(root.Path)!, "passwd"), "alice:x:6666:6666::/:\n");
        File.WriteAllText(root["etc/passwd"], "alice:x:1234:1234::/:\n");
        File.CreateSymbolicLink(root["etc/link"], "../../passwd");

        await RaceAsync(root, root["etc/passwd"], root["etc/link"],
            _ => root.Options with { User = "alice", Command = ["sh", "-c", "[ $(id -u) = 1234 ]"] });
    }

    [PythonFact]
    public async Task CVE_2021_30465_Two_containers_that_share_a_volume_cannot_lead_each_others_mounts_outside()
    {
        using var root = Prepared();
        using var volume = new TempDirectory();
        File.SetUnixFileMode(volume.Path, (UnixFileMode)0x1FF); // 0777
        const string attack = """
            import ctypes, os
            os.chdir('/tmp/volume'); os.umask(0)
            os.makedirs('x/y', exist_ok=True); os.symlink(os.environ['CANARY'], 'link')
            print('up', flush=True)
            rename = ctypes.CDLL(None).renameat2
            while True:
                rename(-100, b'x', -100, b'link', 2)
            """;
        using var cancel = new CancellationTokenSource();
        var up = new TaskCompletionSource();
        var shared = new BindMount(volume.Path, "/tmp/volume") { ReadOnly = false };
        var attacker = Container.RunAsync(
            Script.Python(attack) with
            {
                Mounts = [shared],
                Environment = new Dictionary<string, string> { ["CANARY"] = root.Canary },
                StandardOutput = StandardStream.To(new SignallingStream(up)),
            },
            cancel.Token);
        await Task.WhenAny(up.Task, attacker).WaitAsync(TimeFactor.Seconds(60), TestContext.Current.CancellationToken);

        for (var i = 0; i < TimeFactor.Times(60, 500); i++)
        {
            Mount mount = i % 2 == 0 ? new TmpfsMount("/tmp/volume/x/y") : new BindMount("/usr", "/tmp/volume/x/y");
            await TryAsync(Script.Shell("true") with { Mounts = [shared, mount] });
            root.AssertCanaryUntouched();
        }

        Assert.False(attacker.IsCompleted, "The attack ended early.");
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => attacker);
    }

    /// <summary>A root whose canary everybody may write: only the look-up keeps it safe.</summary>
    private static RootDirectory Prepared()
    {
        var root = new RootDirectory();
        foreach (var path in new[] { root.Canary, root.Path })
        {
            File.SetUnixFileMode(path, (UnixFileMode)0x1FF); // 0777
        }

        return root;
    }

    private static string Target(RootDirectory root, Aim aim) => aim switch
    {
        Aim.Absolute => root.Canary,
        Aim.Relative => $"../../../../../../../../..{root.Canary}",
        _ => $"/proc/{Environment.ProcessId}/root{root.Canary}",
    };

    private static async Task RaceAsync(
        RootDirectory root, string first, string second, Func<int, ContainerOptions> options)
    {
        var before = await Leftovers.Before();
        long exchanges;
        using (var racer = new RenameRacer(first, second))
        {
            for (var i = 0; i < TimeFactor.Times(50, 500); i++)
            {
                await TryAsync(options(i));
                root.AssertCanaryUntouched();
            }

            exchanges = racer.Exchanges;
        }

        Assert.NotEqual(0, exchanges);
        await before.AssertNone();
    }

    /// <summary>Runs a container that may be refused, but that does what it should when it runs.</summary>
    private static async Task TryAsync(ContainerOptions options)
    {
        try
        {
            var result = await Script.RunAsync(options);
            Assert.True(result.ExitStatus.IsSuccess, $"{result.ExitStatus} {result.StandardError}");
        }
        catch (LinuxException)
        {
            // Refused by a step.
        }
        catch (ArgumentException)
        {
            // Refused by the look-up of the user.
        }
    }

    /// <summary>A stream that says when something is written to it.</summary>
    private sealed class SignallingStream(TaskCompletionSource written) : MemoryStream
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            written.TrySetResult();
            return ValueTask.CompletedTask;
        }
    }
}
