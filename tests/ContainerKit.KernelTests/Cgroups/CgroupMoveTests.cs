using System.Diagnostics;
using ContainerKit.Linux;

namespace ContainerKit.KernelTests.Cgroups;

/// <summary>Processes are moved whole, or stay where they are.</summary>
public class CgroupMoveTests
{
    private const string WithoutVersion2 = """
        awk '$3 == "cgroup2" { print $2 }' /proc/mounts | xargs -r umount
        exec "$@"
        """;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [CgroupFact]
    public async Task What_one_hierarchy_refuses_is_back_in_all()
    {
        await using var group = TestCgroups.Create();
        using var process = Resting.Start("");
        var before = Where(process);
        Directory.Delete(group.Directories[^1]);
        Assert.Throws<LinuxException>(() => group.MoveThread(process.Id));
        Assert.Equal(before, Where(process));
        Assert.Throws<LinuxException>(() => group.Move(process.Id));
        Assert.Equal(before, Where(process));
    }

    [CgroupFact]
    public async Task All_processes_are_moved_into_a_new_group()
    {
        await using var group = TestCgroups.Create();
        using var process = TestCgroups.Rest(group, "sleep 1000 & echo; wait");
        await process.Output.ReadLineAsync(Cancelled);
        var all = group.ReadProcesses();
        await using var child = group.MoveProcessesInto("all");
        Assert.Empty(group.ReadProcesses());
        Assert.Equal(all.Order(), child.ReadProcesses().Order());
    }

    [CgroupFact(AsRoot = true)]
    public async Task When_one_of_many_is_refused_all_are_back_and_nothing_is_made()
    {
        const string budget = "cpu.rt_runtime_us"; // a new group of version 1 has none, and takes no real-time process
        await using var group = TestCgroups.Create();
        if (group.Directories.FirstOrDefault(path => File.Exists($"{path}/{budget}")) is not { } cpu)
        {
            return;
        }

        await File.WriteAllTextAsync($"{cpu}/{budget}", "1000", Cancelled);
        using Resting first = TestCgroups.Rest(group), second = TestCgroups.Rest(group),
            third = TestCgroups.Rest(group);
        await Process.Start("chrt", ["--rr", "--pid", "1", $"{second.Id}"]).WaitForExitAsync(Cancelled);
        string[] before = [Where(first), Where(second), Where(third)];
        Assert.Equal(Errno.EINVAL, Assert.Throws<LinuxException>(() => group.MoveProcessesInto("all")).Errno);
        Assert.Equal<string>(before, (string[])[Where(first), Where(second), Where(third)]);
        Assert.Empty(group.ReadChildren());
    }

    [CgroupFact(AsRoot = true, OfVersion2 = true)]
    public async Task A_process_of_another_pid_namespace_is_a_typed_refusal_and_nothing_is_made()
    {
        await using var group = TestCgroups.Create();
        using var process = TestCgroups.Rest(group);
        await using var host = HostProcess.StartThrough(
            ["unshare", "--pid", "--fork", "--mount-proc"], "gather", group.Path, "all");
        var (_, said) = await host.EndAsync();
        Assert.StartsWith(nameof(LimitNotSupportedException), said, StringComparison.Ordinal);
        Assert.Equal([process.Id], group.ReadProcesses());
        Assert.Empty(group.ReadChildren());
    }

    [CgroupFact(AsRoot = true, OfVersion1 = true)]
    public async Task A_process_of_another_pid_namespace_is_not_seen_by_version_1_and_stays()
    {
        await using var group = TestCgroups.Create();
        using var process = TestCgroups.Rest(group);
        await using var host = HostProcess.StartThrough(
            ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-ec", WithoutVersion2, "sh"],
            "gather", group.Path, "all");
        var (_, said) = await host.EndAsync();
        Assert.Equal("moved\n", said);
        Assert.Equal([process.Id], group.ReadProcesses());
        await using var child = group.OpenChild("all");
        Assert.Empty(child.ReadProcesses());
    }

    [RootFact]
    public void A_thread_of_the_kernel_is_told_from_a_process()
    {
        Assert.False(ProcessNumbers.IsOfKernel(Environment.ProcessId));
        Assert.False(ProcessNumbers.IsOfKernel(int.MaxValue));
        var second = File.ReadAllText("/proc/2/comm");
        Assert.Equal(second is "kthreadd\n", ProcessNumbers.IsOfKernel(2));
    }

    private static string Where(Resting process) => File.ReadAllText($"/proc/{process.Id}/cgroup");
}
