using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace ContainerKit.Tests;

public class PublicApiTests
{
    private static readonly string Snapshot = Repository.PathOf("tests/ContainerKit.Tests/PublicApi.txt");

    private static readonly PublicApi Product = new(Platform.Product);

    private static readonly Dictionary<string, string> PinnedExceptions = new()
    {
        ["LinuxException"] = "IOException",
        ["LaunchException"] = "LinuxException",
        ["InvalidImageException"] = "IOException",
        ["IsolationUnavailableException"] = "PlatformNotSupportedException",
        ["LimitNotSupportedException"] = "PlatformNotSupportedException",
    };

    [Fact]
    public void The_public_surface_is_the_accepted_one()
    {
        var actual = Product.ToString();
        if (Environment.GetEnvironmentVariable("CONTAINERKIT_ACCEPT") == "1")
        {
            File.WriteAllText(Snapshot, actual);
            return;
        }

        var accepted = File.Exists(Snapshot) ? File.ReadAllText(Snapshot) : "";
        Assert.True(actual == accepted, $"""
            The public surface differs from PublicApi.txt:
            {Difference(accepted, actual)}
            If that is meant, run the tests once with CONTAINERKIT_ACCEPT=1 and commit what they write.
            """);
    }

    [Fact]
    public void No_public_signature_names_a_type_of_a_dependency() =>
        Assert.Empty(Product.SignaturesWithForeignTypes());

    [Fact]
    public void Every_public_exception_is_a_pinned_one() => Assert.Empty(UnpinnedExceptions(Product));

    [Fact]
    public void A_type_of_a_dependency_is_found_wherever_it_stands()
    {
        var api = Compile("""
            public class Foreign : Xunit.IAsyncLifetime
            {
                public System.Collections.Generic.List<Xunit.FactAttribute>? Generic;
                public Foreign(Xunit.FactAttribute[] array) { }
                public System.Threading.Tasks.ValueTask InitializeAsync() => default;
                public System.Threading.Tasks.ValueTask DisposeAsync() => default;
                internal Xunit.FactAttribute? Hidden { get; }
            }
            """);

        Assert.Equal(
            [
                "Foreign: public class Foreign : IAsyncDisposable, IAsyncLifetime",
                "Foreign: public Foreign(FactAttribute[] array)",
                "Foreign: public List<FactAttribute>? Generic",
            ],
            api.SignaturesWithForeignTypes());
    }

    [Fact]
    public void An_exception_with_another_name_or_base_is_found()
    {
        var api = Compile("""
            public class OtherException : System.IO.IOException;
            public class LinuxException : System.Exception;
            public class InvalidImageException : System.IO.IOException;
            internal class HiddenException : System.Exception;
            """);

        Assert.Equal(["LinuxException : Exception", "OtherException : IOException"], UnpinnedExceptions(api));
    }

    [Fact]
    public void The_surface_reads_like_CSharp()
    {
        var api = Compile("""
            namespace Sample;
            public enum Kind : byte { Two = 2, One = 1 }
            public sealed record Options(string Name)
            {
                public required string? Text { get; init; }
                public static int Count(in long from = 3) => 0;
                private int Hidden;
                public class Nested { protected virtual void Change(ref int value) { } }
            }
            """);

        Assert.Equal(
            """
            Sample: public enum Kind : byte
                One = 1
                Two = 2
            Sample: public sealed record Options : IEquatable<Options>
                public Options(string Name)
                public required string? Text { get; init; }
                public static int Count(in long from = 3)
                public string Name { get; init; }
            Sample: public class Options.Nested
                protected virtual void Change(ref int value)
                public Nested()

            """,
            api.ToString());
    }

    private static IEnumerable<string> UnpinnedExceptions(PublicApi api) =>
        from type in api.Types
        where type.Name.EndsWith("Exception", StringComparison.Ordinal)
        where PinnedExceptions.GetValueOrDefault(type.Name) != type.BaseType?.Name
        select $"{type.Name} : {type.BaseType?.Name}";

    private static string Difference(string accepted, string actual)
    {
        var (before, after) = (accepted.Split('\n'), actual.Split('\n'));
        return string.Join('\n', before.Except(after).Select(line => $"- {line}")
            .Concat(after.Except(before).Select(line => $"+ {line}")));
    }

    private static PublicApi Compile(string source)
    {
        var compilation = CSharpCompilation.Create(
            "Sample",
            [CSharpSyntaxTree.ParseText(source, cancellationToken: TestContext.Current.CancellationToken)],
            Platform.References,
            new CSharpCompilationOptions(
                OutputKind.DynamicallyLinkedLibrary, nullableContextOptions: NullableContextOptions.Enable));
        using var assembly = new MemoryStream();
        Assert.Empty(compilation.Emit(assembly, cancellationToken: TestContext.Current.CancellationToken)
            .Diagnostics.Where(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error));
        return new(MetadataReference.CreateFromImage(assembly.ToArray()));
    }
}
