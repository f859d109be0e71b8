using System.Runtime.CompilerServices;
using ContainerKit.KernelTests.Cgroups;
using ContainerKit.Linux;
using Xunit.Sdk;
using Xunit.v3;

namespace ContainerKit.KernelTests;

/// <summary>
/// A test of what needs cgroups of this user's own, and of some kind: where there are none, or only others, there is no
/// such test, rather than one that is skipped, or one that cannot fail.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer(typeof(CgroupFactDiscoverer))]
internal sealed class CgroupFactAttribute(
    [CallerFilePath] string? sourceFilePath = null, [CallerLineNumber] int sourceLineNumber = -1)
    : FactAttribute(sourceFilePath, sourceLineNumber)
{
    /// <summary>Whether it is of what version 2 alone tells, beside version 1 or without it.</summary>
    public bool OfVersion2 { get; set; }

    /// <summary>Whether it is of what only a host with nothing but version 2 has.</summary>
    public bool OfPureVersion2 { get; set; }

    /// <summary>Whether it is of what version 1 alone has, beside version 2 or without it.</summary>
    public bool OfVersion1 { get; set; }

    /// <summary>Whether it is of what only a host with nothing but version 1 has.</summary>
    public bool OfPureVersion1 { get; set; }

    /// <summary>Whether it needs a freezer of version 1, in which it holds back a kill.</summary>
    public bool WithStuckProcess { get; set; }

    /// <summary>Whether it needs a block device, and what limits its use.</summary>
    public bool WithBlockDevice { get; set; }

    /// <summary>Whether only root can do it.</summary>
    public bool AsRoot { get; set; }

    /// <summary>Whether there is such a test here.</summary>
    public bool IsHere =>
        (Host.IsRoot || (Parent is not null && !AsRoot))
        && (HasVersion2 || !OfVersion2)
        && (IsPureVersion2 || !OfPureVersion2)
        && (HasVersion1 || !OfVersion1)
        && (!HasVersion2 || !OfPureVersion1)
        && (!WithStuckProcess || StuckProcess.IsPossible)
        && (!WithBlockDevice || TestDevices.FindDisk() is not null);

    /// <summary>Whether this host has version 2.</summary>
    public static bool HasVersion2 { get; } =
        File.ReadLines("/proc/self/cgroup").Any(line => line.StartsWith("0::", StringComparison.Ordinal));

    /// <summary>Whether this host has version 1.</summary>
    public static bool HasVersion1 { get; } =
        File.ReadLines("/proc/self/cgroup").Any(line => !line.StartsWith("0::", StringComparison.Ordinal));

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
        factAttribute is CgroupFactAttribute { IsHere: true }
            ? _facts.Discover(discoveryOptions, testMethod, factAttribute)
            : ValueTask.FromResult<IReadOnlyCollection<IXunitTestCase>>([]);
}
