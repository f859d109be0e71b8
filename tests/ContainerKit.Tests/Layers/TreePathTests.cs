using System.Text;

namespace ContainerKit.Tests;

/// <summary>Names of an archive's members as paths below a root.</summary>
public class TreePathTests
{
    [Theory]
    [InlineData("a", "", "a")]
    [InlineData("./a/b", "a", "b")]
    [InlineData("/a//./b/", "a", "b")]
    [InlineData("a/b/c/.", "a/b", "c")]
    [InlineData("...", "", "...")]
    [InlineData("", "", "")]
    [InlineData("./", "", "")]
    public void A_name_is_its_components_and_nothing_else(string name, string parent, string last)
    {
        var path = Path(name);

        Assert.Equal(parent, Encoding.ASCII.GetString(path.Parent));
        Assert.Equal($"{last}\0", Encoding.ASCII.GetString(path.Name));
        Assert.Equal(last.Length == 0, path.IsRoot);
        Assert.Equal(parent.Length == 0 ? last : $"{parent}/{last}", Encoding.ASCII.GetString(path.Whole));
    }

    [Theory]
    [InlineData("a/", true)]
    [InlineData("a/.", true)]
    [InlineData(".", true)]
    [InlineData("a", false)]
    [InlineData("a.", false)]
    public void A_name_with_a_slash_at_its_end_is_a_directorys(string name, bool expected) =>
        Assert.Equal(expected, Path(name).IsWrittenAsDirectory);

    [Theory]
    [InlineData("..")]
    [InlineData("a/../b")]
    [InlineData("/..")]
    [InlineData("a/b/c/d/e")]
    public void A_name_that_leads_up_or_too_deep_is_refused(string name) =>
        Assert.Equal(name, Assert.Throws<InvalidImageException>(() => Path(name)).Value);

    [Theory]
    [InlineData(".wh.a/b", true)]
    [InlineData("a/.wh.b", false)]
    [InlineData("a.wh./b", false)]
    public void A_whiteout_on_the_way_is_noticed(string name, bool expected) =>
        Assert.Equal(expected, Path(name).LeadsThroughWhiteout);

    [Fact]
    public void A_name_longer_than_any_before_has_room()
    {
        var path = Path("a");
        var name = string.Join('/', Enumerable.Repeat(new string('x', 255), 4));
        path.Set(Encoding.ASCII.GetBytes($"{new string('/', 9000)}{name}"), new(), "path");
        Assert.Equal(name, Encoding.ASCII.GetString(path.Whole));
    }

    [Fact]
    public void Directories_are_in_the_order_of_their_bytes_and_then_of_the_archive()
    {
        PendingDirectory[] directories = [New("b", 0), New("a/b", 1), New("a", 3), New("a", 2), New("a.b", 4)];
        Array.Sort(directories);
        Assert.Equal([2, 3, 4, 1, 0], directories.Select(directory => directory.Order));

        static PendingDirectory New(string path, int order) =>
            new(Encoding.ASCII.GetBytes(path), order, 0, 0, 0, default);
    }

    private static TreePath Path(string name)
    {
        var path = new TreePath(new() { MaxDepth = 4 });
        path.Set(Encoding.ASCII.GetBytes(name), new() { Path = Encoding.ASCII.GetBytes(name) }, "path");
        return path;
    }
}
