using System.Diagnostics;

namespace ContainerKit.KernelTests.Cgroups;

/// <summary>A shell that waits to be told before it runs its script; killed at the end.</summary>
internal sealed class Resting : IDisposable
{
    private readonly Process _process;

    private Resting(Process process) => _process = process;

    /// <summary>Its process id.</summary>
    public int Id => _process.Id;

    /// <summary>What it writes.</summary>
    public StreamReader Output => _process.StandardOutput;

    /// <summary>Whether it ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>Starts one that waits.</summary>
    public static Resting Start(string script) => new(Process.Start(new ProcessStartInfo(
        "/bin/sh", ["-c", $"read line; {script}"])
    {
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
    })!);

    /// <summary>Tells it to run its script.</summary>
    public void Go() => Tell("");

    /// <summary>Writes it a line.</summary>
    public void Tell(string line) => _process.StandardInput.WriteLine(line);

    /// <summary>Waits for its end, and gives its exit code.</summary>
    public async Task<int> EndAsync()
    {
        await Eventually.Ends(_process.WaitForExitAsync());
        return _process.ExitCode;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.StandardInput.Dispose(); // once used, a stream is no longer the process object's to dispose
        _process.StandardOutput.Dispose();
        _process.Dispose();
    }
}
