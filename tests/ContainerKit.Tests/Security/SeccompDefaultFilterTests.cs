using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace ContainerKit.Tests.Security;

/// <summary>The default profile that is compiled ahead is what it compiles to; CONTAINERKIT_ACCEPT=1 writes it.</summary>
public class SeccompDefaultFilterTests
{
    private const string File = "src/ContainerKit/Security/SeccompDefaultFilter.cs";

    [Theory]
    [InlineData(Architecture.X64)]
    [InlineData(Architecture.Arm64)]
    public void It_is_the_default_profile_for_a_program_without_capabilities(Architecture architecture)
    {
        var compiled = SeccompFilter.Compile(SeccompProfile.Default, new(architecture, CapabilitySet.None)).Bytes;
        if (Environment.GetEnvironmentVariable("CONTAINERKIT_ACCEPT") == "1")
        {
            Write(architecture, MemoryMarshal.Cast<byte, ulong>(compiled.AsSpan()));
            return;
        }

        Assert.Equal(compiled, SeccompDefaultFilter.For(architecture));
    }

    [Fact]
    public void It_serves_who_asks_for_no_profile()
    {
        var filter = SeccompFilter.Of(null, CapabilitySet.None)!;

        Assert.Same(filter, SeccompFilter.Of(null, CapabilitySet.None));
        Assert.Equal(SeccompFilter.Of(SeccompProfile.Default, CapabilitySet.None)!.Bytes, filter.Bytes);
        Assert.NotEqual(filter.Bytes, SeccompFilter.Of(null, CapabilitySet.All)!.Bytes);
    }

    private static void Write(Architecture architecture, ReadOnlySpan<ulong> instructions)
    {
        var path = Repository.PathOf(File);
        var lines = System.IO.File.ReadAllLines(path).ToList();
        var first = lines.FindIndex(line => line.EndsWith($" {architecture} =>", StringComparison.Ordinal)) + 2;
        lines.RemoveRange(first, lines.IndexOf("    ];", first) - first);
        var text = new StringBuilder();
        for (var i = 0; i < instructions.Length; i++)
        {
            text.Append(i % 5 == 0 ? "        " : " ");
            text.Append(CultureInfo.InvariantCulture, $"0x{instructions[i]:X16},").Append(i % 5 == 4 ? "\n" : "");
        }

        lines.Insert(first, text.ToString().TrimEnd('\n'));
        System.IO.File.WriteAllLines(path, lines);
    }
}
