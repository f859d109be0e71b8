using System.Globalization;
using System.Text;
using ContainerKit.Launch;

namespace ContainerKit;

/// <summary>
/// The host's programs on a root in memory: an allow-list, so that what a host keeps elsewhere stays unseen.
/// </summary>
internal sealed record HostSystemRoot : RootFilesystem
{
    /// <summary>Where programs and libraries are.</summary>
    public static readonly string[] Directories =
        ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

    /// <summary>What programs look up in /etc. None of it is secret; /etc/ssl/private, say, is not among it.</summary>
    public static readonly string[] Settings =
    [
        "/etc/alternatives", "/etc/ca-certificates", "/etc/crypto-policies", "/etc/debian_version", "/etc/dotnet",
        "/etc/fonts", "/etc/host.conf", "/etc/inputrc", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
        "/etc/locale.alias", "/etc/localtime", "/etc/magic", "/etc/mime.types", "/etc/nsswitch.conf",
        "/etc/os-release", "/etc/pki/tls/certs", "/etc/pki/ca-trust", "/etc/protocols", "/etc/services",
        "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/terminfo", "/etc/timezone", "/etc/xattr.conf",
    ];

    /// <inheritdoc/>
    public override string ToString() => "RootFilesystem.HostSystem";

    internal override bool IsReadOnlyOfHost => true;

    internal override string DefaultHome => "/tmp";

    internal override Descriptor AddTo(LaunchPlan plan, ContainerIdentity identity) => EmptyRoot.Make(plan);

    internal override void Fill(LaunchPlan plan, Descriptor root, ContainerIdentity identity)
    {
        EmptyRoot.MakeSystemDirectories(plan, root);
        plan.Pivoted.MakeDirectory(root, "etc", 0x1ED);
        foreach (var path in Directories.Concat(Settings))
        {
            Show(plan, root, path);
        }

        var user = identity.User is 0
            ? ""
            : Invariant($"user:x:{identity.User}:{identity.Group}::{DefaultHome}:/bin/sh\n");
        var group = identity.Group is 0 ? "" : Invariant($"user:x:{identity.Group}:\n");
        AddFile("etc/passwd",
            Invariant($"root:x:0:0:root:{DefaultHome}:/bin/sh\n{user}nobody:x:65534:65534:nobody:/:/bin/false\n"));
        AddFile("etc/group", Invariant($"root:x:0:\n{group}nogroup:x:65534:\n"));
        AddFile("etc/hostname", $"{identity.HostName}\n");
        AddFile("etc/hosts", $"127.0.0.1 localhost {identity.HostName}\n::1 localhost\n");
        AddFile("etc/resolv.conf", "# no name server\n");

        // 0644
        void AddFile(string path, string content) =>
            plan.Pivoted.MakeFile(root, path, 0x1A4, Encoding.UTF8.GetBytes(content));
    }

    internal override void Seal(LaunchPlan plan, Descriptor root) => EmptyRoot.MakeReadOnly(plan, root);

    /// <summary>Shows a directory or file where it is on the host, and a link as a link.</summary>
    private static void Show(LaunchPlan plan, Descriptor root, string path)
    {
        var (stage, relative) = (plan.Pivoted, path[1..]);
        var link = new FileInfo(path).LinkTarget;
        if (link is null && !Path.Exists(path))
        {
            return;
        }

        // Below /etc, which is there already.
        for (var slash =
            relative.IndexOf('/', Math.Min(4, relative.Length)); slash > 0; slash = relative.IndexOf('/', slash + 1))
        {
            stage.MakeDirectory(root, relative[..slash], 0x1ED, mayExist: true); // 0755
        }

        if (link is not null)
        {
            stage.MakeLink(link, root, relative);
            return;
        }

        if (System.IO.Directory.Exists(path))
        {
            stage.MakeDirectory(root, relative, 0x1ED);
        }
        else
        {
            stage.MakeFile(root, relative, 0x1A4); // 0644
        }

        stage.Attach(DirectoryRoot.CloneReadOnly(plan.Inside, path), root, relative);
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
