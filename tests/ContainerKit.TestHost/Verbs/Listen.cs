using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;

namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// listen never | before | after: starts a container while nobody listens, after a listener came, or before one comes,
/// and prints whether what listeners need is loaded, the activity that was heard, or how many containers the listener
/// saw alive.
/// </summary>
internal static class Listen
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        Console.WriteLine(await (arguments[0] switch
        {
            "never" => NeverAsync(),
            "before" => BeforeAsync(),
            _ => AfterAsync(),
        }));
        return 0;
    }

    private static async Task<string> NeverAsync()
    {
        await Container.RunAsync(new ContainerOptions { Command = ["true"] });
        return AppDomain.CurrentDomain.GetAssemblies().Any(assembly =>
            assembly.GetName().Name == "System.Diagnostics.DiagnosticSource") ? "loaded" : "not loaded";
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<string> BeforeAsync()
    {
        var heard = "nothing";
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "ContainerKit",
            Sample = (ref _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity => heard = activity.DisplayName,
        };
        ActivitySource.AddActivityListener(listener);
        await Container.RunAsync(new ContainerOptions { Command = ["true"] });
        return heard;
    }

    private static async Task<string> AfterAsync()
    {
        await using var container = await Container.StartAsync(new ContainerOptions { Command = ["sleep", "1000"] });
        return await LiveAsync();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<string> LiveAsync()
    {
        var published = new TaskCompletionSource();
        var live = 0;
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == "containerkit.live")
                {
                    listener.EnableMeasurementEvents(instrument);
                    published.TrySetResult();
                }
            },
        };
        listener.SetMeasurementEventCallback<int>((_, value, _, _) => live = value);
        listener.Start();
        await published.Task.WaitAsync(TimeSpan.FromSeconds(30));
        listener.RecordObservableInstruments();
        return $"{live} live";
    }
}
