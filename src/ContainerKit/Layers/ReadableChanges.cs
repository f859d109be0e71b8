using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>The changes of a writable layer while somebody reads them, who keeps nobody from discarding it.</summary>
internal sealed class ReadableChanges(string id, StoreDirectory writable, SafeFileHandle upper, Func<bool> isThere)
    : IDisposable
{
    /// <summary>Their directory, in the form of overlayfs, or the copy that the layer is.</summary>
    public SafeFileHandle Upper => upper;

    /// <summary>Complains when what was read may be but a part, since it was discarded.</summary>
    public void CheckAreThere()
    {
        if (!isThere())
        {
            throw new LinuxException("open", Errno.ENOENT, id, "The writable layer was discarded while it was read.");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        upper.Dispose();
        writable.Dispose();
    }
}
