using System.Text;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Images;

/// <summary>
/// The files of an image in a tar archive, which is read once for their places. Links lead only within it.
/// </summary>
internal sealed class ArchiveFiles : ImageFiles
{
    private const int MaxLinks = 40;
    private const int MemberSize = 128; // about what remembering a member takes beside its name

    private static readonly TarLimits Limits = TarLimits.Default with { MaxEntries = 100_000 };

    // The keys are bytes, each as one letter: a name need not be text.
    private readonly Dictionary<string, Member> _members = [];
    private readonly SafeFileHandle _file;

    private ArchiveFiles(string path, SafeFileHandle file) => (Name, _file) = (path, file);

    public override string Name { get; }

    /// <summary>Opens an archive of the host.</summary>
    /// <exception cref="InvalidImageException">It is none, or could be read in two ways.</exception>
    public static async Task<ArchiveFiles> OpenAsync(string path, CancellationToken cancellationToken)
    {
        var files = new ArchiveFiles(path, RegularFile.Open(path));
        try
        {
            files.CheckForm();
            var pipe = new ArchivePipe(files._file);
            var reader = new TarReader(pipe, Limits);
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false) is { } entry)
            {
                files.Add(entry, pipe.Position);
                pipe.LeaveOut(entry.Size);
            }

            return files;
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    public override void Dispose() => _file.Dispose();

    protected override FileWindow? TryOpenNamed(string path)
    {
        var member = Find(Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(path)));
        return member is null ? null
            : member.Kind == TarEntryKind.RegularFile ? new(_file, member.Offset, member.Size, ownsFile: false)
            : throw Wrong("This is no regular file.", path, "type", $"{member.Kind}");
    }

    private void CheckForm()
    {
        Span<byte> start = stackalloc byte[Codecs.MagicLength];
        var codec = Codecs.Detect(start[..Syscall.ReadAt(_file, start, 0)], Name);
        if (codec != Codec.None)
        {
            throw new InvalidImageException(
                "An archive of images is read in any order, so it must not be packed as a whole: unpack it first.",
                entry: Name, field: "codec", value: $"{codec}");
        }
    }

    private void Add(TarEntry entry, long offset)
    {
        Count(MemberSize + entry.Path.Length + entry.LinkTarget.Length, Name);
        var path = Encoding.Latin1.GetString(entry.Path.Span);
        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(part => part != ".").ToArray();
        if (path.StartsWith('/') || parts.Contains(".."))
        {
            throw Wrong("A name leads out of the archive.", path, "name", path);
        }

        if (entry.Extents.Count > 0)
        {
            throw Wrong("A file of an image is not sparse.", path, "size", $"{entry.Size}");
        }

        var member = new Member(entry.Kind, offset, entry.Size, Encoding.Latin1.GetString(entry.LinkTarget.Span));
        var key = string.Join('/', parts);
        if (!_members.TryAdd(key, member)
            && (entry.Kind != TarEntryKind.Directory || _members[key].Kind != TarEntryKind.Directory))
        {
            throw Wrong("A name is there twice: some readers take the first, some the last.", path, "name", path);
        }
    }

    private Member? Find(string path)
    {
        var (done, links) = (new List<string>(), 0);
        var ahead = new Stack<string>();
        Push(ahead, path, path);
        while (ahead.TryPop(out var part))
        {
            if (part == "..")
            {
                Leave(done, path);
                continue;
            }

            done.Add(part);
            if (!_members.TryGetValue(string.Join('/', done), out var member)
                || member.Kind is not (TarEntryKind.SymbolicLink or TarEntryKind.HardLink))
            {
                continue;
            }

            if (++links > MaxLinks)
            {
                throw Wrong(
                    $"Over {MaxLinks} links lead to this file, or round in circles.", path, "link", member.Target);
            }

            // A hard link names a member, a symbolic one goes on from where it is.
            var kept = member.Kind == TarEntryKind.HardLink ? 0 : done.Count - 1;
            done.RemoveRange(kept, done.Count - kept);
            Push(ahead, member.Target, path);
        }

        return _members.GetValueOrDefault(string.Join('/', done));
    }

    private static void Leave(List<string> done, string path)
    {
        if (done.Count == 0)
        {
            throw Wrong("A path leads out of the archive.", path, "path", path);
        }

        done.RemoveAt(done.Count - 1);
    }

    private static void Push(Stack<string> ahead, string target, string path)
    {
        if (target.StartsWith('/'))
        {
            throw Wrong("A path leads out of the archive.", path, "path", target);
        }

        var parts = target.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(part => part != ".");
        foreach (var part in parts.Reverse())
        {
            ahead.Push(part);
        }
    }

    private static InvalidImageException Wrong(string message, string entry, string field, string value) =>
        new(message, entry: Printable(entry), field: field, value: Printable(value));

    private static string Printable(string bytes) => TarEntry.Printable(Encoding.Latin1.GetBytes(bytes));

    private sealed record Member(TarEntryKind Kind, long Offset, long Size, string Target);
}
