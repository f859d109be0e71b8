using System.Runtime.Versioning;
using ContainerKit.KernelTests;
using Xunit.Sdk;
using Xunit.v3;

[assembly: SupportedOSPlatform("linux")]

// One test after another: tests look for what was left in this process and below it, and for what is left of a limit.
[assembly: Parallelization(Mode = ParallelMode.None)]
[assembly: AssemblyFixture(typeof(OneAtATime))]
