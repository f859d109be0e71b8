using System.Runtime.CompilerServices;
using ContainerKit.Linux;
using Xunit.Sdk;
using Xunit.v3;

namespace ContainerKit.KernelTests;

/// <summary>
/// A test of what needs cgroups of this user's own: a user to whom none was delegated has no such test, rather than one
/// that is skipped.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer(typeof(CgroupFactDiscoverer))]
internal sealed class CgroupFactAttribute(
    [CallerFilePath] string? sourceFilePath = null, [CallerLineNumber] int sourceLineNumber = -1)
    : FactAttribute(sourceFilePath, sourceLineNumber)
{
    /// <summary>Whether it is of what version 2 alone tells, beside version 1 or without it.</summary>
    public bool OfVersion2 { get; set; }

    /// <summary>Whether this host has version 2.</summary>
    public static bool HasVersion2 { get; } =
        File.ReadLines("/proc/self/cgroup").Any(line => line.StartsWith("0::", StringComparison.Ordinal));

    /// <summary>Whether this host has nothing but version 2.</summary>
    public static bool IsPureVersion2 { get; } = HasVersion2 && File.ReadLines("/proc/self/cgroup").Count() == 1;

    /// <summary>
    /// The group in which this user may make others, to put processes of its own there; null when there is none: the
    /// root of version 1's hierarchies, or the group of them that this process is in; in version 2 the one that this
    /// process's own group is in.
    /// </summary>
    public static string? Parent { get; } = Find();

    private static string? Find()
    {
        string[] own = [.. File.ReadLines("/proc/self/cgroup").Select(line => line.Split(':', 3)[2]).Distinct()];
        string[] candidates = IsPureVersion2 ? [own[0][..Math.Max(1, own[0].LastIndexOf('/'))]] : ["/", .. own];
        return Array.Find(candidates, MayMakeGroupsIn);
    }

    private static bool MayMakeGroupsIn(string path)
    {
        try
        {
            return Cgroup.Open(path).Directories.All(Syscall.MayWrite);
        }
        catch (LinuxException)
        {
            return false;
        }
    }
}

/// <summary>Finds these tests where there is such a group.</summary>
internal sealed class CgroupFactDiscoverer : IXunitTestCaseDiscoverer
{
    private readonly FactDiscoverer _facts = new();

    /// <inheritdoc/>
    public ValueTask<IReadOnlyCollection<IXunitTestCase>> Discover(
        ITestFrameworkDiscoveryOptions discoveryOptions, IXunitTestMethod testMethod, IFactAttribute factAttribute) =>
        (Host.IsRoot || CgroupFactAttribute.Parent is not null)
        && (CgroupFactAttribute.HasVersion2 || factAttribute is not CgroupFactAttribute { OfVersion2: true })
            ? _facts.Discover(discoveryOptions, testMethod, factAttribute)
            : ValueTask.FromResult<IReadOnlyCollection<IXunitTestCase>>([]);
}
