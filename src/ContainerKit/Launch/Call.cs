using ContainerKit.Linux;

namespace ContainerKit.Launch;

/// <summary>A system call that a step can make: its name, its numbers, and how its arguments print.</summary>
internal sealed record Call(string Name, SyscallNumber Number, params ArgumentPrinter[] Arguments)
{
    private static readonly ArgumentPrinter
        Descriptor = ArgumentPrinters.Descriptor, Text = ArgumentPrinters.Text, Number1 = ArgumentPrinters.Number,
        Octal = ArgumentPrinters.Octal, Data = ArgumentPrinters.Data, Hidden = ArgumentPrinters.Hidden;

    public static readonly Call
        read = new("read", SyscallNumber.read, Descriptor, Hidden, Number1),
        write = new("write", SyscallNumber.write, Descriptor, Data, Number1),
        // what a file holds is nobody's business
        writeContent = new("write", SyscallNumber.write, Descriptor, Hidden, Number1),
        close = new("close", SyscallNumber.close, Descriptor),
        ioctl = new("ioctl", SyscallNumber.ioctl, Descriptor, ArgumentPrinters.Hexadecimal, Hidden),
        terminal = new("ioctl", SyscallNumber.ioctl, Descriptor, ArgumentPrinters.Value<TerminalRequest>(), Hidden),
        socket = new("socket", SyscallNumber.socket,
            ArgumentPrinters.Value<AddressFamily>(), ArgumentPrinters.Flags<SocketKind>(), Number1),
        setsockopt = new("setsockopt", SyscallNumber.setsockopt, Descriptor, Number1, Number1, Hidden, Number1),
        bind = new("bind", SyscallNumber.bind, Descriptor, Hidden, Number1),
        connect = new("connect", SyscallNumber.connect, Descriptor, Hidden, Number1),
        listen = new("listen", SyscallNumber.listen, Descriptor, Number1),
        exit_group = new("exit_group", SyscallNumber.exit_group, Number1),
        socketpair = new("socketpair", SyscallNumber.socketpair,
            ArgumentPrinters.Value<AddressFamily>(), ArgumentPrinters.Flags<SocketKind>(), Number1,
            ArgumentPrinters.TwoResults),
        recvfrom = new("recvfrom", SyscallNumber.recvfrom, Descriptor, Hidden, Number1,
            ArgumentPrinters.Flags<MessageFlags>()),
        sendmsg = new("sendmsg", SyscallNumber.sendmsg, Descriptor, Hidden, ArgumentPrinters.Flags<MessageFlags>()),
        recvmsg = new("recvmsg", SyscallNumber.recvmsg, Descriptor, Hidden, ArgumentPrinters.Flags<MessageFlags>()),
        fchdir = new("fchdir", SyscallNumber.fchdir, Descriptor),
        splice = new("splice", SyscallNumber.splice, Descriptor, Hidden, Descriptor, Hidden, Number1, Hidden),
        renameat = new("renameat", SyscallNumber.renameat, Descriptor, Text, Descriptor, Text),
        fchownat = new("fchownat", SyscallNumber.fchownat,
            Descriptor, Text, Number1, Number1, ArgumentPrinters.Hexadecimal),
        fchmod = new("fchmod", SyscallNumber.fchmod, Descriptor, Octal),
        fsetxattr = new("fsetxattr", SyscallNumber.fsetxattr, Descriptor, Text, Hidden, Number1, Hidden),
        getxattr = new("getxattr", SyscallNumber.getxattr, Text, Text, Hidden, Number1),
        memfd_create = new("memfd_create", SyscallNumber.memfd_create, Text, ArgumentPrinters.Flags<MemfdFlags>()),
        umask = new("umask", SyscallNumber.umask, Octal),
        setsid = new("setsid", SyscallNumber.setsid),
        setgroups = new("setgroups", SyscallNumber.setgroups, Number1, ArgumentPrinters.Ids),
        setresuid = new("setresuid", SyscallNumber.setresuid, Number1, Number1, Number1),
        setresgid = new("setresgid", SyscallNumber.setresgid, Number1, Number1, Number1),
        setreuid = new("setreuid", SyscallNumber.setreuid, Number1, Number1),
        setregid = new("setregid", SyscallNumber.setregid, Number1, Number1),
        setfsuid = new("setfsuid", SyscallNumber.setfsuid, Number1),
        setfsgid = new("setfsgid", SyscallNumber.setfsgid, Number1),
        rt_sigprocmask = new("rt_sigprocmask", SyscallNumber.rt_sigprocmask,
            ArgumentPrinters.Value<SignalMaskHow>(), ArgumentPrinters.Set, Hidden, Hidden),
        pivot_root = new("pivot_root", SyscallNumber.pivot_root, Text, Text),
        prctl = new("prctl", SyscallNumber.prctl, ArgumentPrinters.Value<PrctlOption>(), Number1),
        ambient = new("prctl", SyscallNumber.prctl, ArgumentPrinters.Value<PrctlOption>(),
            ArgumentPrinters.Value<AmbientCommand>(), ArgumentPrinters.Value<Capability>()),
        sethostname = new("sethostname", SyscallNumber.sethostname, Text, Number1),
        mount = new("mount", SyscallNumber.mount, Text, Text, Text, ArgumentPrinters.Flags<MountFlags>(), Text),
        umount2 = new("umount2", SyscallNumber.umount2, Text, ArgumentPrinters.Flags<UnmountFlags>()),
        execve = new("execve", SyscallNumber.execve, Text, ArgumentPrinters.Texts, ArgumentPrinters.Variables),
        capset = new("capset", SyscallNumber.capset, Hidden, ArgumentPrinters.CapabilitySets),
        getpid = new("getpid", SyscallNumber.getpid),
        keyctl = new("keyctl", SyscallNumber.keyctl, ArgumentPrinters.Value<KeyctlOperation>(), Number1),
        openat = new("openat", SyscallNumber.openat, Descriptor, Text, ArgumentPrinters.Flags<OpenFlags>(), Octal),
        mkdirat = new("mkdirat", SyscallNumber.mkdirat, Descriptor, Text, Octal),
        mknodat = new("mknodat", SyscallNumber.mknodat, Descriptor, Text, Octal, Number1),
        symlinkat = new("symlinkat", SyscallNumber.symlinkat, Text, Descriptor, Text),
        unshare = new("unshare", SyscallNumber.unshare, ArgumentPrinters.Flags<CloneFlags>()),
        setns = new("setns", SyscallNumber.setns, Descriptor, ArgumentPrinters.Flags<CloneFlags>()),
        dup3 = new("dup3", SyscallNumber.dup3, Descriptor, Descriptor, ArgumentPrinters.Flags<OpenFlags>()),
        prlimit64 = new("prlimit64", SyscallNumber.prlimit64,
            Number1, ArgumentPrinters.Value<Resource>(), ArgumentPrinters.Limit, Hidden),
        open_tree =
            new("open_tree", SyscallNumber.open_tree, Descriptor, Text, ArgumentPrinters.Flags<OpenTreeFlags>()),
        move_mount = new("move_mount", SyscallNumber.move_mount,
            Descriptor, Text, Descriptor, Text, ArgumentPrinters.Flags<MoveMountFlags>()),
        fsopen = new("fsopen", SyscallNumber.fsopen, Text, ArgumentPrinters.Flags<FsOpenFlags>()),
        fsconfig = new("fsconfig", SyscallNumber.fsconfig,
            Descriptor, ArgumentPrinters.Value<FsConfigCommand>(), Text, Text, Number1),
        fsmount = new("fsmount", SyscallNumber.fsmount,
            Descriptor, ArgumentPrinters.Flags<FsMountFlags>(), ArgumentPrinters.Flags<MountAttributes>()),
        clone3 = new("clone3", SyscallNumber.clone3, ArgumentPrinters.CloneArguments, Hidden),
        close_range = new("close_range", SyscallNumber.close_range,
            Number1, ArgumentPrinters.Hexadecimal, ArgumentPrinters.Flags<CloseRangeFlags>()),
        openat2 = new("openat2", SyscallNumber.openat2, Descriptor, Text, ArgumentPrinters.OpenHow, Hidden),
        mount_setattr = new("mount_setattr", SyscallNumber.mount_setattr,
            Descriptor, Text, ArgumentPrinters.Flags<SetAttributesFlags>(), ArgumentPrinters.MountAttributes, Hidden),
        openInside = openat2 with { }, // fails for reasons of its own, as the next
        mapIds = mount_setattr with { }; // an object of its own: it fails for reasons of its own

    /// <summary>The launcher's roles, which stand where a system call would.</summary>
    public static readonly Call
        supervise = new("supervise", new SyscallNumber(0xfff0, 0xfff0), Descriptor, Descriptor, Descriptor),
        init = new("init", new SyscallNumber(0xfff1, 0xfff1), Descriptor, Descriptor),
        @continue = new("continue", new SyscallNumber(0xfff2, 0xfff2)),
        reside = new("reside", new SyscallNumber(0xfff3, 0xfff3));
}
