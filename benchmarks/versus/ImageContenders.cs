using ContainerKit;

namespace Versus;

/// <summary>A way to unpack the image into a directory, which is new each time.</summary>
internal sealed record ImageContender(string Name, Func<string, Task> RunAsync)
{
    /// <summary>Makes the root filesystem visible as one tree, to compare it; gives its path.</summary>
    public Func<string, string>? Show { get; init; }
}

/// <summary>Ours, and the peers'.</summary>
internal static class ImageContenders
{
    public const string Store = "ContainerKit, into a store and run";
    public const string Again = "ContainerKit, into the same store again";
    public const string ToDirectory = "ContainerKit, to a directory";
    public const string Umoci = "umoci unpack";
    public const string Podman = "podman pull oci:";
    public const string Tar = "tar -xzf, one layer after the other";

    /// <summary>
    /// Ours, and the peers that work on this host; those that do not are named, with their complaint.
    /// </summary>
    public static async Task<IReadOnlyList<ImageContender>> FindAsync(ImageWorkshop workshop)
    {
        List<ImageContender> found =
        [
            OfStore(workshop),
            new(ToDirectory,
                directory => ImageUnpacker.UnpackToDirectoryAsync(workshop.Image.Path, Sub(directory, "tree")))
            {
                Show = directory => Sub(directory, "tree"),
            },
        ];
        foreach (var peer in (ImageContender[])[OfUmoci(workshop), OfPodman(workshop), OfTar(workshop)])
        {
            try
            {
                await ImageTurn.RunAsync(workshop, peer);
                found.Add(peer);
            }
            catch (InvalidOperationException complaint)
            {
                Console.Error.WriteLine($"left out: {peer.Name}: {complaint.Message}");
            }
        }

        return found;
    }

    /// <summary>Ours, into a store, up to a program that runs on it.</summary>
    public static ImageContender OfStore(ImageWorkshop workshop) =>
        new(Store, directory => LoadAsync(workshop, directory)) { Show = directory => ShowStore(workshop, directory) };

    /// <summary>Loads the image into a store.</summary>
    public static async Task<Image> LoadAsync(ImageWorkshop workshop, ImageStore store) =>
        (await store.LoadAsync(workshop.Image.Path))[0];

    /// <summary>Opens the store of a directory.</summary>
    public static ImageStore OpenStore(string directory) =>
        ImageStore.Open(Sub(directory, "store"), new() { WritesThrough = false });

    // Up to a program that runs on it, so that the root filesystem has been mounted; that takes milliseconds.
    private static async Task LoadAsync(ImageWorkshop workshop, string directory)
    {
        await using var store = OpenStore(directory);
        var image = await LoadAsync(workshop, store);
        await using var layer = await store.Layers.CreateWritableAsync(image.Layers);
        (await Container.RunAsync(new() { Command = ["/bin/true"], Root = layer.Root })).EnsureSuccess();
    }

    // Overlayfs shows the layers by names that are short enough for one option.
    private static string ShowStore(ImageWorkshop workshop, string directory)
    {
        var (lower, shown) = (new List<string>(), Directory.CreateDirectory(Sub(directory, "shown")).FullName);
        foreach (var (layer, i) in workshop.Image.DiffIds.Reverse().Select((layer, i) => (layer, i)))
        {
            var link = Sub(directory, $"{i}");
            File.CreateSymbolicLink(link, Sub(directory, $"store/layers/{layer.Replace(':', '/')}/fs"));
            lower.Add(link);
        }

        workshop.Must("mount", "-t", "overlay", "-o", $"ro,lowerdir={string.Join(':', lower)}", "overlay", shown);
        return shown;
    }

    private static ImageContender OfUmoci(ImageWorkshop workshop) => new(Umoci, directory => MustAsync(
        workshop, "umoci", "unpack", "--image", $"{workshop.Image.Path}:{ImageLayout.Tag}", Sub(directory, "bundle")))
    {
        Show = directory => Sub(directory, "bundle/rootfs"),
    };

    private static ImageContender OfPodman(ImageWorkshop workshop) => new(Podman, directory => MustAsync(
        workshop, [.. PodmanIn(directory), "pull", "--quiet", $"oci:{workshop.Image.Path}:{ImageLayout.Tag}"]))
    {
        Show = directory =>
        {
            string[] list = [.. PodmanIn(directory), "images", "--quiet"];
            var image = workshop.Programs.FirstLine(list) ?? throw new InvalidOperationException("podman has no image");
            return workshop.Programs.FirstLine([.. PodmanIn(directory), "image", "mount", image])!;
        },
    };

    private static ImageContender OfTar(ImageWorkshop workshop) => new(Tar, async directory =>
    {
        foreach (var layer in workshop.Image.Layers)
        {
            await MustAsync(workshop, "tar", "-xzf", layer.Packed, "--numeric-owner", "-C", directory);
        }
    });

    private static string[] PodmanIn(string directory) =>
    [
        "podman", "--root", Sub(directory, "storage"), "--runroot", Sub(directory, "run"),
        "--storage-driver", "overlay", "--cgroup-manager", "cgroupfs",
    ];

    private static Task MustAsync(ImageWorkshop workshop, params string[] command)
    {
        workshop.Must(command);
        return Task.CompletedTask;
    }

    private static string Sub(string directory, string name) => Path.Combine(directory, name);
}
