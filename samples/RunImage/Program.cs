// Loads an image from an archive, runs a command in a container of it, and saves the image with what that changed:
//   dotnet run --project samples/RunImage -- image.tar changed.tar sh -c 'echo hello >/greeting'
using ContainerKit;
using RunImage;
using Spectre.Console;

if (Arguments.Parse(args) is not { } asked)
{
    Console.Error.WriteLine(Arguments.Usage);
    return 2;
}

try
{
    await using var store = ImageStore.Open(asked.Store);
    var images = await AnsiConsole.Progress().StartAsync(context =>
        store.LoadAsync(asked.Archive, new() { Format = asked.Format }, new LayerBars(context)));
    var image = images[0];
    Console.WriteLine($"{image}: {image.Layers.Count} layers, {image.Size} packed");

    await using var layer = await store.CreateWritableAsync(image);
    var result = await Container.RunAsync(image.CreateOptions(layer.Root, asked.Command) with
    {
        StandardInput = StandardStream.Inherit,
        StandardOutput = StandardStream.Inherit,
        StandardError = StandardStream.Inherit,
    });
    Console.WriteLine($"The command {result.ExitStatus}, and changed {layer.ReadUsage()}.");
    if (!result.ExitStatus.IsSuccess)
    {
        Console.WriteLine("Nothing is saved.");
        return result.ExitStatus.ExitCode ?? 1;
    }

    var changed = await store.CommitAsync(layer, new() { CreatedBy = string.Join(' ', asked.Command) });
    await store.SaveAsync([changed], asked.Result, ImageFormat.OciLayout);
    var size = new FileInfo(asked.Result).Length;
    Console.WriteLine($"Saved as {asked.Result}: {changed.Layers.Count} layers, {size} bytes");
    return 0;
}
catch (Exception refusal) when (refusal is IOException or ArgumentException)
{
    Console.Error.WriteLine(refusal.Message);
    return 1;
}
