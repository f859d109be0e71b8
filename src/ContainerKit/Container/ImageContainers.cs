using System.Text;
using ContainerKit.Images;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>Containers that start as their images say.</summary>
public static class ImageContainers
{
    private const string Entry = "config, config";

    /// <summary>
    /// What a container of an image is, on a root filesystem of it such as <see cref="WritableLayer.Root"/>: the
    /// image's entry point with the command, or with its own where none is given; its environment, working directory,
    /// stop signal, and user with the groups that the root says. Its volumes are directories of the root, so that what
    /// is in them is committed with the rest: mount something over those that are to outlive it. Ports, labels and
    /// health checks are data, and change nothing. It has the id map of the root's store; without one, as root
    /// <see cref="IdMap.Automatic"/>, otherwise one user.
    /// </summary>
    /// <exception cref="InvalidImageException">The image says what no container can have.</exception>
    /// <exception cref="ArgumentException">Neither the image nor the caller names a program.</exception>
    public static ContainerOptions CreateOptions(
        this Image image, RootFilesystem root, params IReadOnlyList<string> command)
    {
        ArgumentNullException.ThrowIfNull(image);
        return image.Config.CreateOptions(root, command);
    }

    /// <inheritdoc cref="CreateOptions(Image, RootFilesystem, IReadOnlyList{string})"/>
    public static ContainerOptions CreateOptions(
        this ImageConfig config, RootFilesystem root, params IReadOnlyList<string> command)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(root);
        ArgumentNullException.ThrowIfNull(command);
        var image = config.Defaults ?? new();
        var directory = PathOf(image.WorkingDirectory is { Length: > 0 } said ? said : "/", "WorkingDir");
        return new()
        {
            Command = CommandOf(image, command),
            Root = root,
            Environment = EnvironmentOf(image),
            WorkingDirectory = directory,
            Directories = DirectoriesOf(image, directory),
            User = UserOf(image),
            GroupsOfUser = true,
            IdMap = (root as LayersRoot)?.Ids
                ?? (Syscall.EffectiveUser == 0 && RangesIdMap.WritesMaps ? IdMap.Automatic() : IdMap.SingleId),
            StopSignal = SignalOf(image),
        };
    }

    private static string[] CommandOf(ImageDefaults image, IReadOnlyList<string> command)
    {
        string[] all = [.. image.EntryPoint ?? [], .. command.Count > 0 ? command : image.Command ?? []];
        if (all.Length == 0)
        {
            throw new ArgumentException("The image has no command of its own: give one.", nameof(command));
        }

        return all[0] is not "" ? all : throw Invalid("The program has no name.", "Entrypoint", "");
    }

    private static Dictionary<string, string> EnvironmentOf(ImageDefaults image)
    {
        var environment = new Dictionary<string, string>();
        foreach (var variable in image.Environment ?? [])
        {
            var sign = variable.IndexOf('=', StringComparison.Ordinal);
            if (sign <= 0 || HasNul(variable))
            {
                throw Invalid("A variable is NAME=value.", "Env", variable);
            }

            environment[variable[..sign]] = variable[(sign + 1)..];
        }

        return environment;
    }

    private static string[] DirectoriesOf(ImageDefaults image, string workingDirectory) =>
        [.. image.Volumes.Select(volume => PathOf(volume, "Volumes")).Append(workingDirectory)
            .Where(path => path != "/").Distinct()];

    /// <summary>An absolute path that can be read in one way only: it leads to nothing above the root.</summary>
    private static string PathOf(string path, string field)
    {
        var names = path.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(name => name != ".").ToList();
        return path.StartsWith('/') && !names.Contains("..") && !HasNul(path)
            ? $"/{string.Join('/', names)}"
            : throw Invalid("A directory of a container has an absolute path without '..'.", field, path);
    }

    private static string UserOf(ImageDefaults image)
    {
        var user = image.User is { Length: > 0 } said ? said : "0";
        try
        {
            UserLookup.Validate(user);
            return user;
        }
        catch (ArgumentException)
        {
            throw Invalid("A user is a number or name, and may have a group after a colon.", "User", user);
        }
    }

    private static Signal SignalOf(ImageDefaults image) =>
        image.StopSignal is not { Length: > 0 } name ? Signal.SIGTERM
        : SignalName.TryParse(name, out var signal) ? signal
        : throw Invalid("There is no such signal.", "StopSignal", name);

    private static bool HasNul(string text) => text.Contains('\0', StringComparison.Ordinal);

    private static InvalidImageException Invalid(string message, string field, string value) =>
        new(message, entry: Entry, field: field, value: TarEntry.Printable(Encoding.UTF8.GetBytes(value)));
}
