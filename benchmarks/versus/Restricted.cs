using ContainerKit;
using ContainerKit.Launch;

namespace Versus;

/// <summary>What a start without namespaces takes, against a bare posix_spawn of the same program.</summary>
internal static class Restricted
{
    private const string
        Bare = "posix_spawn", Whole = "ContainerKit, Restricted", Open = "ContainerKit, before Landlock and seccomp",
        Limit = "limit, posix_spawn of a supervisor", Spare = "ContainerKit, Restricted, a spare",
        OpenSpare = "ContainerKit, before Landlock and seccomp, a spare",
        Rootless = "ContainerKit, namespaces, init off";

    /// <summary>Measures, prints, and judges.</summary>
    public static async Task RunAsync(Settings settings, Workshop workshop, Verdicts verdicts)
    {
        await using var host = new ContainerHost(new() { WithoutNamespaces = true });
        await using var withSpare = new ContainerHost(new() { WithoutNamespaces = true, Spares = 1 });
        await using Spares none = new(Launcher.Memory, 0), one = new(Launcher.Memory, 1);
        var options = new ContainerOptions
        {
            Command = [workshop.True],
            Mounts = [new BindMount(workshop.Root, workshop.Root)],
            MinimumIsolation = Isolation.Restricted,
            StandardOutput = StandardStream.Null,
            StandardError = StandardStream.Null,
        };
        var rounds = await Rounds.RunAsync(
            [
                Contender.Process(Bare, [workshop.True]),
                Contender.Process(Limit, [workshop.Supervised, workshop.True]),
                new(Whole, async () => (await host.RunAsync(options)).EnsureSuccess()),
                new(Spare, async () => (await withSpare.RunAsync(options)).EnsureSuccess()),
                new(Open, () => RunOpenAsync(options, none)),
                new(OpenSpare, () => RunOpenAsync(options, one)),
                new(Rootless, () => Ours.RunAsync(workshop, init: false)),
            ],
            settings.Quick ? 2 : 60, settings.Rounds, 2 * settings.Each);
        Console.WriteLine(rounds.Table("start to exit", Bare, Bare) + "\n");
        foreach (var (name, most) in new[] { (Open, 1.6), (OpenSpare, 1.6), (Whole, 2.5), (Spare, 2.5) })
        {
            verdicts.AtMost($"start {name} : {Bare}", Statistics.Median(rounds.Ratios(name, Bare)), most);
        }
    }

    /// <summary>The same start without the rules, the filter, and the directory that they allow.</summary>
    private static async ValueTask RunOpenAsync(ContainerOptions options, Spares spares)
    {
        var plan = ContainerPlan.MakeRestricted(
            options with
            {
                Restriction = new(new(), SeccompProfile.Unconfined, "/", IsolationProperties.None),
                Seccomp = SeccompProfile.Unconfined,
                MaxProcesses = null,
            },
            entrances: null, isWhole: true);
        var launched = spares.Start(plan, StandardStreams.None, onlyEnd: true);
        if ((await launched.Ended).Value != 0)
        {
            throw new InvalidOperationException($"{Open}: it failed");
        }
    }
}
