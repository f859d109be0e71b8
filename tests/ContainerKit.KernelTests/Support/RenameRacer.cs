using System.Runtime.InteropServices;

namespace ContainerKit.KernelTests;

/// <summary>A thread that exchanges pairs of paths as fast as it can, until it is disposed; renameat2(2).</summary>
internal sealed partial class RenameRacer : IDisposable
{
    private const int AT_FDCWD = -100;
    private const uint RENAME_EXCHANGE = 2;

    private readonly Thread _thread;
    private volatile bool _over;
    private long _exchanges;

    public RenameRacer(string first, string second)
        : this((first, second))
    {
    }

    /// <summary>Exchanges one pair after the other, and begins anew; those that are not there (yet) as well.</summary>
    public RenameRacer(params (string First, string Second)[] pairs)
    {
        _thread = new(() =>
        {
            for (var i = 0; !_over; i = (i + 1) % pairs.Length)
            {
                if (RenameAt2(AT_FDCWD, pairs[i].First, AT_FDCWD, pairs[i].Second, RENAME_EXCHANGE) == 0)
                {
                    Interlocked.Increment(ref _exchanges);
                }
            }
        });
        _thread.Start();
    }

    /// <summary>How often they were exchanged.</summary>
    public long Exchanges => Interlocked.Read(ref _exchanges);

    /// <inheritdoc/>
    public void Dispose()
    {
        _over = true;
        _thread.Join();
    }

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameAt2(
        int firstDirectory, string first, int secondDirectory, string second, uint flags);
}
