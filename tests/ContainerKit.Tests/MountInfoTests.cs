using ContainerKit.Linux;

namespace ContainerKit.Tests;

public class MountInfoTests
{
    [Theory]
    [InlineData("36 35 98:0 / /mnt rw - ext4 /dev/sda rw,errors=continue")]
    [InlineData("36 35 98:0 / /mnt rw master:1 propagate_from:2 unbindable - ext4 /dev/sda rw,errors=continue")]
    public void Optional_fields_are_passed_over(string line) =>
        Assert.Equal(new("/", "/mnt", "rw", "ext4", "rw,errors=continue")
        { Id = 36, Propagates = line.Contains("master", StringComparison.Ordinal) }, MountInfo.Parse(line));

    [Fact]
    public void Escaped_characters_are_themselves() =>
        Assert.Equal(new("/a b", "/c\\040\td", "ro", "tmpfs", "ro")
        { Id = 1 }, MountInfo.Parse(@"1 2 0:3 /a\040b /c\134040\011d ro - tmpfs none ro"));
}
