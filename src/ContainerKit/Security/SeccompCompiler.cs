using System.Runtime.InteropServices;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>
/// Decisions as a filter: the architecture is looked at, then a tree of the numbers at which the decision changes leads
/// to it, and to often made calls the fastest.
/// </summary>
internal sealed class SeccompCompiler
{
    /// <summary>BPF_MAXINSNS of the kernel.</summary>
    public const int MostInstructions = 4096;

    /// <summary>On x64, from here on calls are those of its table for 32 bits, as x32 has them.</summary>
    public const uint FirstOfX32 = 0x40000000;

    /// <summary>What programs call most, as strace counts it.</summary>
    private const string Frequent = """
        read write futex close openat newfstatat fstat lseek mmap munmap mprotect brk madvise rt_sigaction
        rt_sigprocmask ioctl fcntl pread64 writev recvfrom recvmsg sendto sendmsg poll ppoll epoll_wait epoll_pwait
        epoll_ctl getpid clock_gettime clock_nanosleep sched_yield getrandom statx
        """;

    private const int WeightOfFrequent = 64;

    private readonly FilterBuilder _builder = new();
    private readonly Dictionary<SeccompDecision, int> _places = [];
    private readonly List<SeccompRange> _ranges = [];

    private SeccompCompiler()
    {
    }

    /// <summary>The filter.</summary>
    /// <exception cref="ArgumentException">The kernel takes none of that length.</exception>
    public static byte[] Compile(SeccompDecisions decisions)
    {
        var compiler = new SeccompCompiler();
        compiler.Divide(decisions);
        compiler.Emit(decisions);
        var count = compiler._builder.Count;
        return count <= MostInstructions ? compiler._builder.ToBytes()
            : throw new ArgumentException(
                $"The seccomp profile takes {count} instructions, and the kernel {MostInstructions} at the most: use "
                    + "fewer rules with arguments.");
    }

    /// <summary>Notes the numbers at which the decision changes.</summary>
    private void Divide(SeccompDecisions decisions)
    {
        var weights = new int[decisions.Count];
        foreach (var name in SeccompCalls.In(Frequent))
        {
            if (SyscallTable.NumberOf(name, decisions.Target.Architecture) is { } number && number < weights.Length)
            {
                weights[number] = WeightOfFrequent;
            }
        }

        for (var number = 0; number < decisions.Count; number++)
        {
            Extend((uint)number, decisions[number], 1 + weights[number]);
        }

        Extend((uint)decisions.Count, decisions.Newer, 1);
        if (decisions.Target.Architecture is Architecture.X64)
        {
            Extend(FirstOfX32, decisions.Unknown, 1);
        }
    }

    private void Extend(uint number, SeccompDecision decision, int weight)
    {
        if (_ranges.Count > 0 && ReferenceEquals(_ranges[^1].Decision, decision))
        {
            _ranges[^1].Weight += weight;
        }
        else
        {
            _ranges.Add(new(number, decision) { Weight = weight });
        }
    }

    private void Emit(SeccompDecisions decisions)
    {
        var foreign = Place(decisions.Foreign);
        SeccompData.Begin(_builder, decisions.Target.Architecture, Tree(0, _ranges.Count), foreign);
    }

    /// <summary>Leads to the decisions on some of the ranges.</summary>
    private int Tree(int first, int count)
    {
        if (count == 1)
        {
            return Place(_ranges[first].Decision);
        }

        if (count == 3 && ReferenceEquals(_ranges[first].Decision, _ranges[first + 2].Decision)
            && _ranges[first + 2].Start == _ranges[first + 1].Start + 1)
        {
            var (around, single) = (Place(_ranges[first].Decision), Place(_ranges[first + 1].Decision));
            return _builder.Test(FilterInstruction.IfEqual, _ranges[first + 1].Start, single, around);
        }

        var middle = Middle(first, count);
        var above = Tree(middle, first + count - middle);
        var below = Tree(first, middle - first);
        return _builder.Test(FilterInstruction.IfAtLeast, _ranges[middle].Start, above, below);
    }

    /// <summary>The range, after the first, before which there is half of the weight, as near as can be.</summary>
    private int Middle(int first, int count)
    {
        var total = 0;
        for (var i = first; i < first + count; i++)
        {
            total += _ranges[i].Weight;
        }

        var (middle, below) = (first + 1, _ranges[first].Weight);
        while (middle < first + count - 1 && (2 * below) + _ranges[middle].Weight <= total)
        {
            below += _ranges[middle++].Weight;
        }

        return middle;
    }

    private int Place(SeccompDecision decision)
    {
        if (decision is not { Rule: { } rule, Otherwise: { } next })
        {
            return _builder.Return(decision.Action.Value);
        }

        if (!_places.TryGetValue(decision, out var place))
        {
            var otherwise = Place(next);
            place = _builder.Return(decision.Action.Value);
            for (var i = rule.Arguments.Count - 1; i >= 0; i--)
            {
                place = Compare(rule.Arguments[i], place, otherwise);
            }

            _places.Add(decision, place);
        }

        return place;
    }

    /// <summary>Compares 64 bits by halves, as the kernel's machine has 32.</summary>
    private int Compare(SeccompArgument argument, int then, int otherwise)
    {
        var test = argument.Comparison switch
        {
            SeccompComparison.Equal or SeccompComparison.NotEqual => FilterInstruction.IfEqual,
            SeccompComparison.Greater or SeccompComparison.LessOrEqual => FilterInstruction.IfGreater,
            _ => FilterInstruction.IfAtLeast,
        };
        if (argument.Comparison
            is SeccompComparison.NotEqual or SeccompComparison.Less or SeccompComparison.LessOrEqual)
        {
            (then, otherwise) = (otherwise, then);
        }

        var lower = SeccompData.Arguments + (sizeof(ulong) * argument.Index); // both architectures have it first
        var upper = lower + sizeof(uint);
        var (mask, value) = ((uint)(argument.Mask >> 32), (uint)(argument.Value >> 32));
        var place = Read(
            lower, (uint)argument.Mask, offset => _builder.Test(test, (uint)argument.Value, then, otherwise, offset));
        if (mask == 0)
        {
            return place;
        }

        return Read(upper, mask, offset =>
        {
            var equal = _builder.Test(FilterInstruction.IfEqual, value, place, otherwise, offset);
            return test == FilterInstruction.IfEqual ? equal
                : _builder.Test(FilterInstruction.IfGreater, value, then, equal, offset);
        });
    }

    /// <summary>Reads half an argument for tests, which are given where it is from unless a mask changes it.</summary>
    private int Read(int offset, uint mask, Func<int?, int> addTests)
    {
        var isWhole = mask == uint.MaxValue;
        var tests = addTests(isWhole ? offset : null);
        return _builder.Load(offset, isWhole ? tests : _builder.And(mask, tests));
    }
}
