using System.Diagnostics;

namespace ContainerKit.KernelTests;

/// <summary>
/// What this host can do, for <c>SkipUnless</c>. With CONTAINERKIT_MUST_RUN=1 every answer is yes, so that a test whose
/// need is absent runs and fails by itself.
/// </summary>
internal static class Host
{
    /// <summary>What is missing without <see cref="HasCgroups"/> and <see cref="HasIdMappers"/>.</summary>
    public const string
        NoCgroups = "needs cgroups in sight", NoIdMappers = "needs newuidmap, with its privileges, in /usr/bin";

    private static readonly bool MustRun = Environment.GetEnvironmentVariable("CONTAINERKIT_MUST_RUN") == "1";
    private static readonly Lazy<bool> UserNamespaces = new(() => Succeeds("unshare", "--user", "true"));

    /// <summary>
    /// Whether this is root. Tests that only make sense as root are <see cref="RootFactAttribute"/>s instead.
    /// </summary>
    public static bool IsRoot { get; } = Environment.IsPrivilegedProcess;

    /// <summary>Whether this user may make user namespaces.</summary>
    public static bool HasUserNamespaces => MustRun || UserNamespaces.Value;

    /// <summary>Whether python3 lies where a container of the default root sees it.</summary>
    public static bool HasPython => MustRun || File.Exists("/usr/bin/python3");

    /// <summary>Whether node lies where a container of the default root sees it.</summary>
    public static bool HasNode => MustRun || File.Exists("/usr/bin/node");

    /// <summary>Whether the memory that processes share can be told apart.</summary>
    public static bool HasPss => MustRun || File.Exists("/proc/self/smaps_rollup");

    /// <summary>Whether a cgroup hierarchy is mounted.</summary>
    public static bool HasCgroups => MustRun
        || File.ReadLines("/proc/self/mounts").Any(line => line.Split(' ')[2] is "cgroup" or "cgroup2");

    /// <summary>Whether the programs that map ids for ordinary users are installed.</summary>
    public static bool HasIdMappers => MustRun || (File.Exists(IdMappers.Users) && File.Exists(IdMappers.Groups));

    private static bool Succeeds(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(program, arguments);
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
