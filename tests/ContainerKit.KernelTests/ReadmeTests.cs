using System.Text.RegularExpressions;

namespace ContainerKit.KernelTests;

[Collection(nameof(Console))]
public class ReadmeTests
{
    [Fact]
    public async Task The_readmes_example_prints_what_the_readme_says()
    {
        var expected = Block("text");
        var output = new StringWriter();
        var console = Console.Out;
        Console.SetOut(output);
        try
        {
            await ReadmeExample.RunAsync();
        }
        finally
        {
            Console.SetOut(console);
        }

        // In the README, an ellipsis stands for what differs from run to run.
        var pattern = Regex.Escape(expected).Replace("…", ".*", StringComparison.Ordinal);
        Assert.Matches($@"\A{pattern}\z", output.ToString());
    }

    [Fact]
    public async Task The_readmes_image_can_be_loaded_with_what_its_container_changed()
    {
        using var temp = new TempDirectory();
        File.SetUnixFileMode(temp.Path, (UnixFileMode)0x1ED); // 0755: the store itself is closed
        ShellArchive.Write(temp["root.tar"]);
        var cancelled = TestContext.Current.CancellationToken;
        await using (var other = ImageStore.Open(temp["other"]))
        {
            var options = new UnpackOptions { Format = ImageFormat.RootArchive };
            var images = await other.LoadAsync(temp["root.tar"], options, null, cancelled);
            await other.SaveAsync(images, temp["image.tar"], cancellationToken: cancelled);
        }

        var directory = Directory.GetCurrentDirectory();
        Directory.SetCurrentDirectory(temp.Path);
        try
        {
            await ReadmeExample.RunSecondAsync();
        }
        finally
        {
            Directory.SetCurrentDirectory(directory);
        }

        await ImageUnpacker.UnpackToDirectoryAsync(temp["greeting.tar"], temp["root"], null, null, cancelled);
        Assert.Equal("hello\n", await File.ReadAllTextAsync(temp["root/greeting"], cancelled));
    }

    private static string Block(string language)
    {
        using var resource = typeof(ReadmeTests).Assembly.GetManifestResourceStream("README.md")!;
        var match = Regex.Match(new StreamReader(resource).ReadToEnd(), $@"(?s)(?<=```{language}\r?\n).*?\n(?=```)");
        Assert.True(match.Success, $"The README has no block marked {language}.");
        return match.Value.ReplaceLineEndings("\n");
    }
}

/// <summary>Tests that replace the console's writer run alone: it is the whole process's.</summary>
[CollectionDefinition(nameof(Console), DisableParallelization = true)]
public class ConsoleCollection;
