using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace ContainerKit;

/// <summary>Tells those who watch a host what happens to its containers.</summary>
internal sealed class ContainerEvents
{
    private readonly Lock _changing = new();
    private volatile Channel<ContainerEvent>[] _watchers = [];
    private bool _isOver;

    /// <summary>Whether anybody watches.</summary>
    public bool AreWatched => _watchers.Length > 0;

    /// <summary>What happens from now on, until it is cancelled or the host is disposed.</summary>
    public IAsyncEnumerable<ContainerEvent> Watch(CancellationToken cancellationToken)
    {
        var watcher = Channel.CreateUnbounded<ContainerEvent>(new() { SingleReader = true });
        lock (_changing)
        {
            _watchers = [.. _watchers, watcher];
            if (_isOver)
            {
                watcher.Writer.Complete();
            }
        }

        return ReadAsync(watcher, cancellationToken);
    }

    /// <summary>Tells all who watch, in order.</summary>
    public void Tell(ContainerEventKind kind, int processId, string? id = null, ExitStatus? status = null)
    {
        foreach (var watcher in _watchers)
        {
            watcher.Writer.TryWrite(new(kind, processId, id, status, DateTimeOffset.UtcNow));
        }
    }

    /// <summary>Nothing more will happen.</summary>
    public void End()
    {
        lock (_changing)
        {
            _isOver = true;
            foreach (var watcher in _watchers)
            {
                watcher.Writer.TryComplete();
            }
        }
    }

    private async IAsyncEnumerable<ContainerEvent> ReadAsync(
        Channel<ContainerEvent> watcher, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var happened in watcher.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                yield return happened;
            }
        }
        finally
        {
            lock (_changing)
            {
                _watchers = [.. _watchers.Where(other => other != watcher)];
            }
        }
    }
}
