using System.Runtime.CompilerServices;

namespace ContainerKit;

/// <summary>
/// What starts and ends tell the process's listeners. Whoever listens has System.Diagnostics.DiagnosticSource loaded;
/// until then none of it is touched: the event sources that come with an activity source and a meter cost a first start
/// 7 ms.
/// </summary>
internal static class Telemetry
{
    private const string OfListeners = "System.Diagnostics.DiagnosticSource,";

    private static readonly bool ThereAtFirst = LookForListeners();
    private static volatile bool _cameLater;
    private static int _live;

    /// <summary>How many containers were launched and are not gone.</summary>
    public static int Live => Volatile.Read(ref _live);

    /// <summary>Says that a start begins; null when nobody hears it.</summary>
    public static ObservedStart? Begin(string program) => CanBeHeard ? BeginObserved(program) : null;

    /// <summary>Says that a container was launched; <see cref="Gone"/> follows, once.</summary>
    public static void Launched() => Interlocked.Increment(ref _live);

    /// <summary>Says that a container is gone.</summary>
    public static void Gone() => Interlocked.Decrement(ref _live);

    /// <summary>
    /// Says how a program ended, and when it was launched; null when its supervisor was killed from outside.
    /// </summary>
    public static void Ended(ExitStatus? status, long launched)
    {
        if (CanBeHeard)
        {
            EndObserved(status, launched);
        }
    }

    private static bool CanBeHeard => ThereAtFirst || _cameLater;

    /// <summary>Compiled ahead of time, a program loads no assemblies, and what is there costs little.</summary>
    private static bool LookForListeners()
    {
        if (!RuntimeFeature.IsDynamicCodeSupported)
        {
            return true;
        }

        AppDomain.CurrentDomain.AssemblyLoad += OnLoad;
        foreach (var assembly in AppDomain.CurrentDomain.GetAssemblies())
        {
            if (assembly.FullName!.StartsWith(OfListeners, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The instruments are made at once, so that containers that live already are counted.</summary>
    private static void OnLoad(object? sender, AssemblyLoadEventArgs loaded)
    {
        if (!CanBeHeard && loaded.LoadedAssembly.FullName!.StartsWith(OfListeners, StringComparison.Ordinal))
        {
            _cameLater = true;
            ThreadPool.UnsafeQueueUserWorkItem(static _ => Instruments.Make(), null);
        }
    }

    // Apart, and not inlined: to compile or to prepare a method can load the assemblies it uses.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ObservedStart? BeginObserved(string program) => Instruments.HearStarts ? new(program) : null;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void EndObserved(ExitStatus? status, long launched) => Instruments.Ended(status, launched);
}
