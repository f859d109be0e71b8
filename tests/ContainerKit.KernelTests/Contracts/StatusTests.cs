namespace ContainerKit.KernelTests.Contracts;

/// <summary>Whose word the host takes for how a program ended.</summary>
public class StatusTests
{
    private const string TakeTheChannel = """
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        def call(name, *arguments):
            ctypes.set_errno(0)
            result = libc.syscall(*[ctypes.c_long(x) if isinstance(x, int) else x for x in arguments])
            print(name, 'open' if result >= 0 else os.strerror(ctypes.get_errno()))
            return result
        pidfd = call('pidfd_open', 434, 1, 0)
        """;

    [PythonFact]
    public async Task The_program_cannot_take_the_control_channel()
    {
        var result = await Script.RunAsync(Script.Python(TakeTheChannel + """

            forged = b'\x02\0\0\0\0\0\0\0'  # the program exited with code 0
            for number in range(64):
                taken = libc.syscall(438, pidfd, number, 0)  # pidfd_getfd
                if taken >= 0:
                    os.write(taken, forged)
                    print('took', number)
            call('pidfd_getfd', 438, pidfd, 0, 0)
            call('ptrace', 101, 16, 1, 0, 0)  # PTRACE_ATTACH
            call('ptrace', 101, 0x4206, 1, 0, 0)  # PTRACE_SEIZE
            buffer = ctypes.create_string_buffer(8)
            class Vector(ctypes.Structure):
                _fields_ = [('base', ctypes.c_void_p), ('length', ctypes.c_size_t)]
            here, there = Vector(ctypes.addressof(buffer), 8), Vector(0x10020000, 8)
            call('process_vm_readv', 310, 1, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
            call('process_vm_writev', 311, 1, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
            raise SystemExit(7)
            """.Replace("101,", PtraceNumber + ",", StringComparison.Ordinal)
               .Replace("310,", $"{VmReadNumber},", StringComparison.Ordinal)
               .Replace("311,", $"{VmReadNumber + 1},", StringComparison.Ordinal)));

        Assert.Equal("""
            pidfd_open open
            pidfd_getfd Operation not permitted
            ptrace Operation not permitted
            ptrace Operation not permitted
            process_vm_readv Operation not permitted
            process_vm_writev Operation not permitted

            """, result.StandardOutput + result.StandardError);
        Assert.Equal(7, result.ExitStatus.ExitCode);
    }

    [Theory]
    [InlineData("exit 0", 0, null)]
    [InlineData("exit 255", 255, null)]
    [InlineData("kill -KILL $$", null, Signal.SIGKILL)]
    [InlineData("kill -TERM $$", null, Signal.SIGTERM)]
    [InlineData("kill -SEGV $$", null, Signal.SIGSEGV)]
    [InlineData("ulimit -c unlimited 2>/dev/null; kill -ABRT $$", null, Signal.SIGABRT)]
    public async Task The_status_is_the_programs(string script, int? exitCode, Signal? signal)
    {
        var status = (await Script.RunAsync(script)).ExitStatus;
        Assert.Equal((exitCode, signal), (status.ExitCode, status.Signal));
    }

    [Theory]
    [InlineData("exit 255", 255, null)]
    [InlineData("trap 'exit 7' TERM; kill -TERM $$; sleep 1000", 7, null)]
    public async Task The_status_is_the_programs_without_an_init(string script, int? exitCode, Signal? signal)
    {
        var status = (await Script.RunAsync(Script.Shell(script) with { Init = false })).ExitStatus;
        Assert.Equal((exitCode, signal), (status.ExitCode, status.Signal));
    }

    [Fact]
    public async Task The_program_cannot_end_init_to_hide_its_own_status()
    {
        var status = (await Script.RunAsync("kill -KILL 1; kill -STOP 1; kill -TERM 1; exec sleep 1000")).ExitStatus;
        Assert.Equal(Signal.SIGTERM, status.Signal); // init passed it on; the others never reach a PID 1 from inside
    }

    [Fact]
    public async Task A_process_that_outlives_nothing_but_the_programs_parent_reports_nothing()
    {
        // A child of the program that becomes init's ends with another status first.
        var status = (await Script.RunAsync("(sh -c 'exit 5' &); (exit 6); sleep 0.05; exit 7")).ExitStatus;
        Assert.Equal(7, status.ExitCode);
    }

    [Fact]
    public async Task The_program_is_known_by_the_hosts_process_id()
    {
        await using var container =
            await LiveContainer.StartAsync(new ContainerOptions { Command = ["sleep", "1000"] });
        Assert.Equal(["sleep", container.PidOne.Id.ToString()],
            [container.Program.Name, container.Program.Parent.ToString()]);
    }

    private static bool IsArm =>
        System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture is System.Runtime.InteropServices.Architecture.Arm64;

    private static int PtraceNumber => IsArm ? 117 : 101;

    private static int VmReadNumber => IsArm ? 270 : 310;
}
