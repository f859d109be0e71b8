# Makes a C# file of a README's C# blocks: of the first RunAsync, of the second RunSecondAsync.

BEGIN { print "#nullable enable\n#pragma warning disable" }

/^```csharp/ { inside = 1; block++; next }
/^```/ {
    if (inside && body == block) {
        print "    }"
    }
    inside = 0
    next
}
!inside { next }

body < block && !/^using [^(=]+;/ {
    if (!body) {
        print "namespace ContainerKit.KernelTests;\n"
        print "internal static class ReadmeExample\n{"
    }
    body = block
    print "    public static async System.Threading.Tasks.Task Run" (block > 1 ? "Second" : "") "Async()\n    {"
}
{ print }

END {
    if (body != 2) {
        print "README.md: it has not two C# examples." > "/dev/stderr"
        exit 1
    }
    print "}"
}
