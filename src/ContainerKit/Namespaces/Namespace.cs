using System.Globalization;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// A namespace, which this keeps alive even when no process is in it; a pid namespace takes no new process once its PID
/// 1 has ended. Two are equal when they are the same namespace. Disposing gives it up. Thread-safe; namespaces(7).
/// </summary>
public sealed partial class Namespace : IDisposable, IEquatable<Namespace>
{
    private readonly SafeFileHandle _file;

    private Namespace(SafeFileHandle file)
    {
        try
        {
            (_file, Id, Kind) = (file, NamespaceFile.IdOf(file), (NamespaceKinds)Syscall.NamespaceKind(file));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Which of the eight kinds it is.</summary>
    public NamespaceKinds Kind { get; }

    /// <summary>What tells it from all others.</summary>
    public NamespaceId Id { get; }

    /// <summary>The user that made it, as this process's user namespace numbers it; of user namespaces only.</summary>
    /// <exception cref="LinuxException">EINVAL: it is of another kind.</exception>
    public uint OwnerUserId => Syscall.NamespaceOwner(File, ToString());

    /// <summary>
    /// The ids of a user namespace that are reserved while this, or a container that joins it, lives.
    /// </summary>
    internal IdReservation? Ids { get; set; }

    /// <summary>Its open file.</summary>
    /// <exception cref="ObjectDisposedException">It was given up.</exception>
    internal SafeFileHandle File
    {
        get
        {
            ObjectDisposedException.ThrowIf(_file.IsClosed, this);
            return _file;
        }
    }

    /// <summary>Opens a file of /proc/PID/ns, or one that a namespace is pinned to; links are followed.</summary>
    /// <exception cref="ArgumentException">The file is no namespace.</exception>
    /// <exception cref="LinuxException">There is no such file, or this process may not look into that
    /// process.</exception>
    public static Namespace Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new(NamespaceFile.Open(path));
    }

    /// <summary>Opens the namespace of one kind that a process is in.</summary>
    /// <exception cref="ArgumentException">It is not one kind.</exception>
    /// <exception cref="LinuxException">ESRCH or ENOENT: the process has ended; EACCES: this process may not look into
    /// it.</exception>
    public static Namespace OfProcess(int processId, NamespaceKinds kind)
    {
        using var process = OpenProcess(processId);
        return OfProcess(process, kind);
    }

    /// <summary>The same for the process that a pidfd stands for.</summary>
    /// <exception cref="ArgumentException">It is not one kind.</exception>
    /// <exception cref="LinuxException">ESRCH or ENOENT: the process has ended; EACCES: this process may not look into
    /// it.</exception>
    public static Namespace OfProcess(SafeFileHandle pidfd, NamespaceKinds kind)
    {
        ArgumentNullException.ThrowIfNull(pidfd);
        return new(ProcessNumbers.OpenFile(pidfd, $"ns/{NameOf(kind)}"));
    }

    /// <summary>Opens the namespace of one kind that this process is in.</summary>
    /// <exception cref="ArgumentException">It is not one kind.</exception>
    public static Namespace OfThisProcess(NamespaceKinds kind) =>
        new(Syscall.Open($"/proc/self/ns/{NameOf(kind)}", OpenFlags.O_RDONLY));

    /// <summary>
    /// Opens all namespaces that a process is in, one of each kind that this kernel has, and after them the pid and
    /// time namespaces of its children where these are others.
    /// </summary>
    /// <exception cref="LinuxException">ESRCH or ENOENT: the process has ended; EACCES: this process may not look into
    /// it.</exception>
    public static IReadOnlyList<Namespace> ListOfProcess(int processId)
    {
        using var process = OpenProcess(processId);
        var list = new List<Namespace>();
        try
        {
            foreach (var name in NamespaceFile.Names.Values.Append("pid_for_children").Append("time_for_children"))
            {
                AddTo(list, process, name);
            }

            return list;
        }
        catch
        {
            list.ForEach(opened => opened.Dispose());
            throw;
        }
    }

    /// <summary>Namespaces over open files, which are theirs from now on, in the order of their kinds.</summary>
    internal static IReadOnlyList<Namespace> Take(IReadOnlyList<SafeFileHandle> files)
    {
        var list = new List<Namespace>();
        try
        {
            list.AddRange(files.Select(file => new Namespace(file)));
            return list;
        }
        catch
        {
            list.ForEach(opened => opened.Dispose());
            foreach (var file in files)
            {
                file.Dispose();
            }

            throw;
        }
    }

    /// <summary>
    /// Opens the user namespace that owns it: who has privileges there has them here. Of a user namespace, its parent.
    /// </summary>
    /// <exception cref="LinuxException">EPERM: that one is neither this process's own nor below it.</exception>
    public Namespace OpenOwner() => new(Syscall.OpenRelated(File, NamespaceRequest.NS_GET_USERNS, ToString()));

    /// <summary>Opens the namespace in which it was made; only user and pid namespaces have such a parent.</summary>
    /// <exception cref="LinuxException">
    /// EINVAL: it is of another kind; EPERM: the parent is neither this process's own nor below it.
    /// </exception>
    public Namespace OpenParent() => new(Syscall.OpenRelated(File, NamespaceRequest.NS_GET_PARENT, ToString()));

    /// <inheritdoc/>
    public bool Equals(Namespace? other) => other is not null && Id == other.Id;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Namespace);

    /// <inheritdoc/>
    public override int GetHashCode() => Id.GetHashCode();

    /// <summary>Names it as /proc does: <c>net:[4026531840]</c>.</summary>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{NamespaceFile.Names[Kind]}:[{Id.Inode}]");

    /// <inheritdoc/>
    public void Dispose()
    {
        _file.Dispose();
        Ids?.Leave();
    }

    private static SafeFileHandle OpenProcess(int processId)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(processId);
        return Syscall.PidfdOpen(processId)
            ?? throw new LinuxException("pidfd_open", Errno.ESRCH, $"/proc/{processId}");
    }

    private static string NameOf(NamespaceKinds kind) =>
        NamespaceFile.Names.TryGetValue(kind, out var name)
            ? name
            : throw new ArgumentException($"One kind of namespace is meant, not {kind}.", nameof(kind));

    /// <summary>
    /// A kernel may lack a kind, and a process whose children have no PID 1 yet has no namespace for them.
    /// </summary>
    private static void AddTo(List<Namespace> list, SafeFileHandle process, string name)
    {
        Namespace opened;
        try
        {
            opened = new(ProcessNumbers.OpenFile(process, $"ns/{name}"));
        }
        catch (LinuxException missing) when (missing.Errno is Errno.ENOENT && ProcessNumbers.IsRunning(process))
        {
            return;
        }

        if (list.Contains(opened))
        {
            opened.Dispose();
        }
        else
        {
            list.Add(opened);
        }
    }
}
