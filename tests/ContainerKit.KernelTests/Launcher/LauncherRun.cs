using System.IO.Pipes;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using ContainerKit.Launch;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.KernelTests;

/// <summary>
/// The launcher of an architecture at work on a plan, with both its channels; by qemu where it is not this machine's.
/// </summary>
internal sealed partial class LauncherRun : IDisposable
{
    private readonly AnonymousPipeServerStream _input = new(PipeDirection.Out);
    private readonly SafeFileHandle _near, _setup, _farSetup;
    private readonly TempDirectory _directory = new();

    public LauncherRun(Architecture architecture, Action<HandMadePlan, Descriptor> add)
    {
        using var plan = new HandMadePlan(PlanData.First());
        (_setup, _farSetup) = Syscall.SocketPair();
        (_near, var far) = Syscall.SocketPair();
        using (far)
        {
            add(plan, LaunchPlan.Control);
            Assert.True(PartMessage.Send(_setup, plan.Encode(architecture)));
            Id = Spawn(architecture, far);
        }
    }

    /// <summary>Starts the launcher with something else in place of a plan.</summary>
    public LauncherRun(Architecture architecture, ReadOnlySpan<byte> message, SafeFileHandle attached)
    {
        (_setup, _farSetup) = Syscall.SocketPair();
        (_near, var far) = Syscall.SocketPair();
        using (far)
        {
            Assert.True(Syscall.Send(_setup, message, [attached]));
            Id = Spawn(architecture, far);
        }
    }

    /// <summary>The launcher's process id.</summary>
    public int Id { get; }

    /// <summary>Runs a plan to its end.</summary>
    public static async Task<(
        WaitStatus Status, Failure? Failure)> ToEnd(Architecture architecture, Action<HandMadePlan> add)
    {
        using var run = new LauncherRun(architecture, (plan, _) => add(plan));
        var failure = await run.ReadSetup();
        return (run.Reap(), failure);
    }

    /// <summary>What comes over the setup channel: a failure, or its end.</summary>
    public async Task<Failure?> ReadSetup()
    {
        var bytes = new byte[Unsafe.SizeOf<Failure>()];
        int? length = null;
        await Eventually.Holds(() => (length = Syscall.Receive(_setup, bytes, out _, out _)) is not null,
            "The launcher should say something.");
        return length == 0 ? null : MemoryMarshal.Read<Failure>(bytes.AsSpan(0, length!.Value));
    }

    /// <summary>Sends a second part over the setup channel, with descriptors.</summary>
    public void SendPart(
        HandMadePlan part, Architecture architecture, params ReadOnlySpan<SafeFileHandle> descriptors) =>
        Assert.True(PartMessage.Send(_setup, part.Encode(architecture), descriptors));

    /// <summary>Closes the host's end of the setup channel.</summary>
    public void CloseSetup() => _setup.Dispose();

    /// <summary>The next message on the control channel and its sender; null when the channel is closed.</summary>
    public async Task<(Message Message, int Sender)?> ReadMessage()
    {
        (int? length, var sender) = (null, 0);
        var bytes = new byte[Unsafe.SizeOf<Message>()];
        await Eventually.Holds(() => (length = Syscall.Receive(_near, bytes, out sender, out _)) is not null,
            "The launcher should say something.");
        return length == 0 ? null : (MemoryMarshal.Read<Message>(bytes), sender);
    }

    /// <summary>Asks the supervisor for a signal.</summary>
    public void Send(Signal signal) => Assert.True(Syscall.Send(_near, MemoryMarshal.AsBytes([(int)signal])));

    /// <summary>Writes what the launcher and its programs read.</summary>
    public void WriteInput(string text) => _input.Write(Encoding.UTF8.GetBytes(text));

    /// <summary>Sends the launcher a signal.</summary>
    public void Kill(Signal signal) => Assert.Equal(0, Kill(Id, (int)signal));

    /// <summary>Closes the host's end of the control channel.</summary>
    public void CloseControl() => _near.Dispose();

    /// <summary>Waits for the launcher's end, and takes its remains away.</summary>
    public WaitStatus Reap()
    {
        Assert.Equal(Id, Wait(Id, out var status, 0));
        return new(status);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _near.Dispose();
        _setup.Dispose();
        _input.Dispose();
        _directory.Dispose();
    }

    private int Spawn(Architecture architecture, SafeFileHandle control)
    {
        var program = _directory["launcher"];
        File.WriteAllBytes(program, Launcher.Program(architecture));
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        string[] emulator = architecture == RuntimeInformation.ProcessArchitecture
            ? []
            : [Tools.Find("qemu-aarch64-static")!];
        using var input = new SafeFileHandle(_input.ClientSafePipeHandle.DangerousGetHandle(), ownsHandle: false);
        using var nothing = Syscall.Open("/dev/null", OpenFlags.O_RDWR);
        string[] command = [.. emulator, program];
        var id = Syscall.Spawn(command[0], command, [input, nothing, nothing], [_farSetup, control]);
        _farSetup.Dispose();
        _input.DisposeLocalCopyOfClientHandle();
        return id;
    }

    [LibraryImport("libc", EntryPoint = "waitpid")]
    private static partial int Wait(int process, out int status, int options);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
