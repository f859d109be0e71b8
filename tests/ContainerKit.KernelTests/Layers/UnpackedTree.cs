using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.KernelTests;

/// <summary>
/// A directory that layers are unpacked into, beside another that none of them may change.
/// </summary>
internal sealed class UnpackedTree : IDisposable
{
    private readonly TempDirectory _temp = new();
    private readonly string _before;

    public UnpackedTree()
    {
        Directory.CreateDirectory(Root);
        _temp.Write("outside/secret", "canary");
        _temp.Write("outside/inner/file", "canary");
        File.SetUnixFileMode(_temp["outside/secret"], UnixFileMode.UserRead);
        _before = DescribeOutside();
    }

    /// <summary>Where layers go.</summary>
    public string Root => _temp["root"];

    /// <summary>Where nothing may change.</summary>
    public string Outside => _temp["outside"];

    /// <summary>The path of what the tree holds, or would hold.</summary>
    public string this[string path] => Path.Combine(Root, path);

    private static TreeOwners Owners => Host.IsRoot ? new DirectOwners() : new SquashedOwners();

    /// <summary>Unpacks a layer.</summary>
    public Task<bool> UnpackAsync(params Member[] members) => UnpackAsync(TreeForm.Plain, members);

    /// <summary>Unpacks a layer; says whether it hides all below it.</summary>
    public async Task<bool> UnpackAsync(TreeForm form, Member[] members, TreeLimits? limits = null)
    {
        using var root = Open();
        using var writer = new TreeWriter(root, form, Owners, limits ?? new());
        foreach (var member in members)
        {
            writer.Add(member.Entry);
            writer.Write(member.Content);
        }

        await writer.CompleteAsync(TestContext.Current.CancellationToken);
        if (form == TreeForm.Plain && writer.RootMode is { } mode)
        {
            Syscall.ChangeMode(root, mode);
        }

        return writer.IsOpaque;
    }

    /// <summary>Asserts that a layer is refused, for this reason, and that nothing outside was changed.</summary>
    public async Task<InvalidImageException> AssertRefusesAsync(string reason, params Member[] members)
    {
        var refusal = await Assert.ThrowsAsync<InvalidImageException>(() => UnpackAsync(members));
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
        AssertNothingOutsideChanged();
        return refusal;
    }

    public void AssertNothingOutsideChanged() => Assert.Equal(_before, DescribeOutside());

    public SafeFileHandle Open() => Syscall.Open(Root, OpenFlags.O_RDONLY);

    /// <summary>What a path holds, as stat(1) formats it.</summary>
    public string Stat(string format, string path) =>
        Tools.Run("stat", "--format", format, this[path]).TrimEnd('\n');

    /// <summary>What an extended attribute holds, of a link, too.</summary>
    public byte[]? Attribute(string path, string name)
    {
        using var root = Open();
        Assert.Null(
            Syscall.OpenHeld(root, Member.Bytes(path + "\0"), OpenFlags.O_PATH, linkItself: true, out var file));
        using (file)
        {
            return Syscall.ReadAttribute(file!, Member.Bytes(name + "\0"));
        }
    }

    /// <summary>All paths, in order; of links with what they lead to.</summary>
    public string[] Paths() => [.. Tools.Run("find", Root, "-mindepth", "1", "-printf", "%P%y%l\\n")
        .Split('\n', StringSplitOptions.RemoveEmptyEntries)
        .Order(StringComparer.Ordinal)];

    /// <inheritdoc/>
    public void Dispose()
    {
        using (var parent = Syscall.Open(_temp.Path, OpenFlags.O_RDONLY))
        {
            HostileTree.Remove(parent, "root\0"u8.ToArray());
        }

        _temp.Dispose();
    }

    private string DescribeOutside() =>
        Tools.Run("find", Outside, "-printf", "%P %y %m %U %G %s %n %T@ %C@\\n")
        + Tools.Run("find", _temp.Path, "-maxdepth", "1", "-printf", "%P\\n");
}
