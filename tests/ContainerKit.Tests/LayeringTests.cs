namespace ContainerKit.Tests;

public class LayeringTests
{
    private static readonly LayerGuard Product = new(ReadSources());

    [Fact]
    public void Nothing_leans_on_a_layer_it_must_not_know() => Assert.Empty(Product.WrongUses());

    [Fact]
    public void Every_source_file_lies_in_a_layer() => Assert.Empty(Product.Strays());

    [Fact]
    public void A_type_name_means_one_thing_in_all_layers() => Assert.Empty(Product.SharedNames());

    [Fact]
    public void The_guard_understands_every_name() => Assert.Empty(Product.UnknownNames());

    [Theory]
    [InlineData("private Cgroup? _field;")]
    [InlineData("Cgroup Make() => null!;")]
    [InlineData("void Take(Cgroup group) { }")]
    [InlineData("string Text() => $\"{new Cgroup()}\";")]
    [InlineData("string Name() => nameof(ContainerKit.Cgroup);")]
    [InlineData("void Ask(object o) { _ = o is Cgroup; }")]
    [InlineData("void Fill(List<Cgroup> groups) { }")]
    [InlineData("void Infer() { var number = Cgroup.Number; }")]
    [InlineData("void Extend() { 1.Limit(); }")]
    [InlineData("void New(object o) { Extensions.Take(new()); }")]
    public void A_use_of_a_higher_layer_is_found(string member)
    {
        var guard = Guard(("Launch/Plan.cs", $$"""
            namespace ContainerKit;
            class Plan
            {
                {{member}}
            }
            """));

        Assert.Contains(guard.WrongUses(), use => use.StartsWith("Launch/Plan.cs:4: Launch must not use Cgroups's"));
    }

    [Theory]
    [InlineData("// A Cgroup comes later.")]
    [InlineData("/// <summary>See <see cref=\"Cgroup\"/>.</summary>\nvoid Documented() { }")]
    [InlineData("string Text() => \"Cgroup\" + \"\"\"Cgroup\"\"\";")]
    [InlineData("enum Kind { Cgroup = 1 }")]
    [InlineData("int Cgroup { get; }")]
    [InlineData("void Cgroup(int Cgroup = 1) { }")]
    [InlineData("void Below(Errno errno) { }")]
    public void What_only_looks_like_a_use_is_none(string member)
    {
        var guard = Guard(("Launch/Plan.cs", $"namespace ContainerKit;\nclass Plan\n{{\n{member}\n}}"));

        Assert.Empty(guard.WrongUses());
        Assert.Empty(guard.UnknownNames());
    }

    [Fact]
    public void A_container_knows_of_images_only_what_they_say()
    {
        var guard = Guard(
            ("Images/Image.cs", "namespace ContainerKit; class ImageConfig; class ImageStore;"),
            ("Container/Container.cs", "namespace ContainerKit; class Container { ImageConfig? C; ImageStore? S; }"));

        Assert.Equal(["Container/Container.cs:1: Container must not use Images's ImageStore"], guard.WrongUses());
    }

    [Fact]
    public void A_name_that_two_layers_declare_is_found()
    {
        var guard = Guard(("Mounts/Cgroup.cs", "namespace ContainerKit.Mounts; class Cgroup { class Nested; }"));

        Assert.Equal(["Cgroup: Cgroups, Mounts"], guard.SharedNames());
    }

    [Fact]
    public void A_file_outside_the_layers_is_found() =>
        Assert.Equal(["Misc.cs", "Helpers/Text.cs"], Guard(("Misc.cs", ""), ("Helpers/Text.cs", "")).Strays());

    [Fact]
    public void A_name_without_a_meaning_is_found() =>
        Assert.Single(Guard(("Linux/Call.cs", "class Call { Missing? m; }")).UnknownNames());

    private static LayerGuard Guard(params (string Path, string Text)[] files) => new(
        [
            new("Linux/Errno.cs", "namespace ContainerKit; enum Errno { EPERM = 1 }"),
            new("Cgroups/Cgroup.cs", """
                namespace ContainerKit;
                class Cgroup { public static int Number; }
                static class Extensions { public static void Limit(this int n) { } public static void Take(Cgroup g) { } }
                """),
            .. files.Select(file => KeyValuePair.Create(file.Path, file.Text)),
        ]);

    private static IEnumerable<KeyValuePair<string, string>> ReadSources()
    {
        var root = Repository.PathOf("src/ContainerKit");
        return from path in Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories)
               let relative = Path.GetRelativePath(root, path)
               where !relative.StartsWith("obj/", StringComparison.Ordinal)
                   && !relative.StartsWith("bin/", StringComparison.Ordinal)
               orderby relative
               select KeyValuePair.Create(relative, File.ReadAllText(path));
    }
}
