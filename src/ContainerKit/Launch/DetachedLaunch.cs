using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Launch;

/// <summary>
/// Starts launchers that this process leaves alone once they have begun. While it lives it takes their remains away.
/// </summary>
internal static class DetachedLaunch
{
    /// <summary>
    /// Starts a container on a plan that was detached, which it disposes, and completes when exec happened. Cancelling
    /// kills it, and waits until it is gone.
    /// </summary>
    public static async Task StartAsync(
        Launcher launcher, LaunchPlan plan, SafeFileHandle[] standard, CancellationToken cancellationToken)
    {
        using var disposed = plan;
        plan.Encode(RuntimeInformation.ProcessArchitecture);
        var spawned = SpawnedLauncher.Start(launcher, plan.FirstPart, plan.SecondPart, standard, plan.Inherited);
        SafeFileHandle? pidOne = null;
        try
        {
            var started = false;
            await ReceiveAsync<Message>(spawned.Control, (message, attached) =>
            {
                pidOne ??= attached;
                started |= message.Kind is MessageKind.Started;
            }, cancellationToken).ConfigureAwait(false);
            LaunchException? failure = null;
            await ReceiveAsync<Failure>(
                spawned.Setup, (failed, _) => failure ??= LaunchFailure.Describe(plan, failed), cancellationToken)
                    .ConfigureAwait(false);
            if (failure is not null || !started)
            {
                throw failure ?? LaunchFailure.EndedBefore();
            }
        }
        catch
        {
            await EndAsync(spawned, pidOne).ConfigureAwait(false);
            throw;
        }
        finally
        {
            pidOne?.Dispose();
            spawned.Control.Dispose();
            spawned.Setup.Dispose();
        }

        Follow(spawned.Process);
    }

    /// <summary>Starts a launcher that does something by itself, and completes when it says so.</summary>
    public static async Task BeginAsync(Launcher launcher, LaunchPlan plan)
    {
        using var disposed = plan;
        plan.Encode(RuntimeInformation.ProcessArchitecture);
        using var nothing = Syscall.Open("/dev/null", OpenFlags.O_RDWR);
        var spawned = SpawnedLauncher.Start(launcher, plan.FirstPart, [], [nothing, nothing, nothing], plan.Inherited);
        using (spawned.Control)
        using (spawned.Setup)
        {
            Follow(spawned.Process);
            LaunchException? failure = null;
            await ReceiveAsync<Failure>(
                spawned.Setup,
                (failed, _) => failure ??= failed.Result == 0 ? null : LaunchFailure.Describe(plan, failed),
                CancellationToken.None).ConfigureAwait(false);
            if (failure is not null)
            {
                throw failure;
            }
        }
    }

    private static async Task ReceiveAsync<T>(
        SafeFileHandle socket, Action<T, SafeFileHandle?> on, CancellationToken cancellationToken)
        where T : unmanaged
    {
        var bytes = new byte[Unsafe.SizeOf<T>()];
        while (true)
        {
            if (Syscall.Receive(socket, bytes, out _, out var attached) is not { } length)
            {
                await EventLoop.ReadyAsync(socket, cancellationToken).ConfigureAwait(false);
                continue;
            }

            if (length == 0)
            {
                return;
            }

            on(length == bytes.Length ? MemoryMarshal.Read<T>(bytes) : default, attached);
        }
    }

    private static async Task EndAsync(SpawnedLauncher spawned, SafeFileHandle? pidOne)
    {
        if (spawned.Process is null)
        {
            Syscall.Kill(spawned.ProcessId); // it waits for nobody yet, or its child is killed below
        }
        else
        {
            Syscall.Kill(spawned.Process);
        }

        if (pidOne is not null)
        {
            Syscall.Kill(pidOne);
            await EventLoop.ReadyAsync(pidOne, CancellationToken.None).ConfigureAwait(false);
        }

        if (spawned.Process is not null)
        {
            Syscall.Reap(spawned.Process);
            spawned.Process.Dispose();
        }
    }

    private static void Follow(SafeFileHandle? process)
    {
        if (process is not null)
        {
            _ = ReapAsync(process);
        }
    }

    private static async Task ReapAsync(SafeFileHandle process)
    {
        using var disposed = process;
        await EventLoop.ReadyAsync(process, CancellationToken.None).ConfigureAwait(false);
        Syscall.Reap(process);
    }
}
