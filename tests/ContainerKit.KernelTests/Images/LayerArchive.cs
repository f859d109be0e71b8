using System.IO.Pipelines;

namespace ContainerKit.KernelTests;

/// <summary>Archives of layers, made of members.</summary>
internal static class LayerArchive
{
    /// <summary>An archive of these.</summary>
    public static byte[] Of(params Member[] members)
    {
        var archive = new MemoryStream();
        WriteAsync(archive, members).GetAwaiter().GetResult();
        return archive.ToArray();
    }

    /// <summary>An archive of one file.</summary>
    public static byte[] OfFile(string path, string content) => Of(Member.File(path, content));

    /// <summary>An archive of so many small files, in directories of a hundred, as packages have them.</summary>
    public static byte[] OfFiles(int count, string directory = "files") => Of([.. Enumerable.Range(0, count).Select(
        i => Member.File($"{directory}/{i / 100}/file{i}", $"{directory} {i}"))]);

    /// <summary>Writes an archive.</summary>
    public static async Task WriteAsync(Stream archive, IEnumerable<Member> members)
    {
        var pipe = PipeWriter.Create(archive, new(leaveOpen: true));
        var writer = new TarWriter(pipe);
        foreach (var member in members)
        {
            await writer.WriteAsync(member.Entry);
            await writer.WriteContentAsync(member.Content);
        }

        await writer.CompleteAsync();
        await pipe.CompleteAsync();
    }
}
