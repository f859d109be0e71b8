using System.Buffers.Binary;

namespace ContainerKit.Linux;

/// <summary>
/// Writes a filter from its end to its beginning, since it can only jump forwards: what an instruction leads to is
/// there before it, and has a place, which is how many instructions come after it.
/// </summary>
internal sealed class FilterBuilder
{
    /// <summary>How far a test can jump, less what <see cref="Reach"/> may put between.</summary>
    private const int Farthest = byte.MaxValue - 2;

    // The last place of each end: one for all would be out of reach.
    private readonly List<int> _returns = [];
    private FilterInstruction[] _backwards = new FilterInstruction[256];
    private int _count;

    /// <summary>How many instructions there are.</summary>
    public int Count => _count;

    /// <summary>The filter as the kernel takes it; its first instruction is the one that was added last.</summary>
    public byte[] ToBytes()
    {
        var filter = new byte[_count * FilterInstruction.Size];
        for (var place = 0; place < _count; place++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(
                filter.AsSpan((_count - 1 - place) * FilterInstruction.Size), _backwards[place].Encode());
        }

        return filter;
    }

    /// <summary>An end with a value.</summary>
    public int Return(uint value)
    {
        for (var i = 0; i < _returns.Count; i++)
        {
            if (_backwards[_returns[i]].Value == value)
            {
                return Distance(_returns[i]) <= Farthest ? _returns[i] : _returns[i] = AddReturn(value);
            }
        }

        var place = AddReturn(value);
        _returns.Add(place);
        return place;
    }

    /// <summary>Reads four bytes of what is asked, then goes on.</summary>
    public int Load(int offset, int next)
    {
        Join(next);
        return Add(new(FilterInstruction.Loads, 0, 0, (uint)offset));
    }

    /// <summary>Clears the bits that a mask has not in what was read, then goes on.</summary>
    public int And(uint mask, int next)
    {
        Join(next);
        return Add(new(FilterInstruction.Ands, 0, 0, mask));
    }

    /// <summary>
    /// Goes on where a test of what was read leads. If it is known from where that was read, it is not read again.
    /// </summary>
    public int Test(ushort operation, uint value, int ifTrue, int ifFalse, int? offset = null)
    {
        ifTrue = Reach(BehindLoad(ifTrue, offset));
        ifFalse = Reach(BehindLoad(ifFalse, offset));
        return Add(new(operation, (byte)Distance(ifTrue), (byte)Distance(ifFalse), value));
    }

    private int BehindLoad(int place, int? offset) =>
        offset is { } known && _backwards[place] is { Operation: FilterInstruction.Loads, Value: var from }
            && from == known ? place - 1 : place;

    private int AddReturn(uint value) => Add(new(FilterInstruction.Returns, 0, 0, value));

    /// <summary>The place itself, or one nearby that leads there.</summary>
    private int Reach(int place)
    {
        if (Distance(place) <= Farthest)
        {
            return place;
        }

        return _backwards[place] is { Operation: FilterInstruction.Returns, Value: var value } ? Return(value)
            : Add(new(FilterInstruction.Goes, 0, 0, (uint)Distance(place)));
    }

    /// <summary>Has the next instruction to be added go on at a place.</summary>
    private void Join(int place)
    {
        if (Distance(place) > 0)
        {
            Add(new(FilterInstruction.Goes, 0, 0, (uint)Distance(place)));
        }
    }

    /// <summary>How many instructions there are between the next one and a place.</summary>
    private int Distance(int place) => _count - 1 - place;

    private int Add(FilterInstruction instruction)
    {
        if (_count == _backwards.Length)
        {
            // Not Array.Resize: generic code of the framework over types of ours is compiled at the first start.
            var larger = new FilterInstruction[2 * _count];
            Array.Copy(_backwards, larger, _count);
            _backwards = larger;
        }

        _backwards[_count] = instruction;
        return _count++;
    }
}
