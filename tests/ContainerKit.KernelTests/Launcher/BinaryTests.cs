using System.Runtime.InteropServices;

namespace ContainerKit.KernelTests;

/// <summary>The launcher's binaries, which are checked in: what they are made of, and that they are small.</summary>
public class BinaryTests
{
    [Theory(Skip = Tools.NoCompilers, SkipUnless = nameof(Tools.HasCompilers), SkipType = typeof(Tools))]
    [InlineData(Architecture.X64, "launcher.x64.elf")]
    [InlineData(Architecture.Arm64, "launcher.arm64.elf")]
    [Trait(Tools.Needs, Tools.Self)]
    public void The_embedded_launcher_is_what_the_source_compiles_to(Architecture architecture, string name)
    {
        using var directory = new TempDirectory();
        directory.Write("launcher.c", Sources.Text("Launch/launcher.c"));
        Tools.Run("sh", directory.Write("build-launcher", Sources.Text("Launch/build-launcher")), directory.Path);

        Assert.True(
            File.ReadAllBytes(directory[name]).AsSpan().SequenceEqual(Launcher.Program(architecture)),
            $"{name} is not what launcher.c compiles to; run src/ContainerKit/Launch/build-launcher with Debian 12's "
                + "compilers.");
    }

    [Theory]
    [InlineData(Architecture.X64)]
    [InlineData(Architecture.Arm64)]
    public void The_launcher_is_smaller_than_a_page(Architecture architecture) =>
        Assert.InRange(Launcher.Program(architecture).Length, 1, 4095);

    [Fact]
    public void The_launchers_source_has_at_most_300_lines() =>
        Assert.InRange(Sources.Text("Launch/launcher.c").TrimEnd('\n').Split('\n').Length, 1, 300);

    [Fact]
    public void Another_architecture_is_refused_by_its_name() =>
        Assert.Contains("RiscV64",
            Assert.Throws<PlatformNotSupportedException>(() => Launcher.Program(Architecture.RiscV64)).Message);
}
