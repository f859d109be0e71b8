using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;

namespace ContainerKit.Launch;

/// <summary>
/// One of a plan's two parts: what its steps point to (texts, structures and lists, at the addresses they will have in
/// the launcher), and the steps. It begins with the offset of the first step, which the encoder fills in.
/// </summary>
internal sealed unsafe class PlanData : IDisposable
{
    /// <summary>Where launcher.c maps the plan.</summary>
    public const long PlanAddress = 0x10020000;

    /// <summary>How much of it is the first part, at the most.</summary>
    public const int FirstPartSize = 0x100000;

    private const int ResultsSize = 0x10000, ChildStackSize = 0x1000;
    private const long ResultsAddress = PlanAddress - ResultsSize;

    /// <summary>Where a step keeps the setup channel's new number; MOVED_SETUP of launcher.c.</summary>
    public const long MovedSetup = PlanAddress - sizeof(int);

    /// <summary>Where the stack of a child that shares memory begins, downwards; CHILD_STACK of launcher.c.</summary>
    public const long ChildStack = PlanAddress - 64;

    private readonly long _start;
    private readonly int _size;
    private readonly int _firstResult, _endOfResults;
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(16 * 1024);
    private int _results;

    private PlanData(long start, int size, int firstResult, int endOfResults)
    {
        (_start, _size, _firstResult, _endOfResults) = (start, size, firstResult, endOfResults);
        Clear();
    }

    /// <summary>A first part; results of its steps are numbered from 8.</summary>
    public static PlanData First() => new(PlanAddress, FirstPartSize, 8, 200);

    /// <summary>A second part; results of its steps are numbered from 200.</summary>
    public static PlanData Second() =>
        new(PlanAddress + FirstPartSize, Array.MaxLength, 200,
            (int)(ChildStack - ChildStackSize - ResultsAddress) / sizeof(int));

    /// <summary>How many bytes there are.</summary>
    public int Length { get; private set; }

    /// <summary>All of it.</summary>
    public ReadOnlySpan<byte> Content => _buffer.AsSpan(0, Length);

    /// <summary>The place of a descriptor that comes with the second part.</summary>
    // struct received of launcher.c
    public static long Received(int index) => ResultsAddress + 16 + (index * sizeof(int));

    /// <summary>The number under which a result prints; null for one that lies elsewhere.</summary>
    public static int? ResultNumber(long address) =>
        address < PlanAddress ? (int)(address - ResultsAddress) / sizeof(int) : null;

    /// <summary>A place for the next result.</summary>
    public long NewResult() =>
        _results < _endOfResults
            ? ResultsAddress + (sizeof(int) * _results++)
            : throw new ArgumentException("The container has more mounts and files than one plan can hold; use fewer.");

    /// <summary>Adds zeros and gives the address of the first, a multiple of eight.</summary>
    public long Reserve(int length)
    {
        var start = checked((Length + 7) & ~7);
        Grow(checked(start + length));
        _buffer.AsSpan(Length, start + length - Length).Clear();
        Length = start + length;
        return _start + start;
    }

    /// <summary>Adds bytes, and a zero that ends them where they are printed.</summary>
    public long Add(ReadOnlySpan<byte> bytes)
    {
        Grow(checked(Length + bytes.Length + 1));
        var start = Length;
        bytes.CopyTo(_buffer.AsSpan(start));
        Length += bytes.Length;
        _buffer[Length++] = 0;
        return _start + start;
    }

    /// <summary>Adds a structure, aligned.</summary>
    public long Add<T>(T structure)
        where T : unmanaged
    {
        var address = Reserve(sizeof(T));
        Write(address, structure);
        return address;
    }

    /// <summary>Writes a structure over what is at an address.</summary>
    public void Write<T>(long address, T structure)
        where T : unmanaged
    {
        fixed (byte* start = _buffer)
        {
            *(T*)(start + (address - _start)) = structure;
        }
    }

    /// <summary>Adds a text, zero-terminated.</summary>
    public long Add(string text)
    {
        if (text.Contains('\0', StringComparison.Ordinal))
        {
            throw new ArgumentException(
                $"A text for the kernel cannot hold a NUL character: '{text.Replace('\0', '␀')}'.");
        }

        Grow(checked(Length + Encoding.UTF8.GetMaxByteCount(text.Length) + 1));
        var start = Length;
        Length += Encoding.UTF8.GetBytes(text, _buffer.AsSpan(Length));
        _buffer[Length++] = 0;
        return _start + start;
    }

    /// <summary>Adds texts and, zero-terminated, the list of their addresses, as execve(2) wants it.</summary>
    public long Add(IReadOnlyCollection<string> texts)
    {
        var list = Reserve(sizeof(long) * (texts.Count + 1));
        var next = list;
        foreach (var text in texts)
        {
            var address = Add(text);
            Write(next, address);
            next += sizeof(long);
        }

        return list;
    }

    /// <summary>The text at an address.</summary>
    public string TextAt(long address)
    {
        var text = From(address);
        return Encoding.UTF8.GetString(text[..text.IndexOf((byte)0)]);
    }

    /// <summary>The texts whose addresses are listed at an address.</summary>
    public IEnumerable<string> TextsAt(long address)
    {
        for (var i = 0; Word(address, i) is var text and not 0; i++)
        {
            yield return TextAt((long)text);
        }
    }

    /// <summary>The eight bytes at a place in a structure.</summary>
    public ulong Word(long address, int index) => MemoryMarshal.Read<ulong>(From(address)[(sizeof(ulong) * index)..]);

    /// <summary>Makes room for steps, as launcher.c reads them, and names the first.</summary>
    public long AddSteps(int count)
    {
        var address = Reserve(checked(count * sizeof(EncodedStep)));
        Write(_start, address - _start);
        return address;
    }

    /// <summary>Takes everything away.</summary>
    public void Clear()
    {
        (Length, _results) = (0, _firstResult);
        Reserve(sizeof(long));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
        Length = 0;
    }

    private ReadOnlySpan<byte> From(long address) => Content[(int)(address - _start)..];

    private void Grow(int needed)
    {
        if (needed > _size)
        {
            throw new ArgumentException(
                "The container has longer paths of layers than one plan can hold; use fewer, or shorter ones.");
        }

        if (needed <= _buffer.Length)
        {
            return;
        }

        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(needed, (int)Math.Min(2L * _buffer.Length, Array.MaxLength)));
        Content.CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }
}
