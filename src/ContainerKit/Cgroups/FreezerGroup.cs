using System.Diagnostics;
using System.Globalization;
using System.Text;
using ContainerKit.Launch;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// A cgroup of one container, whose processes can be frozen together: of version 2, or of version 1's freezer
/// hierarchy. Disposing removes it, once they are gone; cgroups(7).
/// </summary>
internal sealed class FreezerGroup : IDisposable
{
    private const string OfVersion2 = "cgroup.freeze", OfVersion1 = "freezer.state";

    private static readonly TimeSpan Most = TimeSpan.FromSeconds(5);
    private static int _lastNumber;

    private readonly string _path;
    private volatile bool _isLetGo;

    private FreezerGroup(string path) => _path = path;

    /// <summary>Its directory.</summary>
    public string Path => _path;

    /// <summary>Whether what is frozen in it cannot be killed.</summary>
    public bool HoldsBackKills => !File.Exists($"{_path}/{OfVersion2}");

    /// <summary>Whether all of it is stopped; false when it is gone.</summary>
    public bool IsFrozen
    {
        get
        {
            try
            {
                return HoldsBackKills
                    ? Syscall.ReadText($"{_path}/{OfVersion1}").StartsWith("FROZEN", StringComparison.Ordinal)
                    : Syscall.ReadText($"{_path}/cgroup.events").Contains("frozen 1", StringComparison.Ordinal);
            }
            catch (LinuxException failure) when (IsGone(failure))
            {
                return false;
            }
        }
    }

    /// <summary>Makes one below another group.</summary>
    /// <exception cref="LaunchException">This user may not, or there is nothing to freeze with.</exception>
    public static FreezerGroup Make(string parent)
    {
        var path = MakeDirectory(parent);
        var made = new FreezerGroup(path);
        if (File.Exists($"{path}/{OfVersion2}") || File.Exists($"{path}/{OfVersion1}"))
        {
            return made;
        }

        made.Dispose();
        throw Failed(
            "open", path, Errno.ENOENT,
            "It is no cgroup of version 2, nor of version 1's freezer hierarchy, which alone can pause.");
    }

    /// <summary>One that is there already, if there is one.</summary>
    public static FreezerGroup? At(string? path) => path is null ? null : new(path);

    /// <summary>What is said where a container has none.</summary>
    public static LimitNotSupportedException Missing() => new(
        "A container is paused by its cgroup, and this one has none: set ContainerHostOptions.CgroupParent to a cgroup "
        + "of version 2, or of version 1's freezer hierarchy, below which this user may make others.");

    /// <summary>
    /// Opens the file by which a process enters when it writes 0 to it, with this process's permission.
    /// </summary>
    /// <exception cref="LaunchException">It is gone.</exception>
    public SafeFileHandle OpenMembers()
    {
        try
        {
            return Syscall.Open($"{_path}/cgroup.procs", OpenFlags.O_WRONLY);
        }
        catch (LinuxException failure) when (IsGone(failure))
        {
            throw LaunchFailure.ContainerGone();
        }
    }

    /// <summary>Freezes all of it, and completes when that is so.</summary>
    /// <exception cref="LaunchException">It is gone, or let go to be killed.</exception>
    /// <exception cref="LinuxException">ETIMEDOUT: something does not stop, and nothing stays frozen.</exception>
    public async Task FreezeAsync(CancellationToken cancellationToken)
    {
        try
        {
            await WaitUntilAsync(isFrozen: true, cancellationToken).ConfigureAwait(false);
            if (_isLetGo)
            {
                throw LaunchFailure.ContainerGone();
            }
        }
        catch (LinuxException failure) when (IsGone(failure))
        {
            throw LaunchFailure.ContainerGone();
        }
        catch
        {
            Thaw();
            throw;
        }
    }

    /// <summary>Lets all of it go on, and completes when that is so; harmless when it is gone.</summary>
    /// <exception cref="LinuxException">ETIMEDOUT: a group above is frozen.</exception>
    public async Task ThawAsync(CancellationToken cancellationToken)
    {
        try
        {
            await WaitUntilAsync(isFrozen: false, cancellationToken).ConfigureAwait(false);
        }
        catch (LinuxException failure) when (IsGone(failure))
        {
        }
    }

    /// <summary>The same without waiting.</summary>
    public void Thaw()
    {
        try
        {
            Set(isFrozen: false);
        }
        catch (LinuxException failure) when (IsGone(failure))
        {
        }
    }

    /// <summary>Lets go what was killed, which this freezes no more, not even if it is about to.</summary>
    public void LetGo()
    {
        _isLetGo = true;
        if (HoldsBackKills)
        {
            Thaw();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!TryRemove())
        {
            _ = RemoveAsync();
        }
    }

    private static string MakeDirectory(string parent)
    {
        while (true)
        {
            var number = Interlocked.Increment(ref _lastNumber);
            var path = string.Create(
                CultureInfo.InvariantCulture, $"{parent}/containerkit-{Environment.ProcessId}-{number}");
            try
            {
                Syscall.MakeDirectory(path, 0x1ED); // 0755
                return path;
            }
            catch (LinuxException exists) when (exists.Errno is Errno.EEXIST)
            {
                // Of another process with this one's number, whose containers outlived it, or which was killed.
            }
            catch (LinuxException failure)
            {
                throw Failed(
                    "mkdir", path, failure.Errno,
                    "This user may not make cgroups there: it must be delegated to it, as systemd does with "
                    + "Delegate=yes.");
            }
        }
    }

    private async Task RemoveAsync()
    {
        // A process leaves its group a little after its end is told.
        for (var delay = 1; !TryRemove() && delay < 10_000; delay *= 2)
        {
            await Task.Delay(delay).ConfigureAwait(false);
        }
    }

    private bool TryRemove()
    {
        try
        {
            Directory.Delete(_path);
            return true;
        }
        catch (DirectoryNotFoundException)
        {
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private async Task WaitUntilAsync(bool isFrozen, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        Set(isFrozen);
        for (var delay = 1; IsFrozen != isFrozen; delay = Math.Min(2 * delay, 20))
        {
            if (Stopwatch.GetElapsedTime(start) > Most)
            {
                throw new LinuxException("write", Errno.ETIMEDOUT, _path);
            }

            await Task.Delay(delay, cancellationToken).ConfigureAwait(false);
            Set(isFrozen); // version 1 may miss a process that was born meanwhile
        }
    }

    private void Set(bool isFrozen)
    {
        if (HoldsBackKills)
        {
            Write(OfVersion1, isFrozen ? "FROZEN" : "THAWED");
        }
        else
        {
            Write(OfVersion2, isFrozen ? "1" : "0");
        }
    }

    private void Write(string name, string value)
    {
        using var file = Syscall.Open($"{_path}/{name}", OpenFlags.O_WRONLY);
        Syscall.Write(file, Encoding.ASCII.GetBytes(value));
    }

    private static bool IsGone(LinuxException failure) => failure.Errno is Errno.ENOENT or Errno.ENODEV;

    private static LaunchException Failed(string call, string path, Errno errno, string hint) =>
        new($"{call}(\"{path}\")", "CgroupParent", call, errno, hint);
}
