using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>The launcher as a file, in memory and on a disk: nobody else may change it.</summary>
public class LauncherFileTests
{
    [Fact]
    public void CVE_2019_5736_The_launcher_in_memory_can_be_neither_written_nor_resized()
    {
        using var file = Launcher.Memory.Open();
        var length = RandomAccess.GetLength(file);

        AssertNotPermitted(() => RandomAccess.Write(file, "#!"u8, 0));
        AssertNotPermitted(() => RandomAccess.Write(file, "#!"u8, length));
        AssertNotPermitted(() => RandomAccess.SetLength(file, 0));
        AssertNotPermitted(() => RandomAccess.SetLength(file, length + 1));
    }

    [Fact]
    public async Task A_program_is_run_through_a_launcher_that_is_a_file()
    {
        using var directory = new TempDirectory();
        Launcher.Save(directory["launcher"]);
        await using var host = new ContainerHost(new() { Launcher = Launcher.File(directory["launcher"]) });
        await using var container = await host.StartAsync(
            new() { Command = ["sleep", "1000"] }, TestContext.Current.CancellationToken);

        Assert.Equal("sleep", ProcessTree.Find(container.Pid)!.Value.Name);
        File.SetUnixFileMode(directory["launcher"], (UnixFileMode)0x1C0); // 0700
        var executed = Assert.Throws<IOException>(() =>
            File.OpenHandle(directory["launcher"], access: FileAccess.Write));
        Assert.Equal((int)Errno.ETXTBSY, executed.HResult);
    }

    [Theory]
    [InlineData(0x1FF)] // 0777
    [InlineData(0x1FD)] // 0775
    [InlineData(0x1EF)] // 0757
    public void A_launcher_that_others_may_write_is_refused(int mode)
    {
        using var directory = new TempDirectory();
        Launcher.Save(directory["launcher"]);
        File.SetUnixFileMode(directory["launcher"], (UnixFileMode)mode);

        AssertRefused(directory["launcher"]);
    }

    [RootFact]
    public void A_launcher_that_belongs_to_another_user_is_refused()
    {
        using var directory = new TempDirectory();
        Launcher.Save(directory["launcher"]);
        Tools.Run("chown", "12345", directory["launcher"]);

        AssertRefused(directory["launcher"]);
    }

    private static void AssertRefused(string path) =>
        Assert.Contains("nobody else may write", Assert.Throws<ArgumentException>(Launcher.File(path).Open).Message,
            StringComparison.Ordinal);

    private static void AssertNotPermitted(Action change)
    {
        var refusal = Assert.Throws<UnauthorizedAccessException>(change);
        Assert.Equal((int)Errno.EPERM, refusal.InnerException!.HResult);
    }
}
