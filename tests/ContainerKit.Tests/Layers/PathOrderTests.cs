using System.Text;

namespace ContainerKit.Tests.Layers;

public class PathOrderTests
{
    [Fact]
    public void What_a_directory_holds_comes_before_what_has_its_name_and_more()
    {
        string[] ordered = ["", "a", "a/b", "a/b/c", "a/b-", "a!", "a-", "a-/b", "ab", "b"];
        var paths = ordered.Select(path => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(path)).ToList();

        Assert.Equal(
            ordered,
            paths.AsEnumerable().Reverse().Order(PathOrder.Comparer).Select(path => Encoding.UTF8.GetString(path.Span)));
    }

    [Theory]
    [InlineData("a/b", "a", true)]
    [InlineData("a/b/c", "a", true)]
    [InlineData("a", "", true)]
    [InlineData("", "", false)]
    [InlineData("a", "a", false)]
    [InlineData("ab", "a", false)]
    [InlineData("b/a", "a", false)]
    public void Only_what_a_directory_holds_is_below_it(string path, string directory, bool isBelow) =>
        Assert.Equal(isBelow, PathOrder.IsBelow(Encoding.UTF8.GetBytes(path), Encoding.UTF8.GetBytes(directory)));
}
