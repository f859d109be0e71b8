using System.Text;

namespace ContainerKit.KernelTests;

/// <summary>
/// Somebody at the terminal of a container: types, and reads what it shows. Disposing kills the program.
/// </summary>
internal sealed class Typist : IAsyncDisposable
{
    private readonly StringBuilder _shown = new();
    private readonly byte[] _block = new byte[4096];
    private int _seen;

    private Typist(ContainerProcess program) => Program = program;

    /// <summary>The program.</summary>
    public ContainerProcess Program { get; }

    /// <summary>The terminal.</summary>
    public ContainerTerminal Terminal => Program.Terminal!;

    /// <summary>The options of a script of the shell at a terminal.</summary>
    public static ContainerOptions Shell(string script) => At(Script.Shell(script));

    /// <summary>The options with a terminal.</summary>
    public static ContainerOptions At(ContainerOptions options) => options with
    {
        StandardInput = StandardStream.Terminal,
        StandardOutput = StandardStream.Terminal,
    };

    /// <summary>Starts a container.</summary>
    public static async Task<Typist> StartAsync(ContainerOptions options) =>
        new(await Container.StartAsync(options).WaitAsync(TimeFactor.Seconds(30)));

    /// <summary>Starts a further program in a container.</summary>
    public static async Task<Typist> ExecAsync(Container container, ExecOptions options) =>
        new(await container.ExecAsync(
            options with { StandardInput = StandardStream.Terminal, StandardOutput = StandardStream.Terminal })
            .WaitAsync(TimeFactor.Seconds(30)));

    /// <summary>Starts a script of the shell at a terminal.</summary>
    public static Task<Typist> StartAsync(string script) => StartAsync(Shell(script));

    /// <summary>Types a text.</summary>
    public Task TypeAsync(string text) => Eventually.Ends(Terminal.WriteAsync(Encoding.UTF8.GetBytes(text)).AsTask());

    /// <summary>Reads until a text is shown, and gives what came before it, since the last time.</summary>
    public async Task<string> SeesAsync(string text)
    {
        for (; ; )
        {
            var shown = _shown.ToString();
            if (shown.IndexOf(text, _seen, StringComparison.Ordinal) is >= 0 and var place)
            {
                var before = shown[_seen..place];
                _seen = place + text.Length;
                return before;
            }

            Assert.True(await ReadAsync() > 0, $"The end came before '{text}', after: {shown}");
        }
    }

    /// <summary>Reads to the end, and gives what came since the last time.</summary>
    public async Task<string> EndAsync()
    {
        while (await ReadAsync() > 0)
        {
            // goes on
        }

        var rest = _shown.ToString(_seen, _shown.Length - _seen);
        _seen = _shown.Length;
        return rest;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Program.DisposeAsync();

    private async Task<int> ReadAsync()
    {
        var length = await Eventually.Ends(Terminal.ReadAsync(_block).AsTask());
        _shown.Append(Encoding.UTF8.GetString(_block, 0, length));
        return length;
    }
}
