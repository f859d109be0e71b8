using System.Diagnostics;
using ContainerKit.Launch;

namespace ContainerKit;

/// <summary>
/// A start that somebody listens to, from the call until the program was executed or the start failed.
/// </summary>
internal sealed class ObservedStart
{
    private readonly long _began = Stopwatch.GetTimestamp();
    private readonly Activity? _activity;
    private int _over;

    /// <summary>Begins it.</summary>
    public ObservedStart(string program)
    {
        var around = Activity.Current;
        _activity = Instruments.Activities.StartActivity(
            ActivityKind.Internal, tags: [new("process.executable.name", Path.GetFileName(program))],
            name: "container start");
        Activity.Current = around; // what follows until the program's end is no part of its start
    }

    /// <summary>
    /// Completes once the listeners know that the launch which was followed has started; fails as they do.
    /// </summary>
    public Task Told { get; private set; } = Task.CompletedTask;

    /// <summary>Waits for a launch to start. Why it did not is known at its end.</summary>
    public void Follow(LaunchedProcess launched) =>
        Told = launched.Started.ContinueWith(
            _ =>
            {
                if (launched.Started.IsCompletedSuccessfully)
                {
                    End(launched.ProgramId, failure: null);
                }
            },
            TaskScheduler.Default);

    /// <summary>Says how it went, unless that was said; without a failure the program was executed.</summary>
    public void End(int processId, Exception? failure)
    {
        if (Interlocked.Exchange(ref _over, 1) != 0)
        {
            return;
        }

        var tags = new TagList();
        if (failure is null)
        {
            _activity?.SetTag("process.pid", processId);
        }
        else
        {
            var kind = failure is LinuxException { Errno: var errno } ? $"{errno}" : failure.GetType().FullName;
            tags.Add("error.type", kind);
            _activity?.SetTag("error.type", kind).SetStatus(ActivityStatusCode.Error, failure.Message);
        }

        Instruments.Starts.Add(1, tags);
        Instruments.StartDuration.Record(Stopwatch.GetElapsedTime(_began).TotalSeconds, tags);
        _activity?.Dispose();
    }
}
