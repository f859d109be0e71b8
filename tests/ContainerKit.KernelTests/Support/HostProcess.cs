using System.Diagnostics;
using System.Text;

namespace ContainerKit.KernelTests;

/// <summary>
/// Another .NET process that hosts containers: tests/ContainerKit.TestHost with a verb and arguments. What it prints is
/// read by line. Disposing kills it, and waits for its end.
/// </summary>
internal sealed class HostProcess : IAsyncDisposable
{
    private readonly StringBuilder _errors = new();

    private HostProcess(Process process)
    {
        Process = process;
        process.ErrorDataReceived += (_, line) =>
        {
            lock (_errors)
            {
                _errors.AppendLine(line.Data);
            }
        };
        process.BeginErrorReadLine();
    }

    /// <summary>The executable.</summary>
    public static string Executable { get; } = Path.Combine(AppContext.BaseDirectory, "ContainerKit.TestHost");

    /// <summary>The process: the host itself, or what it was started through.</summary>
    public Process Process { get; }

    /// <summary>What it wrote to standard error so far.</summary>
    public string Errors
    {
        get
        {
            lock (_errors)
            {
                return _errors.ToString();
            }
        }
    }

    /// <summary>Starts a host with a verb and its arguments.</summary>
    public static HostProcess Start(params string[] arguments) => StartThrough([], arguments);

    /// <summary>
    /// Starts a host as the command that another command ends with, such as <c>setsid</c> or <c>unshare --pid
    /// --fork</c>.
    /// </summary>
    public static HostProcess StartThrough(string[] through, params string[] arguments)
    {
        string[] command = [.. through, Executable, .. arguments];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            // or the runtime leaves its sockets behind when it is killed
            Environment = { ["DOTNET_EnableDiagnostics"] = "0" },
        };
        return new(Process.Start(start)!);
    }

    /// <summary>The next line it prints; fails when there is none.</summary>
    public async Task<string> ReadLineAsync() =>
        await Process.StandardOutput.ReadLineAsync().WaitAsync(TimeFactor.Seconds(30))
        ?? throw new InvalidOperationException($"The host printed no more lines. {Errors}");

    /// <summary>Writes a line for it to read.</summary>
    public async Task WriteLineAsync(string line)
    {
        await Process.StandardInput.WriteLineAsync(line);
        await Process.StandardInput.FlushAsync();
    }

    /// <summary>Waits for its end, and says all it printed that was not read.</summary>
    public async Task<(int ExitCode, string Output)> EndAsync()
    {
        var output = await Process.StandardOutput.ReadToEndAsync().WaitAsync(TimeFactor.Seconds(60));
        await Process.WaitForExitAsync().WaitAsync(TimeFactor.Seconds(30));
        return (Process.ExitCode, output);
    }

    /// <summary>Kills the process with SIGKILL, and nothing but it.</summary>
    public async Task KillAsync()
    {
        Process.Kill();
        await Process.WaitForExitAsync().WaitAsync(TimeFactor.Seconds(30));
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        Process.StandardInput.Dispose(); // once used, a stream is no longer the process object's to dispose
        Process.StandardOutput.Dispose();
        Process.Dispose();
    }
}
