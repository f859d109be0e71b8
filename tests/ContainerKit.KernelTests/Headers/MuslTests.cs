using System.Reflection;
using System.Runtime.InteropServices;

namespace ContainerKit.KernelTests;

[Trait(Tools.Needs, Tools.Self)]
public class MuslTests
{
    [Fact(Skip = "needs Debian's musl, and nm", SkipUnless = nameof(Tools.HasMusl), SkipType = typeof(Tools))]
    public void Every_imported_function_is_exported_by_musl()
    {
        var exported = Tools.Run("nm", "--dynamic", "--defined-only", "--format=just-symbols", Tools.Musl).Split('\n');

        Assert.Empty(EntryPoints().Except(exported));
    }

    [Fact]
    public void The_imported_functions_are_found()
    {
        Assert.Contains("posix_spawn", EntryPoints());
        Assert.Contains("syscall", EntryPoints());
    }

    /// <summary>What the generated code imports, in the end, by the name it has in libc.</summary>
    private static IEnumerable<string> EntryPoints() =>
        from type in typeof(Container).Assembly.GetTypes()
        from method in type.GetMethods(
            BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
        let import = method.GetCustomAttribute<DllImportAttribute>()
        where import is not null
        select import.EntryPoint;
}
