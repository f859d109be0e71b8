using BenchmarkDotNet.Attributes;
using ContainerKit.Linux;

namespace ContainerKit.Benchmarks;

/// <summary>What a start asks of the host's kernel, call by call.</summary>
[MemoryDiagnoser]
public class HostBenchmarks
{
    private const string Line =
        @"36 35 98:0 /mnt1 /mnt2/with\040space rw,noatime master:1 - ext3 /dev/root rw,errors=continue";

    private readonly byte[] _message = new byte[8];

    /// <summary>A line of mountinfo.</summary>
    [Benchmark]
    public object ParseMount() => MountInfo.Parse(Line);

    /// <summary>What a spare is compared by.</summary>
    [Benchmark]
    public string ReadInheritedState() => InheritedState.Read();

    /// <summary>The launcher in a sealed memory file, as each start has it.</summary>
    [Benchmark]
    public void OpenLauncher() => Launcher.Memory.Open().Dispose();

    /// <summary>Both ends of a channel, and a message through it.</summary>
    [Benchmark]
    public int? SendAndReceive()
    {
        var (near, far) = Syscall.SocketPair();
        using (near)
        using (far)
        {
            Syscall.Send(far, _message);
            return Syscall.Receive(near, _message, out _, out _);
        }
    }
}
