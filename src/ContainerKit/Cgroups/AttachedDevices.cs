using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// The devices of a group of version 2, on which a program of ours decides, beside those of others. Disposing leaves it
/// to the group, with which it ends.
/// </summary>
internal sealed class AttachedDevices(SafeFileHandle group, string path) : IDisposable
{
    private const string Name = "containerkit";

    private readonly Lock _changing = new();
    private SafeFileHandle? _program;

    /// <summary>What was allowed here last; null when nothing was said.</summary>
    public IReadOnlyList<DeviceRule>? Rules { get; private set; }

    /// <summary>Allows what the rules allow, at once instead of what was allowed before.</summary>
    public void Allow(DeviceRules rules)
    {
        lock (_changing)
        {
            ObjectDisposedException.ThrowIf(group.IsClosed, typeof(Cgroup));
            var program = rules.AllowAll ? null : Load(rules);
            try
            {
                Replace(program);
            }
            catch
            {
                program?.Dispose();
                throw;
            }

            _program?.Dispose();
            (_program, Rules) = (program, rules.ToList());
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_changing)
        {
            _program?.Dispose();
        }
    }

    private void Replace(SafeFileHandle? program)
    {
        while (true)
        {
            _program ??= Find();
            try
            {
                Change(program);
                return;
            }
            catch (LinuxException replaced) when (replaced.Errno is Errno.ENOENT && _program is not null)
            {
                _program.Dispose();
                _program = null; // another object of the same group has put its own there
            }
        }
    }

    private void Change(SafeFileHandle? program)
    {
        if (program is not null)
        {
            Attach(program);
            while (!TryDetachEarlier(Syscall.InfoOf(program).Id))
            {
                // An earlier one was replaced meanwhile, by another in its place.
            }
        }
        else if (_program is not null)
        {
            Syscall.DetachDeviceProgram(group, _program, path);
        }
    }

    private void Attach(SafeFileHandle program)
    {
        try
        {
            Syscall.AttachDeviceProgram(group, program, _program, path);
        }
        catch (LinuxException failure) when (failure.Errno is Errno.EPERM)
        {
            throw new LimitNotSupportedException(
                $"The devices of '{path}' are another program's alone, here or above: it must be attached with "
                + "BPF_F_ALLOW_MULTI, as systemd does.");
        }
    }

    /// <summary>
    /// Objects that find none at the same time attach one each, which the kernel lists in that order: the last stays,
    /// as if it had taken the place of the others.
    /// </summary>
    private bool TryDetachEarlier(uint last)
    {
        var ids = Syscall.DeviceProgramsOf(group, path);
        foreach (var id in ids[..Math.Max(0, Array.IndexOf(ids, last))])
        {
            using var earlier = Syscall.OpenProgram(id);
            if (earlier is null || (Syscall.InfoOf(earlier).Name is Name && !TryDetach(earlier)))
            {
                return false;
            }
        }

        return true;
    }

    private bool TryDetach(SafeFileHandle program)
    {
        try
        {
            Syscall.DetachDeviceProgram(group, program, path);
            return true;
        }
        catch (LinuxException gone) when (gone.Errno is Errno.ENOENT)
        {
            return false;
        }
    }

    private static SafeFileHandle Load(DeviceRules rules)
    {
        try
        {
            return Syscall.LoadDeviceProgram(DeviceProgram.Compile(rules), Name);
        }
        catch (LinuxException failure) when (failure.Errno is Errno.EPERM)
        {
            throw NotPermitted();
        }
        catch (LinuxException failure) when (failure.Errno is Errno.ENOSYS or Errno.EINVAL)
        {
            throw new LimitNotSupportedException(
                "This kernel does not limit devices in cgroups of version 2: build it with CONFIG_CGROUP_BPF, or mount "
                + "version 1's devices.");
        }
    }

    /// <summary>The program of ours that an earlier object has left there, perhaps in another process.</summary>
    private SafeFileHandle? Find()
    {
        try
        {
            foreach (var id in Syscall.DeviceProgramsOf(group, path))
            {
                var program = Syscall.OpenProgram(id);
                if (program is null)
                {
                    return Find(); // it was replaced since it was listed, perhaps by one of ours
                }

                if (Syscall.InfoOf(program).Name is Name)
                {
                    return program;
                }

                program.Dispose();
            }

            return null;
        }
        catch (LinuxException failure) when (failure.Errno is Errno.EPERM)
        {
            throw NotPermitted();
        }
    }

    private static LimitNotSupportedException NotPermitted() => new(
        "Cgroups of version 2 limit devices by a program in the kernel, which this user may not load: it needs "
        + "CAP_SYS_ADMIN outside of user namespaces; or mount version 1's devices.");
}
