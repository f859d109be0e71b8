using System.Runtime.InteropServices;

namespace ContainerKit.KernelTests;

/// <summary>The tests of launcher.c on arm64, by qemu.</summary>
[Trait(Tools.Needs, Tools.Self)]
public class Arm64LauncherTests : LauncherBehaviour
{
    private protected override Architecture Architecture
    {
        get
        {
            Assert.SkipUnless(Tools.HasArm64, "needs qemu-aarch64-static");
            return Architecture.Arm64;
        }
    }

    [Fact]
    public async Task A_program_for_arm64_is_started_with_its_arguments_and_environment()
    {
        Assert.SkipUnless(Tools.HasArm64 && Tools.HasCompilers, "needs qemu-aarch64-static and aarch64-linux-gnu-gcc");
        var program = Directory["program"];
        Tools.Run(Tools.Compiler(Architecture), "-static", "-o", program, Directory.Write("program.c", """
            #include <stdlib.h>
            #include <string.h>
            int main(int count, char **arguments)
            {
                char *value = getenv("NAME");
                return count == 3 && !strcmp(arguments[2], "two words") && value && !strcmp(value, "value") ? 42 : 1;
            }
            """));

        // The kernel runs no arm64 program by itself, so the step names qemu.
        var (status, failure) = await Run(plan => plan.Add(stage => stage.Execute(
            [Tools.Find("qemu-aarch64-static")!], ["qemu", program, "one", "two words"], ["NAME=value"])));

        Assert.Null(failure);
        Assert.Equal(42, status.ExitCode);
    }
}
