using System.Runtime.InteropServices;
using System.Text;
using ContainerKit.Linux;

namespace ContainerKit.Launch;

internal sealed partial class LaunchStage
{
    /// <summary>clone3(2) with a pidfd: the child goes on at the next step, the parent where the plan says.</summary>
    public Descriptor Fork(CloneFlags flags) => Fork(flags, Data.NewResult());

    /// <summary>The same with the pidfd at an address, into a cgroup of version 2 by its directory's number.</summary>
    public Descriptor Fork(CloneFlags flags, long pidfd, Descriptor? cgroup = null)
    {
        const ulong SIGCHLD = (ulong)Signal.SIGCHLD;
        var arguments = new CloneArguments
        {
            Flags = (ulong)(flags | CloneFlags.CLONE_PIDFD) | (cgroup is null ? 0 : CloneArguments.IntoCgroup),
            Pidfd = (ulong)pidfd,
            ExitSignal = SIGCHLD,
            Cgroup = (ulong)(cgroup?.Value ?? 0),
        };
        Add(Call.clone3, Data.Add(arguments), 88);
        return Descriptor.ResultAt(pidfd);
    }

    /// <summary>
    /// clone(2) with a pidfd at an address, into no namespace and no cgroup: filters of container engines let pass what
    /// they can see the flags of. A child that shares memory until exec has a stack of its own there.
    /// </summary>
    public Descriptor ForkPlainly(long pidfd, bool sharesMemory)
    {
        var flags = CloneFlags.CLONE_PIDFD | (sharesMemory ? CloneFlags.CLONE_VM : 0);
        Add(Call.clone, (long)flags | (long)Signal.SIGCHLD, sharesMemory ? PlanData.ChildStack : 0, pidfd);
        return Descriptor.ResultAt(pidfd);
    }

    /// <summary>clone(2) of a child that its parent is not told the end of, and does not wait for.</summary>
    public void ForkUntold() => Add(Call.clone, 0);

    /// <summary>getpid(2), and pidfd_open(2) of that.</summary>
    public Descriptor OpenSelf()
    {
        GetProcessId();
        return Keep(ref Add(Call.pidfd_open, KeepResult(), 0));
    }

    /// <summary>ppoll(2) of one descriptor, by its number, until it can be read or is at its end.</summary>
    public void WaitFor(int descriptor) => Add(Call.ppoll, Data.Add(new Polled(descriptor, 1, 0)), 1); // POLLIN

    /// <summary>Keeps the last step's result as digits, over the end of the text that ends before an address.</summary>
    public void KeepDigits(long end)
    {
        ref var step = ref Last;
        step.Store = end - (int)StoreAs.Digits;
        step.StoreAs = StoreAs.Digits;
    }

    /// <summary>Keeps the last step's result, for others to use.</summary>
    public Descriptor KeepResult() => Keep(ref Last);

    /// <summary>Keeps the last step's result at an address, such as that of a structure's field.</summary>
    public Descriptor KeepResultAt(long address)
    {
        ref var step = ref Last;
        (step.Store, step.StoreAs) = (address, StoreAs.Number);
        return Descriptor.ResultAt(address);
    }

    /// <summary>sendmsg(2) of at least one byte.</summary>
    public void Send(Descriptor socket, long message) => Add(Call.sendmsg, socket, message, 0).Least = 1;

    /// <summary>recvmsg(2) of at least one byte: waits, and fails when the other end is closed.</summary>
    public void Receive(Descriptor socket, long message) =>
        Add(Call.recvmsg, socket, message, (long)MessageFlags.MSG_CMSG_CLOEXEC).Least = 1;

    /// <summary>getpid(2).</summary>
    public void GetProcessId() => Add(Call.getpid);

    /// <summary>recvfrom(2) that succeeds while the other end is open, and fails when it is closed.</summary>
    public void CheckPeerLives(Descriptor socket)
    {
        ref var step = ref Add(Call.recvfrom, socket, Data.Reserve(1), 1, (long)MessageFlags.MSG_DONTWAIT);
        step.Tolerate(Errno.EAGAIN);
        step.Least = 1;
    }

