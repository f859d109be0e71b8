namespace ContainerKit;

/// <summary>
/// Settings of the kernel that belong to a namespace: their names, as sysctl(8) writes them with dots, and where they
/// are written.
/// </summary>
internal static class Sysctls
{
    private static readonly (string Prefix, NamespaceKinds Kind)[] Known =
    [
        ("net.", NamespaceKinds.Network), ("kernel.msg", NamespaceKinds.Ipc), ("kernel.sem", NamespaceKinds.Ipc),
        ("kernel.shm", NamespaceKinds.Ipc), ("fs.mqueue.", NamespaceKinds.Ipc),
        ("kernel.domainname", NamespaceKinds.Uts),
    ];

    /// <summary>Complains about settings that are of no namespace that is made.</summary>
    /// <exception cref="ArgumentException">The message says which, and why.</exception>
    public static void Validate(IReadOnlyDictionary<string, string> settings, NamespaceKinds made)
    {
        foreach (var (name, value) in settings)
        {
            if (!name.Split('.').All(IsPart) || value is null || value.Contains('\0', StringComparison.Ordinal))
            {
                throw new ArgumentException(
                    $"The sysctl '{name}' must have a name such as net.ipv4.ip_forward, and a value without NUL.");
            }

            var kind = Known.FirstOrDefault(known => name.StartsWith(known.Prefix, StringComparison.Ordinal)).Kind;
            if (kind is NamespaceKinds.None || !made.HasFlag(kind))
            {
                throw new ArgumentException(kind is NamespaceKinds.None
                    ? $"The sysctl '{name}' is the whole machine's, or has an option of its own: only net.*, "
                        + "kernel.msg*, kernel.sem*, kernel.shm*, fs.mqueue.* and kernel.domainname can be set."
                    : $"The sysctl '{name}' needs a namespace that is made, not joined or the host's: {kind}.");
            }
        }
    }

    /// <summary>The path of a setting below /proc.</summary>
    public static string PathOf(string name) => $"sys/{name.Replace('.', '/')}";

    private static bool IsPart(string part) =>
        part.Length > 0 && part.All(character => char.IsAsciiLetterOrDigit(character) || character is '_' or '-');
}
