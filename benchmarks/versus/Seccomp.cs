using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using ContainerKit;
using ContainerKit.Linux;
using ContainerKit.Tests.Security;

namespace Versus;

/// <summary>
/// What profiles of system calls cost to compile, each call that is asked for, and a start: against libseccomp and its
/// binary tree, and against a start without any.
/// </summary>
internal static class Seccomp
{
    private const string PodmansFile = "/usr/share/containers/seccomp.json";

    private const string
        Floor = "ContainerKit, no filter", General = "ContainerKit, Default", Plugin = "ContainerKit, Plugin",
        Sandbox = "ContainerKit, SandboxProfiles.Plugin";

    // What strace counts most in servers, builds, and runtimes.
    private static readonly string[] Frequent =
    [
        "read", "write", "futex", "close", "openat", "newfstatat", "fstat", "lseek", "mmap", "munmap", "mprotect",
        "rt_sigaction", "rt_sigprocmask", "ioctl", "fcntl", "recvmsg", "sendmsg", "epoll_pwait", "epoll_ctl", "getpid",
    ];

    /// <summary>Measures, prints, and judges.</summary>
    public static async Task RunAsync(Settings settings, Workshop workshop, Verdicts verdicts)
    {
        var program = workshop.MakeSeccomp();
        var table = new Table("a profile", "libseccomp µs", "ours µs", "ours : its", "its steps", "our steps", "of calls");
        foreach (var (name, profile) in Profiles())
        {
            Compare(settings, workshop, program, name, profile, table, verdicts);
        }

        Console.WriteLine($"{table}\n");
        await StartAsync(settings, workshop, verdicts);
    }

    /// <summary>Those that mean the same to both: of ours what allows, since the order of rules is nothing there.</summary>
    private static IEnumerable<(string Name, SeccompProfile Profile)> Profiles()
    {
        if (File.Exists(PodmansFile))
        {
            yield return ("Podman's", SeccompProfile.Parse(File.ReadAllBytes(PodmansFile)));
        }

        yield return ("Plugin, what it allows", SeccompProfile.Plugin with
        {
            Rules = [.. SeccompProfile.Plugin.Rules.Where(rule => rule.Action == SeccompAction.Allow)],
        });
    }

    private static void Compare(
        Settings settings, Workshop workshop, string program, string name, SeccompProfile profile, Table table,
        Verdicts verdicts)
    {
        var (rules, filter, times) = (
            Path.Combine(workshop.Path, "profile"), Path.Combine(workshop.Path, "filter"), settings.Quick ? 2 : 50);
        var target = SeccompTarget.Here(CapabilitySet.None);
        File.WriteAllText(rules, Numbers(profile, target));
        var compiled = SeccompFilter.Compile(profile, target).Bytes;
        var (theirs, ours) = (new List<double>(), new List<double>());
        for (var round = 0; round < settings.Rounds; round++)
        {
            var said = workshop.FirstLine([program, rules, filter, times.ToString(CultureInfo.InvariantCulture)]);
            theirs.Add(double.Parse(said!, CultureInfo.InvariantCulture));
            var start = Stopwatch.GetTimestamp();
            for (var i = 0; i < times; i++)
            {
                SeccompFilter.Compile(profile, target);
            }

            ours.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds / times);
        }

        var ratio = Statistics.Median(ours.Zip(theirs, (own, its) => own / its));
        var (itsSteps, ourSteps) = (Steps(File.ReadAllBytes(filter)), Steps(compiled));
        table.Add(
            name, Table.Figure(Statistics.Median(theirs)), Table.Figure(Statistics.Median(ours)), Table.Figure(ratio),
            $"{itsSteps}", $"{ourSteps}", $"{Frequent.Length}");
        verdicts.AtMost($"compiling {name} : by libseccomp", ratio, 0.5);
        verdicts.AtMost($"instructions for frequent calls, {name} : libseccomp's tree", (double)ourSteps / itsSteps, 1);
    }

    /// <summary>The instructions that are executed for all frequent calls together.</summary>
    private static int Steps(byte[] filter)
    {
        var machine = new FilterMachine(filter);
        var here = RuntimeInformation.ProcessArchitecture;
        var table = here is Architecture.X64 ? AuditArchitecture.AUDIT_ARCH_X86_64 : AuditArchitecture.AUDIT_ARCH_AARCH64;
        return Frequent.Sum(call => machine.Run((uint)table, (uint)SyscallTable.NumberOf(call, here)!.Value).Executed);
    }

    /// <summary>A profile as seccomp.c reads it: what is the default is left out, as runc does.</summary>
    private static string Numbers(SeccompProfile profile, SeccompTarget target)
    {
        var rules =
            from rule in profile.Rules
            where target.Meets(rule) && rule.Action != profile.DefaultAction
            from call in rule.Calls
            let number = SyscallTable.NumberOf(call, target.Architecture)
            where number is not null
            select string.Join(' ', (ulong[])
            [
                rule.Action.Value, (ulong)number, (ulong)rule.Arguments.Count, .. rule.Arguments.SelectMany(Condition),
            ]);
        var lines = rules.ToList();
        return $"{profile.DefaultAction.Value} {lines.Count}\n{string.Join('\n', lines)}\n";
    }

    private static ulong[] Condition(SeccompArgument argument)
    {
        const ulong equal = 4, other = 1, masked = 7;
        return argument.Mask != ulong.MaxValue ? [(ulong)argument.Index, masked, argument.Mask, argument.Value]
            : [(ulong)argument.Index, argument.Comparison is SeccompComparison.Equal ? equal : other, argument.Value, 0];
    }

    private static async Task StartAsync(Settings settings, Workshop workshop, Verdicts verdicts)
    {
        foreach (var init in (bool[])[false, true])
        {
            var rounds = await Rounds.RunAsync(
                [
                    new(Floor, () => Ours.RunAsync(workshop, init, SeccompProfile.Unconfined)),
                    new(General, () => Ours.RunAsync(workshop, init, SeccompProfile.Default)),
                    new(Plugin, () => Ours.RunAsync(workshop, init, SeccompProfile.Plugin)),
                    new(Sandbox, () => Ours.RunAsync(workshop, init, SandboxProfiles.Plugin)),
                ],
                settings.Quick ? 2 : 60, settings.Rounds, 2 * settings.Each);
            Console.WriteLine(rounds.Table($"start to exit, init {(init ? "on" : "off")}", Floor, "no filter") + "\n");
            verdicts.AtMost(
                $"start with the profile Plugin : without, init {(init ? "on" : "off")}",
                Statistics.Median(rounds.Ratios(Plugin, Floor)), 1.15);
            verdicts.AtMost(
                $"start with SandboxProfiles.Plugin : without, init {(init ? "on" : "off")}",
                Statistics.Median(rounds.Ratios(Sandbox, Floor)), 1.15);
        }
    }
}
