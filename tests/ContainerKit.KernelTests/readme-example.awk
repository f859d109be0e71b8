# Makes a C# file of a README's first C# block.

BEGIN { print "#nullable enable\n#pragma warning disable" }

/^```csharp/ && !found { inside = found = 1; next }
/^```/ { inside = 0 }
!inside { next }

!body && !/^using [^(=]+;/ {
    body = 1
    print "namespace ContainerKit.KernelTests;\n"
    print "internal static class ReadmeExample\n{\n    public static async System.Threading.Tasks.Task RunAsync()\n    {"
}
{ print }

END {
    if (!body) {
        print "README.md: it has no C# example." > "/dev/stderr"
        exit 1
    }
    print "    }\n}"
}
