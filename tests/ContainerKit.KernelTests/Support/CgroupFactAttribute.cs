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
    /// <summary>Whether this host has nothing but version 2.</summary>
    public static bool IsPureVersion2 { get; } = File.ReadLines("/proc/self/cgroup").Count() == 1;

    /// <summary>
    /// The group in which this user may make others, to put processes of its own there; null when there is none: the
    /// root of version 1's hierarchies, or in version 2 the one that this process's own group is in.
    /// </summary>
    public static string? Parent { get; } = Find();

    private static string? Find()
    {
        var own = File.ReadLines("/proc/self/cgroup").Last()[3..];
        var path = IsPureVersion2 ? own[..Math.Max(1, own.LastIndexOf('/'))] : "/";
        try
        {
            var group = Cgroup.Open(path);
            return group.Directories.All(Syscall.MayWrite) ? path : null;
        }
        catch (LinuxException)
        {
            return null;
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
        Host.IsRoot || CgroupFactAttribute.Parent is not null
            ? _facts.Discover(discoveryOptions, testMethod, factAttribute)
            : ValueTask.FromResult<IReadOnlyCollection<IXunitTestCase>>([]);
}
