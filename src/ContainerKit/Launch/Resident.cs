using System.Runtime.InteropServices;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Launch;

/// <summary>
/// A launcher that stays in a set of namespaces and opens things there for the host, one after the other, each in a
/// process of its own. It ends with the host; disposing ends it. Thread-safe.
/// </summary>
internal sealed class Resident : IDisposable
{
    private readonly LaunchPlan _plan;
    private readonly SpawnedLauncher _launcher;
    private readonly SemaphoreSlim _turn = new(1);
    private EventLoop.Watch _watch;
    private LaunchPlan? _part;
    private TaskCompletionSource<SafeFileHandle>? _opened;
    private LaunchException? _failure;

    private Resident(LaunchPlan plan, SpawnedLauncher launcher) => (_plan, _launcher) = (plan, launcher);

    /// <summary>Whether it has not ended, as far as is known.</summary>
    public bool IsThere => !_launcher.Setup.IsClosed;

    /// <summary>Starts one, whose plan it disposes at the end.</summary>
    public static Resident Start(Launcher launcher, LaunchPlan plan)
    {
        Resident resident;
        try
        {
            plan.Encode(RuntimeInformation.ProcessArchitecture);
            using var nothing = Syscall.Open("/dev/null", OpenFlags.O_RDWR);
            resident = new(
                plan, SpawnedLauncher.Start(launcher, plan.FirstPart, [], [nothing, nothing, nothing], plan.Inherited));
        }
        catch
        {
            plan.Dispose();
            throw;
        }

        resident.Watch();
        return resident;
    }

    /// <summary>
    /// Runs a part that opens something, and disposes it. What is given comes with the part, as the first
    /// <see cref="Descriptor.Received"/>. Cancelling while it runs ends the resident: nothing else ends
    /// a system call that waits.
    /// </summary>
    public async Task<SafeFileHandle> OpenAsync(
        LaunchPlan part, CancellationToken cancellationToken, SafeFileHandle? given = null)
    {
        using var disposed = part;
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var opened = Ask(part, given);
            await using var ended = cancellationToken.UnsafeRegister(
                static resident => ((Resident)resident!).Dispose(), this).ConfigureAwait(false);
            return await opened.ConfigureAwait(false);
        }
        catch (LaunchException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_turn)
        {
            if (IsThere)
            {
                if (_launcher.Process is not null)
                {
                    Syscall.Kill(_launcher.Process);
                }

                End();
            }
        }
    }

    private void Watch()
    {
        lock (_turn)
        {
            try
            {
                _watch = EventLoop.Add(_launcher.Setup, OnMessage);
            }
            catch
            {
                End();
                throw;
            }
        }
    }

    private Task<SafeFileHandle> Ask(LaunchPlan part, SafeFileHandle? given)
    {
        part.Encode(RuntimeInformation.ProcessArchitecture);
        ReadOnlySpan<SafeFileHandle> attached = given is null ? [] : [given];
        lock (_turn)
        {
            if (!IsThere || !PartMessage.Send(_launcher.Setup, part.SecondPart, attached))
            {
                throw _failure ?? LaunchFailure.ContainerGone();
            }

            (_part, _opened) = (part, new(TaskCreationOptions.RunContinuationsAsynchronously));
            return _opened.Task;
        }
    }

    private void OnMessage()
    {
        lock (_turn)
        {
            Span<byte> bytes = stackalloc byte[16];
            while (IsThere && Syscall.Receive(_launcher.Setup, bytes, out _, out var attached) is { } length)
            {
                switch (length)
                {
                    case 0:
                        End();
                        break;
                    case 16:
                        OnFailure(MemoryMarshal.Read<Failure>(bytes));
                        break;
                    default:
                        OnReply(MemoryMarshal.Read<Message>(bytes), attached);
                        break;
                }
            }
        }
    }

    private void OnFailure(Failure failure)
    {
        if (_opened is null)
        {
            _failure = LaunchFailure.Describe(_plan, failure); // and the end follows
        }
        else
        {
            _opened.TrySetException(LaunchFailure.Describe(failure.Part == 0 ? _plan : _part!, failure));
        }
    }

    private void OnReply(Message message, SafeFileHandle? attached)
    {
        if (message.Kind is not MessageKind.Opened)
        {
            _opened?.TrySetException(LaunchFailure.SupervisorGone());
        }
        else if (attached is null)
        {
            _opened?.TrySetException(LaunchFailure.NoDescriptors());
        }
        else if (_opened?.TrySetResult(attached) is not true)
        {
            attached.Dispose();
        }
    }

    private void End()
    {
        _watch.Dispose();
        _launcher.End();

        _plan.Dispose();
        _opened?.TrySetException(_failure ?? LaunchFailure.ContainerGone());
    }
}
