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
    /// <summary>Where this user may make groups: of version 1's freezer, or beside the group it is in itself.</summary>
    public static string? Parent { get; } = Find() is { } parent && Syscall.MayWrite(parent) ? parent : null;

    private static string? Find()
    {
        const string version1 = "/sys/fs/cgroup/freezer";
        var own = File.ReadLines("/proc/self/cgroup")
            .FirstOrDefault(line => line.StartsWith("0::", StringComparison.Ordinal));
        return Directory.Exists(version1) ? version1
            : own is not null && Directory.Exists("/sys/fs/cgroup") ? Path.GetDirectoryName($"/sys/fs/cgroup{own[3..]}")
            : null;
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
