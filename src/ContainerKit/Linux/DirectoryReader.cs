using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Linux;

/// <summary>The names in an open directory, as bytes: .NET's strings cannot say those that are not UTF-8.</summary>
internal sealed unsafe class DirectoryReader(SafeFileHandle directory)
{
    private readonly byte[] _entries = new byte[4096];
    private int _next, _end;

    /// <summary>Whether the last name is a directory's, as far as the file system says so with its names.</summary>
    public bool IsDirectory { get; private set; }

    /// <summary>The next name with its NUL, until the next call; empty when there are no more.</summary>
    public ReadOnlySpan<byte> Next()
    {
        while (true)
        {
            if (_next == _end)
            {
                (_next, _end) = (0, Syscall.ReadDirectory(directory, _entries));
            }

            if (_end == 0)
            {
                return [];
            }

            if (TakeName() is not ([(byte)'.', 0] or [(byte)'.', (byte)'.', 0]) and var name)
            {
                return name;
            }
        }
    }

    /// <summary>Starts again from the first name.</summary>
    public void Rewind()
    {
        Syscall.Rewind(directory);
        (_next, _end) = (0, 0);
    }

    private ReadOnlySpan<byte> TakeName()
    {
        fixed (byte* start = &_entries[_next])
        {
            var entry = (DirectoryEntry*)start;
            var offset = _next + (int)(&entry->Name - start);
            var length = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(&entry->Name).Length;
            _next += entry->Length;
            IsDirectory = entry->Type == DirectoryEntry.DT_DIR;
            return _entries.AsSpan(offset, length + 1);
        }
    }
}
