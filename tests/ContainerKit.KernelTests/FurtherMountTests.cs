using Microsoft.Win32.SafeHandles;

namespace ContainerKit.KernelTests;

/// <summary>File systems of the container's own, devices, and open files that are shown.</summary>
public class FurtherMountTests
{
    [Fact]
    public async Task A_second_sys_has_the_containers_network_and_the_same_masks()
    {
        var output = await Script.OutputAsync(Mounting(
            new SysfsMount("/tmp/sys"),
            "ls /tmp/sys/class/net; ls -A /tmp/sys/firmware /tmp/sys/devices/virtual/powercap 2>/dev/null | grep -v :; "
                + "(echo 1 >/tmp/sys/kernel/profiling) 2>/dev/null || echo refused"));

        Assert.Equal("lo\nrefused", output);
    }

    [Fact]
    public async Task Another_devpts_has_terminals_of_its_own()
    {
        var output = await Script.OutputAsync(
            Mounting(new DevptsMount("/tmp/pts"), "exec 3<>/tmp/pts/ptmx; ls /tmp/pts; ls /dev/pts"));

        Assert.Equal("0\nptmx\nptmx", output);
    }

    [Fact]
    public async Task Message_queues_are_those_of_the_container() =>
        Assert.Equal("queue", await Script.OutputAsync(
            Mounting(new MqueueMount("/tmp/queues"), ": >/tmp/queues/queue && ls /dev/mqueue")));

