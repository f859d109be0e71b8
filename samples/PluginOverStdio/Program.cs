// Asks an untrusted plugin, which answers from a container: beside the host's programs it sees the .NET runtime and its
// own files, read-only. One that does not answer in time, or answers nonsense, is killed, and the next question goes to
// a new one.
using System.Runtime.InteropServices;
using System.Text.Json;
using ContainerKit;
using PluginOverStdio;

if (args is ["plugin"])
{
    Plugin.Answer();
    return;
}

// it ends with shared/Microsoft.NETCore.App/<version>
var dotnet = Path.GetFullPath("../../..", RuntimeEnvironment.GetRuntimeDirectory());
var options = new ContainerOptions
{
    Command = ["/dotnet/dotnet", "/plugin/PluginOverStdio.dll", "plugin"],
    Mounts = [new BindMount(dotnet, "/dotnet"), new BindMount(AppContext.BaseDirectory, "/plugin")],
    StandardInput = StandardStream.Pipe,
    StandardOutput = StandardStream.Pipe,
};

var plugin = await StartAsync();
foreach (var question in (string[])["add 2 3", "list the host's users", "hang", "add 20 22"])
{
    try
    {
        Console.WriteLine($"{question}: {await AskAsync(plugin, question, TimeSpan.FromSeconds(2))}");
    }
    catch (Exception failure) when (failure is OperationCanceledException or IOException or JsonException)
    {
        Console.WriteLine($"{question}: killed, {(failure is OperationCanceledException ? "too slow" : "nonsense")}");
        await plugin.DisposeAsync();
        plugin = await StartAsync();
    }
}

await plugin.DisposeAsync();

async Task<Container> StartAsync()
{
    var container = await Container.StartAsync(options);
    Console.WriteLine($"A new plugin: {await AskAsync(container, "hello", TimeSpan.FromSeconds(30))}");
    return container;
}

static async Task<JsonEncodedText> AskAsync(Container plugin, string question, TimeSpan patience)
{
    using var timeout = new CancellationTokenSource(patience);
    await plugin.StandardInput!.WriteAsync(new Message(question).ToLine(), timeout.Token);
    var (answer, length) = (new byte[4096], 0); // who says more talks nonsense
    while (length == 0 || answer[length - 1] != '\n')
    {
        var read = await plugin.StandardOutput!.ReadAsync(answer.AsMemory(length), timeout.Token);
        length += read > 0 ? read : throw new EndOfStreamException();
    }

    // a terminal would obey control characters
    return JsonEncodedText.Encode(Message.Parse(answer.AsSpan(0, length)).Text);
}
