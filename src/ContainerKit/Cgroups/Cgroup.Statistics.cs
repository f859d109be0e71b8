namespace ContainerKit;

/// <content>What its processes use.</content>
public sealed partial class Cgroup
{
    private const int UsualFile = 16 << 10;

    private readonly Lock _reading = new();
    private StatisticsReaders? _readers;

    /// <summary>
    /// Reads what its processes, and those of the groups below, have used and use; the files stay open for the next
    /// time, until it is disposed.
    /// </summary>
    /// <exception cref="LinuxException">ENOENT or ENODEV: the group is gone.</exception>
    public CgroupStatistics ReadStatistics()
    {
        Span<byte> buffer = stackalloc byte[UsualFile];
        lock (_reading)
        {
            ObjectDisposedException.ThrowIf(_directories[0].IsClosed, this);
            return (_readers ??= new(this)).Read(buffer);
        }
    }

    private sealed class StatisticsReaders(Cgroup group) : IDisposable
    {
        private readonly CpuReader _cpu = new(
            group.Unified, group.DirectoryOf("cpu", "cpu"), group.DirectoryOf("cpu", "cpuacct"));

        private readonly MemoryReader _memory = new(group.DirectoryOf("memory", "memory"));
        private readonly IoReader _io = new(group.DirectoryOf("io", "blkio"));
        private readonly PidsReader _pids = new(group.DirectoryOf("pids", "pids"));

        private readonly PressureReader
            _cpuPressure = new(group.Unified, "cpu"), _memoryPressure = new(group.Unified, "memory"),
            _ioPressure = new(group.Unified, "io");

        public CgroupStatistics Read(Span<byte> buffer) => new()
        {
            Cpu = _cpu.Read(buffer),
            Memory = _memory.Read(buffer),
            Io = _io.Read(buffer),
            Pids = _pids.Read(buffer),
            CpuPressure = _cpuPressure.Read(buffer),
            MemoryPressure = _memoryPressure.Read(buffer),
            IoPressure = _ioPressure.Read(buffer),
        };

        public void Dispose()
        {
            _cpu.Dispose();
            _memory.Dispose();
            _io.Dispose();
            _pids.Dispose();
            _cpuPressure.Dispose();
            _memoryPressure.Dispose();
            _ioPressure.Dispose();
        }
    }
}
