using System.Diagnostics;
using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>Namespaces that are there already: opened, told apart, and asked whose they are.</summary>
public class NamespaceTests
{
    private static readonly NamespaceKinds[] Kinds =
        [.. Enum.GetValues<NamespaceKinds>().Where(kind => uint.PopCount((uint)kind) == 1)];

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public void Each_kind_of_this_process_is_named_as_proc_names_it()
    {
        foreach (var kind in Kinds)
        {
            using var own = Namespace.OfThisProcess(kind);
            using var again = Namespace.OfProcess(Environment.ProcessId, kind);
            using var opened = Namespace.Open($"/proc/self/ns/{own.ToString().Split(':')[0]}");

            Assert.Equal(kind, own.Kind);
            Assert.Equal(ProcessTree.Find(Environment.ProcessId)!.Value.Namespace(own.ToString().Split(':')[0]),
                $"{own}");
            Assert.All([again, opened], same =>
                Assert.Equal((own, own.Id, own.GetHashCode()), (same, same.Id, same.GetHashCode())));
        }
    }

    [Fact]
    public async Task A_container_has_others_than_this_process_and_shares_what_it_was_not_given()
    {
        await using var container = await Container.StartAsync(
            Sleeper with { Namespaces = NamespaceKinds.Default & ~NamespaceKinds.Network }, Cancelled);
        foreach (var kind in Kinds)
        {
            using var own = Namespace.OfThisProcess(kind);
            using var its = Namespace.OfProcess(container.Pid, kind);
            Assert.Equal(kind is NamespaceKinds.Network or NamespaceKinds.Time, own.Equals(its));
        }
    }

    [Fact]
    public async Task All_of_a_process_are_listed_and_nothing_stays_open()
    {
        await using var container = await Container.StartAsync(Sleeper, Cancelled);
        var before = Directory.GetFiles("/proc/self/fd").Length;
        var list = Namespace.ListOfProcess(container.Pid);
        Assert.Equal(Kinds.Order(), list.Select(opened => opened.Kind).Order());
        foreach (var opened in list)
        {
            opened.Dispose();
        }

        Assert.InRange(Directory.GetFiles("/proc/self/fd").Length, 0, before);
    }

    [Fact]
    public void Namespaces_for_children_are_listed_where_they_are_others()
    {
        using var process = Process.Start(new ProcessStartInfo(
            "unshare", ["--user", "--map-root-user", "--time", "--pid", "--fork", "--kill-child", "sh", "-c",
                "echo up; exec sleep 1000"])
        {
            RedirectStandardOutput = true,
        })!;
        Assert.Equal("up", process.StandardOutput.ReadLine());
        var list = Namespace.ListOfProcess(process.Id);
        process.Kill();
        process.WaitForExit();

        Assert.Equal(10, list.Count);
        Assert.Equal([NamespaceKinds.Pid, NamespaceKinds.Time], list.Skip(8).Select(opened => opened.Kind));
        using var parent = list[8].OpenParent();
        using var own = Namespace.OfThisProcess(NamespaceKinds.Pid);
        Assert.Equal(own, parent);
        foreach (var opened in list)
        {
            opened.Dispose();
        }
    }

    [Fact]
    public async Task The_owner_of_a_containers_namespaces_is_its_user_namespace_and_the_parent_of_that_this_processs()
    {
        await using var container = await Container.StartAsync(Sleeper, Cancelled);
        using var user = Namespace.OfProcess(container.Pid, NamespaceKinds.User);
        using var network = Namespace.OfProcess(container.Pid, NamespaceKinds.Network);
        using var owner = network.OpenOwner();
        using var parent = user.OpenParent();
        using var ownersOwner = user.OpenOwner();
        using var own = Namespace.OfThisProcess(NamespaceKinds.User);

        Assert.Equal(user, owner);
        Assert.Equal(own, parent);
        Assert.Equal(own, ownersOwner);
        Assert.Equal(Syscall.EffectiveUser, user.OwnerUserId);
    }