    /// <summary>prctl(2).</summary>
    public void Prctl(PrctlOption option, long value) => Add(Call.prctl, (long)option, value);

    /// <summary>setgroups(2).</summary>
    public void SetGroups(ReadOnlySpan<uint> groups) =>
        Add(Call.setgroups, groups.Length, groups.IsEmpty ? 0 : Data.Add(MemoryMarshal.AsBytes(groups)));

    /// <summary>
    /// The same without further groups, where the user namespace lets them go, to root's ids; if it
    /// <paramref name="mustBe"/> not, only where it has them.
    /// </summary>
    public void BecomeRoot(bool mustBe)
    {
        SetGroups([]);
        Last.Tolerate(Errno.EPERM);
        Last.Tolerate(Errno.EINVAL);
        SetIds(0, 0);
        if (!mustBe)
        {
            Steps[^1].Tolerate(Errno.EINVAL);
            Steps[^2].Tolerate(Errno.EINVAL);
        }
    }

    /// <summary>setresgid(2), then setresuid(2).</summary>
    public void SetIds(uint user, uint group)
    {
        Add(Call.setresgid, group, group, group);
        Add(Call.setresuid, user, user, user);
    }

    /// <summary>setfsgid(2), then setfsuid(2): whose the files are that are made from now on.</summary>
    public void SetFileIds(uint user, uint group)
    {
        Add(Call.setfsgid, group);
        Add(Call.setfsuid, user);
    }

    /// <summary>
    /// setregid(2), then setreuid(2), that change nothing but the ids for files, back to the effective ones.
    /// </summary>
    public void ResetFileIds()
    {
        Add(Call.setregid, -1, -1);
        Add(Call.setreuid, -1, -1);
    }

    /// <summary>seccomp(2): the kernel asks a filter of each call from the next on.</summary>
    public void SetFilter(ReadOnlySpan<byte> filter, SeccompFlags flags)
    {
        var program = new FilterProgram((ushort)(filter.Length / FilterInstruction.Size), Data.Add(filter));
        Add(Call.seccomp, (long)SeccompOperation.SECCOMP_SET_MODE_FILTER, (long)flags, Data.Add(program));
    }

    /// <summary>setpgid(2): a process group of its own.</summary>
    public void LeadProcessGroup() => Add(Call.setpgid, 0, 0);

    /// <summary>setsid(2).</summary>
    public void NewSession() => Add(Call.setsid);

    /// <summary>umask(2).</summary>
    public void SetUmask(uint mask) => Add(Call.umask, mask);

    /// <summary>prlimit64(2) of this process.</summary>
    public void SetLimit(Resource resource, ulong soft, ulong hard) =>
        Add(Call.prlimit64, 0, (long)resource, Data.Add(new Limit(soft, hard)));

    /// <summary>sethostname(2).</summary>
    public void SetHostName(string name) => Add(Call.sethostname, Data.Add(name), Encoding.UTF8.GetByteCount(name));

    /// <summary>keyctl(2): a session keyring of one's own.</summary>
    public void NewSessionKeyring() => Add(Call.keyctl, (long)KeyctlOperation.KEYCTL_JOIN_SESSION_KEYRING, 0);

    /// <summary>Brings the loopback interface up; netdevice(7).</summary>
    public void LoopbackUp()
    {
        const int SIOCSIFFLAGS = 0x8914;
        Span<byte> request = stackalloc byte[40]; // struct ifreq: a name of 16 bytes, then the flags
        request.Clear();
        "lo"u8.CopyTo(request);
        request[16] = 1; // IFF_UP
        var socket =
            Keep(ref Add(Call.socket, (long)AddressFamily.AF_INET,
                (long)(SocketKind.SOCK_DGRAM | SocketKind.SOCK_CLOEXEC), 0));
        Add(Call.ioctl, socket, SIOCSIFFLAGS, Data.Add(request));
        Close(socket);
    }

