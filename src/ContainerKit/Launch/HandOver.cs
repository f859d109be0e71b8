using System.Runtime.CompilerServices;
using ContainerKit.Linux;

namespace ContainerKit.Launch;

/// <summary>
/// Descriptors that steps of the launcher outside give, and that the child receives with the byte it waits for:
/// SCM_RIGHTS of unix(7).
/// </summary>
internal sealed class HandOver(PlanData data)
{
    private const int Most = 32, HeaderSize = 16, SOL_SOCKET = 1, SCM_RIGHTS = 1;

    // Two copies: the one the sender's steps fill in with its numbers, and the one the kernel fills in for the
    // receiver.
    private readonly long _sent = data.Reserve(HeaderSize + (Most * sizeof(int)));
    private readonly long _received = data.Reserve(HeaderSize + (Most * sizeof(int)));
    private int _count;

    /// <summary>A place where a step keeps a descriptor, and the descriptor as the child has it.</summary>
    public (long Place, Descriptor Received) Add()
    {
        if (_count == Most)
        {
            throw new ArgumentException(
                $"At most {Most} directories and files of the host can be layers, mapped, or without their mounts.");
        }

        var offset = HeaderSize + (sizeof(int) * _count++);
        return (_sent + offset, Descriptor.ResultAt(_received + offset));
    }

    /// <summary>Adds the step that sends them, with a message.</summary>
    public void Send<T>(LaunchStage stage, Descriptor socket, T message)
        where T : unmanaged
    {
        data.Write(_sent, new ControlHeader((nuint)Length, SOL_SOCKET, SCM_RIGHTS));
        stage.Send(socket, Header(_sent, data.Add(message), Unsafe.SizeOf<T>()));
    }

    /// <summary>
    /// Adds the step that receives them, with a byte. Where there is no room for all, the kernel leaves out the rest,
    /// and the next step that opens anything fails.
    /// </summary>
    public void Receive(LaunchStage stage, Descriptor socket) =>
        stage.Receive(socket, Header(_received, data.Reserve(1), 1));

    private int Length => HeaderSize + (sizeof(int) * _count);

    private unsafe long Header(long control, long message, int length)
    {
        var vector = data.Add(new IoVector((byte*)message, (nuint)length));
        return data.Add(new MessageHeader
        {
            Vectors = (IoVector*)vector,
            VectorCount = 1,
            Control = (void*)control,
            ControlLength = (nuint)Length,
        });
    }
}