    [Fact]
    public async Task A_file_system_whose_namespace_is_the_hosts_is_refused()
    {
        var refusal = await Refusal.OfOptionsAsync(
            Mounting(new SysfsMount("/tmp/x"), "true") with
            { Namespaces = NamespaceKinds.Default & ~NamespaceKinds.Network });
        Assert.Contains("SysfsMount needs a namespace of the container's own: Network", refusal.Message,
            StringComparison.Ordinal);
        refusal = await Refusal.OfOptionsAsync(
            Mounting(new MqueueMount("/tmp/x"), "true") with
            { Namespaces = NamespaceKinds.Default & ~NamespaceKinds.Ipc });
        Assert.Contains("MqueueMount needs a namespace of the container's own: Ipc", refusal.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_device_of_the_host_can_be_used_and_not_changed()
    {
        var mount = new DeviceMount("/dev/zero", "/run/device") { Major = 1, Minor = 5 };
        var script = "head -c 3 /run/device | od -An -tx1; echo x >/run/device; chmod 0600 /run/device 2>/dev/null || "
            + "echo refused; grep ' /run/device ' /proc/self/mountinfo";
        var lines = (await Script.OutputAsync(Mounting(mount, script))).Split('\n');

        Assert.Equal([" 00 00 00", "refused"], lines[..2]);
        foreach (var option in new[] { "ro", "nosuid", "noexec" })
        {
            Assert.Contains(option, lines[2].Split(' ')[5].Split(','));
        }
    }

    [Fact]
    public async Task What_is_no_such_device_is_named()
    {
        using var temp = new TempDirectory();
        foreach (var (mount, errno, said) in new[]
        {
            (new DeviceMount("/dev/zero", "/tmp/x")
                { Major = 1, Minor = 3 }, Errno.ENODEV, "It is the device 1:5, not 1:3"),
            (new DeviceMount(temp.Write("file", ""), "/tmp/x"), Errno.ENODEV, "It is no device"),
            (new DeviceMount(temp.Path, "/tmp/x"), Errno.ENODEV, "It is no device"),
            (new DeviceMount(temp["missing"], "/tmp/x"), Errno.ENOENT, "no such file"),
        })
        {
            var failure = await Refusal.OfStartAsync(Mounting(mount, "true"));
            Assert.Equal(errno, failure.Errno);
            Assert.Contains(said, failure.Hint, StringComparison.Ordinal);
        }

        await Refusal.OfOptionsAsync(Mounting(new DeviceMount("dev/zero", "/tmp/x"), "true"));
        await Refusal.OfOptionsAsync(Mounting(new DeviceMount("/dev/zero", "/tmp/x") { Major = -1 }, "true"));
        await Refusal.OfOptionsAsync(Mounting(new DeviceMount("/dev/zero", "/tmp/x") { Minor = 1 << 20 }, "true"));
    }

    [RootFact]
    public async Task A_device_that_nobody_can_open_is_named()
    {
        using var temp = new TempDirectory();
        await using var host = HostProcess.StartThrough(
            ["unshare", "--mount", "sh", "-ec", "mount -t tmpfs -o nodev none $0; mknod $0/zero c 1 5; exec \"$@\"",
                temp.Path], "device", temp["zero"]);
        var (exitCode, output) = await host.EndAsync();

        Assert.True(exitCode == 0, $"{exitCode}\n{host.Errors}\n{output}");
        Assert.Contains("EACCES", output, StringComparison.Ordinal);
        Assert.Contains("mounted nodev", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_open_directory_is_shown_wherever_it_was_moved()
    {
        using var temp = new TempDirectory();
        File.SetUnixFileMode(temp.Path, (UnixFileMode)0x1ED); // 0755
        temp.Write("directory/file", "content");
        using var handle = Open(temp["directory"]);
        Directory.Move(temp["directory"], temp["moved"]);
        temp.Write("directory/file", "another");
        var options = Mounting(new DescriptorMount(handle, "/tmp/shown"),
            "cat /tmp/shown/file; (: >/tmp/shown/new) 2>/dev/null || echo refused; ls -A /proc/self/fd | wc -l");

        Assert.Equal("contentrefused\n4", await Script.OutputAsync(options));
        Assert.False(handle.IsClosed);
    }

    [Fact]
    public async Task An_open_file_is_shown_by_root_and_refused_to_others()
    {
        using var temp = new TempDirectory();
        File.SetUnixFileMode(temp.Path, (UnixFileMode)0x1ED); // 0755
        using var handle = File.OpenHandle(temp.Write("file", "content"));
        var options = Mounting(new DescriptorMount(handle, "/tmp/shown"), "cat /tmp/shown");
        if (Host.IsRoot)
        {
            Assert.Equal("content", await Script.OutputAsync(options));
            File.Move(temp["file"], temp["moved"]);
            Assert.Equal("content", await Script.OutputAsync(options));
            return;
        }

        var failure = await Refusal.OfStartAsync(options);
        Assert.Equal(Errno.EPERM, failure.Errno);
        Assert.Contains("CAP_SYS_ADMIN", failure.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_deleted_is_refused()
    {
        using var temp = new TempDirectory();
        using var file = File.OpenHandle(temp.Write("file", ""));
        using var directory = Open(Directory.CreateDirectory(temp["directory"]).FullName);
        File.Delete(temp["file"]);
        Directory.Delete(temp["directory"]);
        foreach (var handle in new[] { file, directory })
        {
            Assert.Contains(
                "deleted",
                (await Refusal.OfOptionsAsync(Mounting(new DescriptorMount(handle, "/tmp/x"), "true"))).Message,
                StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_second_open_directory_is_shown_by_root_and_refused_to_others()
    {
        using var handle = Open("/usr/bin");
        using var other = Open("/usr/lib");
        var options = Mounting(new DescriptorMount(handle, "/tmp/a"), "[ -e /tmp/a/sh ] && ls -d /tmp/b") with
        {
            Mounts = [new DescriptorMount(handle, "/tmp/a"), new DescriptorMount(other, "/tmp/b")],
        };
        if (Host.IsRoot)
        {
            Assert.Equal("/tmp/b", await Script.OutputAsync(options));
            return;
        }

        Assert.Equal(Errno.EPERM, (await Refusal.OfStartAsync(options)).Errno);
    }

    [Fact]
    public async Task What_lies_on_no_file_system_is_refused()
    {
        using var memory = Linux.Syscall.MemfdCreate("memory", Linux.MemfdFlags.MFD_CLOEXEC);
        var (read, write) = Linux.Syscall.Pipe();
        var (socket, far) = Linux.Syscall.SocketPair();
        foreach (var handle in new[] { memory, read, write, socket, far })
        {
            var refusal = await Refusal.OfOptionsAsync(Mounting(new DescriptorMount(handle, "/tmp/x"), "true"));
            Assert.Contains("InlineFile", refusal.Message, StringComparison.Ordinal);
            handle.Dispose();
            await Refusal.OfOptionsAsync(Mounting(new DescriptorMount(handle, "/tmp/x"), "true"));
        }
    }

    private static ContainerOptions Mounting(Mount mount, string script) =>
        Script.Shell(script) with { Mounts = [mount] };

    private static SafeFileHandle Open(string path) => Linux.Syscall.Open(path, Linux.OpenFlags.O_PATH);
}
