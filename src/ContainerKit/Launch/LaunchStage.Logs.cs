using ContainerKit.Linux;

namespace ContainerKit.Launch;

internal sealed partial class LaunchStage
{
    private const int MostAtOnce = 64 * 1024;

    /// <summary>openat(2) of a file that is begun anew.</summary>
    public Descriptor OpenLog(Descriptor directory, string name)
    {
        var file = Open(directory, name, OpenFlags.O_WRONLY | OpenFlags.O_CREAT | OpenFlags.O_TRUNC, 0x180); // 0600
        TolerateFull();
        return file;
    }

    /// <summary>
    /// splice(2) of what there is in a pipe, and then the <paramref name="next"/> step, until the file takes no more;
    /// the end of the pipe fails.
    /// </summary>
    public void Splice(Descriptor pipe, Descriptor file, int next)
    {
        Add(Call.splice, pipe, 0, file, 0, MostAtOnce, 0);
        TolerateFull();
        Last.Tolerate(Errno.EFBIG); // RLIMIT_FSIZE, while SIGXFSZ is blocked
        Last.Tolerate(Errno.EBADF); // none could be opened
        (Last.Least, Last.Fork) = (1, next);
    }

    /// <summary>renameat(2), if there is such a file.</summary>
    public void Rename(Descriptor directory, string name, string newName)
    {
        Add(Call.renameat, directory, Data.Add(name), directory, Data.Add(newName));
        TolerateFull();
        Last.Tolerate(Errno.ENOENT);
    }

    /// <summary>
    /// read(2) of what is dropped, and then the <paramref name="next"/> step; the end of the pipe fails.
    /// </summary>
    public void Drop(Descriptor pipe, int next)
    {
        Add(Call.read, pipe, Data.Reserve(MostAtOnce), MostAtOnce);
        (Last.Least, Last.Fork) = (1, next);
    }

    private void TolerateFull()
    {
        Last.Tolerate(Errno.ENOSPC);
        Last.Tolerate(Errno.EDQUOT);
    }
}
