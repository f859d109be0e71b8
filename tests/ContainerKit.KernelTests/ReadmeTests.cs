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
