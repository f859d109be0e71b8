using Microsoft.CodeAnalysis;

namespace ContainerKit.Tests;

/// <summary>The assemblies this test process can load: the framework's and, beside the tests, the others.</summary>
internal static class Platform
{
    private static readonly string FrameworkDirectory = Path.GetDirectoryName(typeof(object).Assembly.Location)!;

    private static readonly string[] Assemblies =
        ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator);

    public static IEnumerable<PortableExecutableReference> References { get; } =
        [.. Assemblies.Select(path => MetadataReference.CreateFromFile(path))];

    public static PortableExecutableReference Product { get; } =
        References.Single(reference => Path.GetFileName(reference.FilePath) == "ContainerKit.dll");

    public static bool IsFramework(IAssemblySymbol assembly) =>
        File.Exists(Path.Combine(FrameworkDirectory, assembly.Name + ".dll"));
}
