using System.Diagnostics;
using System.Runtime.InteropServices;

namespace ContainerKit.KernelTests;

/// <summary>
/// The tools from Debian that tests compare with, for <c>SkipUnless</c>. Their tests carry the trait
/// <see cref="Needs"/>: a machine without any tools leaves them out. With CONTAINERKIT_MUST_RUN=1 every answer is yes.
/// </summary>
internal static class Tools
{
    /// <summary>The trait, and its value.</summary>
    public const string Needs = nameof(Needs), Self = nameof(Tools);

    /// <summary>What is missing without <see cref="HasCompilers"/>.</summary>
    public const string NoCompilers = "needs x86_64-linux-gnu-gcc and aarch64-linux-gnu-gcc";

    /// <summary>Where Debian's musl is, the one C library here that is not glibc.</summary>
    public const string Musl = "/lib/ld-musl-x86_64.so.1";

    /// <summary>Docker's profile of system calls, as Debian's golang-github-containers-common has it.</summary>
    public const string DockerProfile = "/usr/share/containers/seccomp.json";

    /// <summary>Where the .NET lies that runs this.</summary>
    public static string DotnetRoot { get; } =
        Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../.."));

    private static readonly bool MustRun = Environment.GetEnvironmentVariable("CONTAINERKIT_MUST_RUN") == "1";

    /// <summary>Whether there are C compilers for both architectures.</summary>
    public static bool HasCompilers { get; } = MustRun
        || (Find(Compiler(Architecture.X64)) is not null && Find(Compiler(Architecture.Arm64)) is not null);

    /// <summary>Whether there is bubblewrap.</summary>
    public static bool HasBubblewrap { get; } = MustRun || Find("bwrap") is not null;

    /// <summary>Whether there is Docker's profile.</summary>
    public static bool HasDockerProfile { get; } = MustRun || File.Exists(DockerProfile);

    /// <summary>Whether programs for arm64 can be run: by qemu, unless this is one.</summary>
    public static bool HasArm64 { get; } = MustRun || Find("qemu-aarch64-static") is not null;

    /// <summary>Whether musl is there, and nm(1) to read what it exports.</summary>
    public static bool HasMusl { get; } = MustRun || (File.Exists(Musl) && Find("nm") is not null);

    /// <summary>What is missing without <see cref="HasExt4"/>.</summary>
    public const string NoExt4 = "needs e2fsck and dumpe2fs (e2fsprogs)";

    /// <summary>The tools for ext4, which an ordinary user's PATH does not have.</summary>
    public const string Ext4Check = "/usr/sbin/e2fsck", Ext4Dump = "/usr/sbin/dumpe2fs";

    /// <summary>Whether these are there.</summary>
    public static bool HasExt4 { get; } = MustRun || (File.Exists(Ext4Check) && File.Exists(Ext4Dump));

    /// <summary>Whether the library is there that container engines compile their profiles with.</summary>
    public static bool HasLibseccomp { get; } = MustRun || NativeLibrary.TryLoad("libseccomp.so.2", out _);

    /// <summary>Whether their profile is there, too.</summary>
    public static bool HasSeccompProfile { get; } =
        MustRun || (HasLibseccomp && File.Exists(DockerProfile));

    /// <summary>The name of the C compiler for an architecture.</summary>
    public static string Compiler(Architecture architecture) =>
        architecture is Architecture.X64 ? "x86_64-linux-gnu-gcc" : "aarch64-linux-gnu-gcc";

    /// <summary>The path of a program, if it is installed.</summary>
    public static string? Find(string program) =>
        Environment.GetEnvironmentVariable("PATH")!.Split(':').Select(directory => Path.Combine(directory, program))
            .FirstOrDefault(File.Exists);

    /// <summary>Runs a tool, which must succeed, and gives its output.</summary>
    public static string Run(string program, params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0,
            $"{program} {string.Join(' ', arguments)}: status {process.ExitCode}\n{errors.Result}\n{output}");
        return output;
    }
}
