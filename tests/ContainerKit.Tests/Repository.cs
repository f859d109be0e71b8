using System.Reflection;

namespace ContainerKit.Tests;

/// <summary>The checkout these tests were built from, for the tests that read its files.</summary>
internal static class Repository
{
    /// <summary>The absolute path of a file of the checkout.</summary>
    public static string PathOf(string relative) => Path.Combine(Root, relative);

    private static string Root { get; } = typeof(Repository).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(attribute => attribute.Key == "RepositoryRoot").Value!;
}
