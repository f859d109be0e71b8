using System.Runtime.CompilerServices;
using Xunit.Sdk;
using Xunit.v3;

namespace ContainerKit.KernelTests;

/// <summary>
/// A test of what an ordinary user does with ids that it may give away: root has no such test, rather than one that is
/// skipped.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer(typeof(RootlessFactDiscoverer))]
internal sealed class RootlessFactAttribute : FactAttribute
{
    public RootlessFactAttribute(
        [CallerFilePath] string? sourceFilePath = null, [CallerLineNumber] int sourceLineNumber = -1)
        : base(sourceFilePath, sourceLineNumber) =>
        (Skip, SkipUnless, SkipType) = (TestIds.Missing, nameof(TestIds.Exist), typeof(TestIds));
}

/// <summary>Finds the tests of an ordinary user where this is one.</summary>
internal sealed class RootlessFactDiscoverer : IXunitTestCaseDiscoverer
{
    private readonly FactDiscoverer _facts = new();

    /// <inheritdoc/>
    public ValueTask<IReadOnlyCollection<IXunitTestCase>> Discover(
        ITestFrameworkDiscoveryOptions discoveryOptions, IXunitTestMethod testMethod, IFactAttribute factAttribute) =>
        Host.IsRoot
            ? ValueTask.FromResult<IReadOnlyCollection<IXunitTestCase>>([])
            : _facts.Discover(discoveryOptions, testMethod, factAttribute);
}