    [Fact]
    public async Task What_a_namespace_cannot_say_is_refused_and_the_error_says_why()
    {
        await using var container = await Container.StartAsync(Sleeper, Cancelled);
        using var network = Namespace.OfProcess(container.Pid, NamespaceKinds.Network);
        using var own = Namespace.OfThisProcess(NamespaceKinds.User);

        Assert.All(
            [() => network.OpenParent(), () => network.OwnerUserId],
            (Func<object> question) =>
            {
                var refusal = Assert.Throws<LinuxException>(question);
                Assert.Equal(("ioctl", Errno.EINVAL, $"{network}"), (refusal.Call, refusal.Errno, refusal.Path));
                Assert.Contains("Only user and pid namespaces", refusal.Message, StringComparison.Ordinal);
            });
        var above = Assert.Throws<LinuxException>(own.OpenParent);
        Assert.Equal(Errno.EPERM, above.Errno);
        Assert.Contains("outside this process's own", above.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_held_namespace_outlives_the_process_that_was_in_it()
    {
        var before = await Leftovers.Before();
        var container = await Container.StartAsync(Sleeper, Cancelled);
        using (var network = Namespace.OfProcess(container.Pid, NamespaceKinds.Network))
        {
            await container.DisposeAsync();
            using var owner = network.OpenOwner();
            Assert.Equal(NamespaceKinds.User, owner.Kind);
        }

        await before.AssertNone();
    }

    [Fact]
    public async Task A_process_that_ended_has_none()
    {
        await using var container = await Container.StartAsync(Sleeper, Cancelled);
        using var pidfd = Syscall.PidfdOpen(container.Pid)!;
        var gone = container.Pid;
        await container.DisposeAsync();

        Assert.All(
            [() => Namespace.OfProcess(gone, NamespaceKinds.Network), () => Namespace.ListOfProcess(gone),
                () => Namespace.OfProcess(pidfd, NamespaceKinds.Network), () => Namespace.Open($"/proc/{gone}/ns/net")],
            (Func<object> question) =>
                Assert.Contains(Assert.Throws<LinuxException>(question).Errno, (Errno[])[Errno.ESRCH, Errno.ENOENT]));
        Assert.Throws<ArgumentOutOfRangeException>(() => Namespace.OfProcess(0, NamespaceKinds.Network));
        Assert.Throws<ArgumentOutOfRangeException>(() => Namespace.OfProcess(-1, NamespaceKinds.Network));
    }

    [Fact]
    public void A_process_that_has_ended_and_was_not_reaped_has_none()
    {
        using var process =
            Process.Start(new ProcessStartInfo("sh", ["-c", "sleep 1000 & exec sh -c \"echo $!; exec sleep 1000\""])
            { RedirectStandardOutput = true })!;
        try
        {
            var remains =
                int.Parse(process.StandardOutput.ReadLine()!, System.Globalization.CultureInfo.InvariantCulture);
            using var pidfd = Syscall.PidfdOpen(remains)!;
            Syscall.Kill(pidfd);
            Assert.True(Syscall.IsReady(pidfd, EpollEvents.EPOLLIN, TimeSpan.FromMilliseconds(999)));
            Assert.Throws<LinuxException>(() => Namespace.OfProcess(remains, NamespaceKinds.Network));
            Assert.Throws<LinuxException>(() => Namespace.ListOfProcess(remains));
        }
        finally
        {
            process.Kill();
            process.WaitForExit();
        }
    }

    [Theory]
    [InlineData("/dev/null")]
    [InlineData("/proc/self/status")]
    [InlineData("/proc/self/ns")]
    [InlineData("/usr")]
    [InlineData("fifo")]
    public void A_path_that_is_no_namespace_is_refused_and_not_opened(string path)
    {
        using var temp = new TempDirectory();
        if (path == "fifo")
        {
            path = temp["fifo"];
            using var made = Process.Start("mkfifo", [path]);
            made.WaitForExit();
        }

        Assert.Contains("is no namespace", Assert.Throws<ArgumentException>(() => Namespace.Open(path)).Message,
            StringComparison.Ordinal);
        Assert.Equal(Errno.ENOENT, Assert.Throws<LinuxException>(() => Namespace.Open(temp["missing"])).Errno);
        Assert.Throws<ArgumentException>(() => Namespace.Open(""));
    }

    [Theory]
    [InlineData(NamespaceKinds.None)]
    [InlineData(NamespaceKinds.Network | NamespaceKinds.Ipc)]
    [InlineData((NamespaceKinds)1)]
    public void What_is_not_one_kind_is_refused(NamespaceKinds kind)
    {
        Assert.Throws<ArgumentException>(() => Namespace.OfThisProcess(kind));
        Assert.Throws<ArgumentException>(() => Namespace.OfProcess(Environment.ProcessId, kind));
    }

    [Fact]
    public void A_disposed_one_says_so()
    {
        var own = Namespace.OfThisProcess(NamespaceKinds.User);
        own.Dispose();
        own.Dispose();

        Assert.Throws<ObjectDisposedException>(own.OpenOwner);
        Assert.StartsWith("user:[", $"{own}", StringComparison.Ordinal);
    }

    private static ContainerOptions Sleeper => new() { Command = ["sleep", "1000"] };
}
