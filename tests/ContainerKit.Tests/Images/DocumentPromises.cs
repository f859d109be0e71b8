using System.Text;
using ContainerKit.Images;

namespace ContainerKit.Tests.Images;

/// <summary>What the readers of documents promise of any bytes: for the tests here and the fuzzer.</summary>
internal static class DocumentPromises
{
    /// <summary>Has every reader read them, and complains when a promise is broken; says how many took them.</summary>
    public static int Check(byte[] bytes)
    {
        var manifest = Try(() => ImageManifest.Parse(bytes));
        var index = Try(() => ImageIndex.Parse(bytes));
        var config = Try(() => ImageConfig.Parse(bytes));
        Require(manifest is null || index is null, "A document is a manifest and an index.");
        CheckAgain(manifest, document => document.ToJson(), json => ImageManifest.Parse(json));
        CheckAgain(index, document => document.ToJson(), json => ImageIndex.Parse(json));
        CheckAgain(config, document => document.ToJson(), json => ImageConfig.Parse(json));
        foreach (var layer in manifest?.Layers ?? [])
        {
            Require(layer.Size >= 0, "A size is negative.");
        }

        CheckOptions(config);
        CheckName(Encoding.UTF8.GetString(bytes));
        return new object?[] { manifest, index, config }.Count(document => document is not null);
    }

    // What is written of a document is read as the same: a store passes on what it was given.
    private static void CheckAgain<T>(T? document, Func<T, byte[]> write, Func<byte[], T> read)
        where T : class
    {
        if (document is not null)
        {
            var json = write(document);
            Require(write(read(json)).AsSpan().SequenceEqual(json), "A document changes when it is written and read.");
        }
    }

    private static void CheckOptions(ImageConfig? config)
    {
        if (config is null || Try(() => config.CreateOptions(RootFilesystem.Empty, "/program")) is not { } options)
        {
            return;
        }

        Require(options.Command.Count > 0 && options.Command[^1] == "/program", "The caller's command is not run.");
        Require(options.Mounts.Count == 0 && options.Root == RootFilesystem.Empty, "An image mounts something.");
        Require(
            options.Directories.Append(options.WorkingDirectory).All(path => Path.GetFullPath(path) == path),
            "A directory's path is not plain.");
        OptionsCheck.Validate(options);
    }

    private static void CheckName(string text)
    {
        if (ImageReference.TryParse(text, out var name))
        {
            Require(ImageReference.Parse(name.ToString()) == name, "A name changes when it is written and read.");
            Require(ImageReference.Parse(name.Familiar) == name, "A familiar name is another's.");
        }
    }

    private static T? Try<T>(Func<T> read)
        where T : class
    {
        try
        {
            return read();
        }
        catch (InvalidImageException)
        {
            return null;
        }
    }

    private static void Require(bool holds, string message)
    {
        if (!holds)
        {
            throw new InvalidOperationException(message);
        }
    }
}
