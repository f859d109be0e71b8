using System.Globalization;
using System.Runtime.InteropServices;

namespace ContainerKit;

/// <summary>The words of a profile's document.</summary>
internal static class SeccompNames
{
    /// <summary>Whatever this machine is.</summary>
    public const string NativeArchitecture = "SCMP_ARCH_NATIVE";

    private static readonly string[] Architectures =
    [
        "x86", "x86_64", "x32", "arm", "aarch64", "loongarch64", "m68k", "mips", "mips64", "mips64n32", "mipsel",
        "mipsel64", "mipsel64n32", "parisc", "parisc64", "ppc", "ppc64", "ppc64le", "riscv64", "s390", "s390x", "sh",
        "sheb", "native",
    ];

    /// <summary>Those of rules' conditions, where they have other names.</summary>
    private static readonly string[] OtherArchitectures =
        ["amd64", "arm64", "386", "loong64", "mipsle", "mips64le", "mips64p32", "mips64p32le", "mips3l64n32"];

    /// <summary>What becomes of a call, with the errno beside it, by number, name, or both.</summary>
    public static SeccompAction Action(SeccompField action, SeccompField? number, SeccompField? name)
    {
        var text = action.Text();
        if (text == "SCMP_ACT_ERRNO")
        {
            return SeccompAction.Errno(Errno(number, name));
        }

        number?.Require(false, $"is for SCMP_ACT_ERRNO, not for {text}");
        name?.Require(false, $"is for SCMP_ACT_ERRNO, not for {text}");
        return text switch
        {
            "SCMP_ACT_ALLOW" => SeccompAction.Allow,
            "SCMP_ACT_LOG" => SeccompAction.Log,
            "SCMP_ACT_TRAP" => SeccompAction.Trap,
            "SCMP_ACT_KILL" or "SCMP_ACT_KILL_THREAD" => SeccompAction.KillThread,
            "SCMP_ACT_KILL_PROCESS" => SeccompAction.KillProcess,
            "SCMP_ACT_TRACE" or "SCMP_ACT_NOTIFY" =>
                throw action.Wrong("needs another process to decide, and none does"),
            _ => throw action.Wrong("is no action, which is one of SCMP_ACT_ALLOW, _ERRNO, _KILL, _KILL_THREAD, "
                + "_KILL_PROCESS, _LOG and _TRAP"),
        };
    }

    /// <summary>How an argument is compared; null for what takes a mask first.</summary>
    public static SeccompComparison? Comparison(SeccompField op) => op.Text() switch
    {
        "SCMP_CMP_EQ" => SeccompComparison.Equal,
        "SCMP_CMP_NE" => SeccompComparison.NotEqual,
        "SCMP_CMP_LT" => SeccompComparison.Less,
        "SCMP_CMP_LE" => SeccompComparison.LessOrEqual,
        "SCMP_CMP_GT" => SeccompComparison.Greater,
        "SCMP_CMP_GE" => SeccompComparison.GreaterOrEqual,
        "SCMP_CMP_MASKED_EQ" => null,
        _ => throw op.Wrong("is no comparison, which is one of SCMP_CMP_EQ, _NE, _LT, _LE, _GT, _GE and _MASKED_EQ"),
    };

    /// <summary>One of libseccomp's architectures; null for others than x64 and arm64.</summary>
    public static Architecture? Architecture(SeccompField field)
    {
        const string prefix = "SCMP_ARCH_";
        var text = field.Text();
        var name = Array.Find(Architectures, known => text == prefix + known.ToUpperInvariant());
        field.Require(name is not null, "is no architecture, such as SCMP_ARCH_X86_64");
        return Supported(name!);
    }

    /// <summary>The same in the conditions of a rule, which have others' names.</summary>
    public static Architecture? ConditionArchitecture(SeccompField field)
    {
        var text = field.Text();
        field.Require(
            Architectures.Contains(text) || OtherArchitectures.Contains(text), "is no architecture, such as amd64");
        return Supported(text);
    }

    /// <summary>A version of Linux of two numbers.</summary>
    public static Version Kernel(SeccompField field)
    {
        var text = field.Text();
        var isVersion = text.Count('.') == 1 && text.All(character => char.IsAsciiDigit(character) || character == '.');
        if (!isVersion || !Version.TryParse(text, out var version))
        {
            throw field.Wrong("is no version of Linux, such as 4.8");
        }

        return version;
    }

    private static Architecture? Supported(string name) => name switch
    {
        "x86_64" or "amd64" => System.Runtime.InteropServices.Architecture.X64,
        "aarch64" or "arm64" => System.Runtime.InteropServices.Architecture.Arm64,
        _ => null,
    };

    private static Errno Errno(SeccompField? number, SeccompField? name)
    {
        Errno? byNumber = number is { } field ? (Errno)field.Number(SeccompAction.LastErrno) : null;
        if (name is not { } named)
        {
            return byNumber ?? ContainerKit.Errno.EPERM;
        }

        var errno = Named(named);
        named.Require(byNumber is null || byNumber == errno, "is another errno than the number beside it");
        return errno;
    }

    private static Errno Named(SeccompField field)
    {
        var text = field.Text();
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            field.Require(number <= SeccompAction.LastErrno, "is no errno");
            return (Errno)number;
        }

        var name = text switch
        {
            "EWOULDBLOCK" => "EAGAIN", // a second name of the same, as the next are
            "EDEADLOCK" => "EDEADLK",
            "ENOTSUP" => "EOPNOTSUPP",
            _ => text,
        };
        var isErrno = Enum.TryParse<Errno>(name, out var errno) && Enum.IsDefined(errno) && $"{errno}" == name;
        field.Require(isErrno, "is no errno, such as EPERM");
        return errno;
    }
}
