using ContainerKit.Linux;

namespace ContainerKit.Launch;

/// <summary>
/// Descriptors that steps of the launcher outside give, and that the child receives with the byte it waits for:
/// SCM_RIGHTS of unix(7).
/// </summary>
internal sealed class HandOver(PlanData data)
{
    private const int Most = 8, HeaderSize = 16;

    // Two copies: the one the sender's steps fill in with its numbers, and the one the kernel fills in for the receiver.
    private readonly long _sent = data.Reserve(HeaderSize + (Most * sizeof(int)));
    private readonly long _received = data.Reserve(HeaderSize + (Most * sizeof(int)));
    private int _count;

    /// <summary>A place where a step keeps a descriptor, and the descriptor as the child has it.</summary>
    public (long Place, Descriptor Received) Add()
    {
        if (_count == Most)
        {
            throw new ArgumentException($"At most {Most} directories of the host can be layers.");
        }

        var offset = HeaderSize + (sizeof(int) * _count++);
        return (_sent + offset, Descriptor.ResultAt(_received + offset));
    }

    /// <summary>Adds the steps that send and receive.</summary>
    public void Complete(LaunchStage sender, Descriptor sending, LaunchStage receiver, Descriptor receiving)
    {
        const int SOL_SOCKET = 1, SCM_RIGHTS = 1;
        var length = HeaderSize + (sizeof(int) * _count);
        data.Write(_sent, new ControlHeader((nuint)length, SOL_SOCKET, SCM_RIGHTS));
        sender.Send(sending, Message(_sent, length));
        receiver.Receive(receiving, Message(_received, length));
    }

    private unsafe long Message(long control, int length)
    {
        var vector = data.Add(new IoVector((byte*)data.Reserve(1), 1));
        return data.Add(new MessageHeader
        {
            Vectors = (IoVector*)vector,
            VectorCount = 1,
            Control = (void*)control,
            ControlLength = (nuint)length,
        });
    }
}
