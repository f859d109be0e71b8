namespace Versus;

/// <summary>A tree as a sum over everything that is in it, to compare it with another's.</summary>
internal static class ImageTree
{
    // An archive says all: names, content, owners, modes, times, links and attributes, in one order. The times of
    // reading and of change are nobody's to set, and the root itself is the storage's rather than the image's.
    private const string Script =
        "cd \"$0\" && ls -A | tar -c -T - --sort=name --numeric-owner --format=posix "
        + "--pax-option=exthdr.name=%d/%f,delete=atime,delete=ctime "
        + "--xattrs --xattrs-include=* --xattrs-exclude=*.overlay.opaque | sha256sum";

    /// <summary>Sums a tree up.</summary>
    public static string Sum(ImageWorkshop workshop, string tree) =>
        workshop.Programs.FirstLine(["sh", "-c", Script, tree]) is { Length: > 64 } sum
            ? sum[..64] : throw new InvalidOperationException($"'{tree}' cannot be read.");
}
