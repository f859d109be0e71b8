namespace ContainerKit.Launch;

/// <summary>
/// What a start needs and takes a while to make: the next one's is made once one has begun.
/// </summary>
internal sealed class MadeAhead<T>(Func<T> make)
    where T : class, IDisposable
{
    private T? _next;

    /// <summary>What was made, for one start; null when nothing was.</summary>
    public T? Take() => Interlocked.Exchange(ref _next, null);

    /// <summary>Makes the next start's, unless it is there.</summary>
    public void Prepare()
    {
        if (_next is not null)
        {
            return;
        }

        try
        {
            Interlocked.Exchange(ref _next, make())?.Dispose();
        }
        // whatever it is, this start goes on; the next makes its own, and says what is wrong if that concerns it
#pragma warning disable CA1031
        catch (Exception)
#pragma warning restore CA1031
        {
        }
    }
}
