using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>The members that an archive of something has, one after the other.</summary>
internal abstract class TreeSource : IDisposable
{
    /// <summary>The next member, which holds until the one after; null at the end.</summary>
    /// <exception cref="InvalidImageException">There is what no archive of a layer can say.</exception>
    public abstract TarEntry? Next();

    /// <summary>Opens the content of the file that is the last member.</summary>
    public abstract SafeFileHandle OpenContent();

    /// <summary>The pieces of that content between which there are holes.</summary>
    public abstract IEnumerable<TarExtent> PiecesOf(SafeFileHandle content);

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>Writes them all, and says which permissions the root is to have.</summary>
    public async Task<uint?> WriteToAsync(
        SafeFileHandle directory, TreeForm form, TreeOwners owners, CancellationToken cancellationToken)
    {
        using var copy = new TreeWriter(directory, form, owners, TreeLimits.OfReader);
        while (Next() is { } entry)
        {
            cancellationToken.ThrowIfCancellationRequested();
            copy.Add(entry);
            if (entry.Size > 0)
            {
                using var content = OpenContent();
                copy.CopyContent(content, PiecesOf(content));
            }

            copy.EndContent();
        }

        await copy.CompleteAsync(cancellationToken).ConfigureAwait(false);
        return copy.RootMode;
    }
}
