using ContainerKit.Launch;

namespace ContainerKit.KernelTests;

/// <summary>What a start finds made for it.</summary>
public class LauncherKitTests
{
    [Fact]
    public void One_is_made_ahead_of_seven_descriptors_and_serves_one_start()
    {
        LauncherKit.Take(Launcher.Memory).Dispose();
        var before = Descriptors();
        LauncherKit.Prepare(Launcher.Memory);
        LauncherKit.Prepare(Launcher.Memory);
        Assert.Equal(7, Descriptors() - before);

        using (LauncherKit first = LauncherKit.Take(Launcher.Memory), second = LauncherKit.Take(Launcher.Memory))
        {
            Assert.Equal(14, Descriptors() - before);
            Assert.NotEqual(first.Program.DangerousGetHandle(), second.Program.DangerousGetHandle());
        }

        Assert.Equal(before, Descriptors());
    }

    [Fact]
    public void None_is_made_ahead_of_a_launcher_that_is_a_file()
    {
        using var directory = new TempDirectory();
        Launcher.Save(directory["launcher"]);
        LauncherKit.Take(Launcher.Memory).Dispose();
        var before = Descriptors();
        LauncherKit.Prepare(Launcher.File(directory["launcher"]));

        Assert.Equal(before, Descriptors());
    }

    /// <summary>Of the kinds that it has.</summary>
    private static int Descriptors() => ProcessTree.Find(Environment.ProcessId)!.Value.Descriptors().Values
        .Count(target => target.Split(':')[0] is "socket" or "/memfd");
}
