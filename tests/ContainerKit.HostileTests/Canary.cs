using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.HostileTests;

/// <summary>
/// A directory of the host with a file in it, which everybody may write, and nobody has any business with: whatever is
/// done with them is heard, even that they are opened; inotify(7).
/// </summary>
internal sealed partial class Canary : IDisposable
{
    private readonly TempDirectory _temp = new();
    private readonly SafeFileHandle _events;

    public Canary()
    {
        const int IN_NONBLOCK = 0x800, IN_CLOEXEC = 0x80000;
        const uint IN_ALL_EVENTS = 0xFFF;
        File.SetUnixFileMode(_temp.Path, (UnixFileMode)0x1FF); // 0777
        File.SetUnixFileMode(_temp.Write("file", "canary"), (UnixFileMode)0x1B6); // 0666
        _events = Check(Initialize(IN_NONBLOCK | IN_CLOEXEC));
        foreach (var path in new[] { _temp.Path, _temp["file"] })
        {
            if (AddWatch(_events, path, IN_ALL_EVENTS) < 0)
            {
                throw new Win32Exception();
            }
        }
    }

    /// <summary>Its absolute path.</summary>
    public string Path => _temp.Path;

    /// <summary>Fails when anything was done with it.</summary>
    public void AssertUntouched(string what)
    {
        var heard = new byte[4096];
        Assert.True(Read(_events, heard, (nuint)heard.Length) < 0, $"{what}: the canary was opened or changed.");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _events.Dispose();
        _temp.Dispose();
    }

    private static SafeFileHandle Check(int file) =>
        file < 0 ? throw new Win32Exception() : new(file, ownsHandle: true);

    [LibraryImport("libc", EntryPoint = "inotify_init1", SetLastError = true)]
    private static partial int Initialize(int flags);

    [LibraryImport("libc", EntryPoint = "inotify_add_watch", SetLastError = true,
        StringMarshalling = StringMarshalling.Utf8)]
    private static partial int AddWatch(SafeFileHandle events, string path, uint mask);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(SafeFileHandle file, [Out] byte[] buffer, nuint size);
}
