using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Images;

/// <summary>
/// A file of a directory that is written under another name, so that it is there whole or not at all, and is its user's
/// alone: what is in an image may be for root only. Disposing removes it unless it was kept.
/// </summary>
internal sealed class NewFile : IDisposable
{
    /// <summary>What names of files begin with that are being written.</summary>
    public const string Prefix = ".new-";

    private readonly StoreDirectory _directory;
    private readonly string _name;
    private readonly SafeFileHandle _file;
    private bool _isKept;

    private NewFile(StoreDirectory directory, string name, SafeFileHandle file) =>
        (_directory, _name, _file, Content) = (directory, name, file, new FileOutput(file));

    /// <summary>Where it is written to.</summary>
    public Stream Content { get; }

    /// <summary>Begins a file.</summary>
    public static NewFile Begin(StoreDirectory directory)
    {
        var name = $"{Prefix}{Guid.NewGuid():N}";
        return new(directory, name, Create(directory, name));
    }

    /// <summary>Makes a file that must not be there yet.</summary>
    public static SafeFileHandle Create(StoreDirectory directory, string name)
    {
        const OpenFlags flags = OpenFlags.O_CREAT | OpenFlags.O_EXCL | OpenFlags.O_WRONLY;
        return Syscall.OpenEntry(directory.Handle, StoreDirectory.Bytes(name), flags, 0x180); // 0600
    }

    /// <summary>Gives it its name, which another one loses.</summary>
    public void Keep(StoreDirectory directory, string name)
    {
        if (directory.WritesThrough)
        {
            Syscall.Sync(_file); // or there may be a name without what it names
        }

        Syscall.Rename(
            _directory.Handle, StoreDirectory.Bytes(_name), directory.Handle, StoreDirectory.Bytes(name));
        _isKept = true;
        directory.Sync();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Content.Dispose();
        if (!_isKept)
        {
            Syscall.TryUnlink(_directory.Handle, StoreDirectory.Bytes(_name));
        }
    }
}
