using ContainerKit;

namespace RunImage;

/// <summary>What the command line asks for.</summary>
internal sealed record Arguments(
    ImageFormat? Format, string Store, string Archive, string Result, IReadOnlyList<string> Command)
{
    /// <summary>How to ask.</summary>
    public const string Usage = """
        RunImage [--root] [--store <directory>] <archive> <result> [<command> ...]
          <archive>  an OCI layout, or a tar archive of one or of docker save; with --root one of a root filesystem
          <result>   the file for the changed image, as an OCI layout
          <command>  what runs in the image; its own command if there is none
          --store    where images and their layers are kept between runs
        """;

    /// <summary>Reads a command line; null when something is missing.</summary>
    public static Arguments? Parse(ReadOnlySpan<string> args)
    {
        var data = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData);
        return Parse(args, null, Path.Combine(data, "containerkit-images"));
    }

    private static Arguments? Parse(ReadOnlySpan<string> args, ImageFormat? format, string store) => args switch
    {
        ["--root", .. var rest] => Parse(rest, ImageFormat.RootArchive, store),
        ["--store", var directory, .. var rest] => Parse(rest, format, directory),
        [var archive, var result, .. var command] => new(format, store, archive, result, command.ToArray()),
        _ => null,
    };
}