    /// <summary>rt_sigprocmask(2): every signal is blocked.</summary>
    public void BlockSignals() =>
        Add(Call.rt_sigprocmask, (long)SignalMaskHow.SIG_SETMASK, Data.Add(ulong.MaxValue), 0, sizeof(ulong));

    /// <summary>rt_sigprocmask(2): no signal is blocked.</summary>
    public void UnblockSignals() =>
        Add(Call.rt_sigprocmask, (long)SignalMaskHow.SIG_SETMASK, Data.Add(0UL), 0, sizeof(ulong));

    /// <summary>unshare(2).</summary>
    public void Unshare(CloneFlags flags) => Add(Call.unshare, (long)flags);

    /// <summary>
    /// How far the clocks of the time namespace that was made for children are ahead; time_namespaces(7).
    /// </summary>
    public void SetTimeOffsets(string offsets) =>
        WriteFile(Descriptor.WorkingDirectory, "/proc/self/timens_offsets", offsets);

    /// <summary>setns(2).</summary>
    public void Join(Descriptor @namespace, CloneFlags kind) => Add(Call.setns, @namespace, (long)kind);

    /// <summary>
    /// execve(2), for each path in turn; only the last may say that there is no such program, or that it may not be
    /// run.
    /// </summary>
    public void Execute(
        IReadOnlyList<string> paths, IReadOnlyCollection<string> arguments, IReadOnlyCollection<string> environment)
    {
        var (argumentList, environmentList) = (Data.Add(arguments), Data.Add(environment));
        for (var i = 0; i < paths.Count; i++)
        {
            ref var step = ref Add(Call.execve, Data.Add(paths[i]), argumentList, environmentList);
            if (i < paths.Count - 1)
            {
                step.Tolerate(Errno.ENOENT);
                step.Tolerate(Errno.ENOTDIR);
                step.Tolerate(Errno.EACCES);
            }
        }
    }

    /// <summary>Goes on with the plan's second part, once it is there.</summary>
    public void Continue() => Add(Call.@continue);

    /// <summary>Stays, and goes on in a process of its own each time a second part comes.</summary>
    public void Reside() => Add(Call.reside);

    /// <summary>exit_group(2).</summary>
    public void Exit() => Add(Call.exit_group, 0);

    /// <summary>
    /// The role of the launcher that stays outside. Its plan is unmapped: at once, or when a channel ends that the child
    /// closes by exec. At its end it <paramref name="yields"/> to who was told, if that need not wait for it.
    /// </summary>
    public void Supervise(
        Descriptor control, Descriptor pidfd, Descriptor told, Descriptor? shared = null, bool yields = false) =>
        Add(Call.supervise, control, pidfd, told, shared ?? Descriptor.Number(-1), yields ? 1 : 0);

    /// <summary>The role of PID 1 beside the program.</summary>
    public void Init(Descriptor control, Descriptor program) => Add(Call.init, control, program);

    /// <summary>A soft and a hard limit; struct rlimit64.</summary>
    internal readonly record struct Limit(ulong Soft, ulong Hard);

    /// <summary>A filter by its length and address; struct sock_fprog.</summary>
    internal readonly record struct FilterProgram(ushort Length, long Instructions);

    /// <summary>What is waited for; struct pollfd.</summary>
    internal readonly record struct Polled(int Descriptor, short Wanted, short Found);

    /// <summary>What clone3(2) makes; struct clone_args.</summary>
    internal struct CloneArguments
    {
        /// <summary>CLONE_INTO_CGROUP, which is beyond what other calls have.</summary>
        public const ulong IntoCgroup = 0x2_0000_0000;

        public ulong Flags, Pidfd, ChildTid, ParentTid, ExitSignal, Stack, StackSize, Tls, SetTid, SetTidSize, Cgroup;
    }
}
