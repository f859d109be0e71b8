using System.Text;
using ContainerKit.Linux;

namespace ContainerKit.Launch;

internal sealed partial class LaunchStage
{
    /// <summary>openat(2), close-on-exec.</summary>
    public Descriptor Open(Descriptor directory, string path, OpenFlags flags, uint mode = 0) =>
        Keep(ref Add(Call.openat, directory, Data.Add(path), (long)(flags | OpenFlags.O_CLOEXEC), mode));

    /// <summary>openat(2) of a directory whose path lies at an address.</summary>
    public Descriptor OpenDirectory(long address) =>
        Keep(ref Add(Call.openat, Descriptor.WorkingDirectory, address,
            (long)(OpenFlags.O_PATH | OpenFlags.O_CLOEXEC)));

    /// <summary>openat2(2) of a path that cannot lead out of <paramref name="root"/>, whatever its links say.</summary>
    public Descriptor OpenInRoot(Descriptor root, string path, OpenFlags flags, ResolveFlags resolve = default)
    {
        var how = new OpenHow(
            (ulong)(flags | OpenFlags.O_CLOEXEC), 0,
            (ulong)(resolve | ResolveFlags.RESOLVE_IN_ROOT | ResolveFlags.RESOLVE_NO_MAGICLINKS));
        return Keep(ref Add(Call.openat2, root, Data.Add(path), Data.Add(how), 24));
    }

    /// <summary>
    /// The same in the root there is, of a path that somebody else may have laid out, for reading without waiting.
    /// </summary>
    public Descriptor OpenInside(string path)
    {
        const OpenFlags flags = OpenFlags.O_RDONLY | OpenFlags.O_NONBLOCK | OpenFlags.O_NOCTTY;
        var opened = OpenInRoot(OpenDirectory(Data.Add("/")), path, flags);
        Last.Call = Call.openInside;
        return opened;
    }

    /// <summary>read(2) of at least one byte: waits, and fails when the other end is closed.</summary>
    public void ReadByte(Descriptor file) => Add(Call.read, file, Data.Reserve(1), 1).Least = 1;

    /// <summary>write(2) of all the bytes at an address.</summary>
    public void Write(Descriptor file, long address, int length) =>
        Add(Call.write, file, address, length).Least = length;

    /// <summary>Opens a file for writing, writes a text and closes it.</summary>
    public void WriteFile(Descriptor directory, string path, string text) =>
        WriteFile(directory, path, Data.Add(text), Encoding.UTF8.GetByteCount(text));

    /// <summary>The same in a /proc.</summary>
    public void WriteFile(Descriptor proc, KernelSetting setting)
    {
        var file = Open(proc, setting.Path, OpenFlags.O_WRONLY);
        if (setting.MayBeMissing)
        {
            Last.Tolerate(Errno.ENOENT); // nothing is written then
        }

        Write(file, Data.Add(setting.Value), Encoding.UTF8.GetByteCount(setting.Value));
        Close(file);
    }

    /// <summary>Opens a file for writing, writes the bytes at an address and closes it.</summary>
    public void WriteFile(Descriptor directory, string path, long address, int length)
    {
        var file = Open(directory, path, OpenFlags.O_WRONLY);
        Write(file, address, length);
        Close(file);
    }

    /// <summary>Makes a file with a content.</summary>
    public void MakeFile(Descriptor directory, string path, uint mode, ReadOnlySpan<byte> content)
    {
        var file = Open(directory, path, OpenFlags.O_WRONLY | OpenFlags.O_CREAT | OpenFlags.O_EXCL, mode);
        Add(Call.writeContent, file, Data.Add(content), content.Length).Least = content.Length;
        Close(file);
    }

    /// <summary>close(2).</summary>
    public void Close(Descriptor file) => Add(Call.close, file);

    /// <summary>mkdirat(2); a directory that is there already is welcome when <paramref name="mayExist"/>.</summary>
    public void MakeDirectory(Descriptor directory, string path, uint mode, bool mayExist = false)
    {
        ref var step = ref Add(Call.mkdirat, directory, Data.Add(path), mode);
        if (mayExist)
        {
            // On a read-only root the look-up that follows says whether it is there.
            step.Tolerate(Errno.EEXIST);
            step.Tolerate(Errno.EROFS);
        }
    }

    /// <summary>mknodat(2) of an empty regular file, which may be there already.</summary>
    public void MakeFile(Descriptor directory, string path, uint mode)
    {
        ref var step = ref Add(Call.mknodat, directory, Data.Add(path), (long)FileType.S_IFREG | mode);
        step.Tolerate(Errno.EEXIST);
        step.Tolerate(Errno.EROFS);
    }

    /// <summary>symlinkat(2).</summary>
    public void MakeLink(string target, Descriptor directory, string path) =>
        Add(Call.symlinkat, Data.Add(target), directory, Data.Add(path));

    /// <summary>fchdir(2).</summary>
    public void ChangeDirectory(Descriptor directory) => Add(Call.fchdir, directory);

    /// <summary>dup3(2), close-on-exec unless said otherwise.</summary>
    public void Duplicate(Descriptor file, int number, OpenFlags flags = OpenFlags.O_CLOEXEC) =>
        Add(Call.dup3, file, number, (long)flags);

    /// <summary>close_range(2) of this descriptor and all above.</summary>
    public void CloseFrom(int first, CloseRangeFlags flags = default) =>
        Add(Call.close_range, first, uint.MaxValue, (long)flags);
}
