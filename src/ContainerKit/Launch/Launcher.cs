using System.Runtime.InteropServices;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>Where the small program that starts containers is run from.</summary>
public sealed class Launcher
{
    private static readonly Lazy<byte[]> Here = new(() => Program(RuntimeInformation.ProcessArchitecture));

    private readonly string? _path;

    private Launcher(string? path) => _path = path;

    /// <summary>
    /// From memory, sealed; nothing is written to a file system. The default. From the first start on seven descriptors
    /// stay open, made for the next one.
    /// </summary>
    public static Launcher Memory { get; } = new(null);

    /// <summary>
    /// From a file, for hosts where memory must not be executed. It must equal the embedded program (see
    /// <see cref="Save"/>), belong to root or to this user, and be writable by nobody else. One that belongs to an
    /// ordinary user can have its permissions taken by this user's containers, which ends further starts: let it be
    /// root's.
    /// </summary>
    public static Launcher File(string path) => new(Path.GetFullPath(path));

    /// <summary>Writes the embedded program to a file that <see cref="File"/> accepts.</summary>
    public static void Save(string path)
    {
        const uint readAndExecute = 0x16D; // 0555
        using var file = Syscall.Create(path, readAndExecute);
        try
        {
            Syscall.WriteWhole(file, Here.Value);
        }
        catch
        {
            Syscall.Unlink(path);
            throw;
        }
    }

    /// <inheritdoc/>
    public override string ToString() => _path is null ? "Launcher.Memory" : $"Launcher.File(\"{_path}\")";

    /// <summary>The embedded program for an architecture.</summary>
    internal static byte[] Program(Architecture architecture)
    {
        var name = architecture switch
        {
            Architecture.X64 => "launcher.x64.elf",
            Architecture.Arm64 => "launcher.arm64.elf",
            _ => throw new PlatformNotSupportedException($"ContainerKit runs on x64 and arm64, not on {architecture}."),
        };
        using var stream = typeof(Launcher).Assembly.GetManifestResourceStream(name)!;
        var program = new byte[stream.Length];
        stream.ReadExactly(program);
        return program;
    }

    /// <summary>
    /// The program, open and checked, for one start: by "#!/proc/self/exe" a container can come by its launcher's, and
    /// change what its user owns. One in memory serves no other start, and a file is checked anew.
    /// </summary>
    internal SafeFileHandle Open() => _path is null ? InMemory() : Checked(_path);

    private static SafeFileHandle InMemory()
    {
        var file = MakeExecutable();
        try
        {
            Syscall.WriteWhole(file, Here.Value);
            Syscall.AddSeals(file, Seals.F_SEAL_WRITE | Seals.F_SEAL_GROW | Seals.F_SEAL_SHRINK | Seals.F_SEAL_SEAL);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static SafeFileHandle MakeExecutable()
    {
        const MemfdFlags flags = MemfdFlags.MFD_CLOEXEC | MemfdFlags.MFD_ALLOW_SEALING;
        try
        {
            return Syscall.MemfdCreate("containerkit", flags | MemfdFlags.MFD_EXEC);
        }
        catch (LinuxException unknown) when (unknown.Errno is Errno.EINVAL)
        {
            return Syscall.MemfdCreate("containerkit", flags); // before 6.3, where it is always executable
        }
        catch (LinuxException forbidden) when (forbidden.Errno is Errno.EACCES)
        {
            throw new LaunchException(
                "memfd_create(MFD_EXEC)", "the launcher", "memfd_create", forbidden.Errno,
                "vm.memfd_noexec forbids running a program from memory. Write the launcher to a file with "
                    + "Launcher.Save, "
                + "and set ContainerHostOptions.Launcher to Launcher.File of it.");
        }
    }

    private static SafeFileHandle Checked(string path)
    {
        var file = Syscall.Open(path, OpenFlags.O_RDONLY | OpenFlags.O_NONBLOCK);
        try
        {
            var status = Syscall.Status(file);
            const uint othersMayWrite = 0x12; // 022
            if ((status.Mode & (uint)FileType.S_IFMT) != (uint)FileType.S_IFREG
                || (status.Mode & othersMayWrite) != 0
                || (status.Owner != 0 && status.Owner != Syscall.EffectiveUser))
            {
                throw new ArgumentException(
                    $"The launcher '{path}' must be a regular file that belongs to root or this user and that nobody "
                        + "else may write.");
            }

            var content = new byte[RandomAccess.GetLength(file) <= 64 * 1024 ? RandomAccess.GetLength(file) : 0];
            RandomAccess.Read(file, content, 0);
            if (!content.AsSpan().SequenceEqual(Here.Value))
            {
                throw new ArgumentException(
                    $"The file '{path}' is not the launcher of this version of ContainerKit; write it anew with "
                        + "Launcher.Save.");
            }

            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }
}
