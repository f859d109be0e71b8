namespace ContainerKit.KernelTests;

/// <summary>Environments that the kernel could not tell apart, and that no other container may see.</summary>
public class BadEnvironmentTests
{
    [Theory]
    [InlineData("", "value")]
    [InlineData("a=b", "value")]
    [InlineData("=", "value")]
    [InlineData("a\0b", "value")]
    [InlineData("NAME", "a\0b")]
    [InlineData("NAME", null)]
    public async Task A_variable_that_is_none_is_refused_before_anything_is_made(string name, string? value)
    {
        var refusal = await Refusal.OfOptionsAsync(With((name, value!)));

        Assert.Contains("environment variable", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_strange_but_legal_variable_arrives_as_it_is()
    {
        var output = await Script.OutputAsync(
            With(("with space", "a=b"), ("EMPTY", ""), ("LINES", "one\ntwo"), ("ÜMLAUT", "ß🙂")));

        Assert.Equal(["EMPTY=", "HOME=/tmp", "LINES=one", "PATH=", "two", "with space=a=b", "ÜMLAUT=ß🙂"],
            output.Split('\n').Select(line => line.StartsWith("PATH=", StringComparison.Ordinal) ? "PATH=" : line)
                .Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task CVE_2021_21334_No_variable_of_another_container_or_of_the_host_is_seen()
    {
        Environment.SetEnvironmentVariable("CONTAINERKIT_SECRET_OF_HOST", "secret");
        try
        {
            var outputs =
                await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Script.OutputAsync(With(($"ONLY{i}", "x")))));
            for (var i = 0; i < outputs.Length; i++)
            {
                var names = outputs[i].Split('\n').Select(line => line.Split('=')[0]).Order(StringComparer.Ordinal);
                Assert.Equal(["HOME", $"ONLY{i}", "PATH"], names);
            }
        }
        finally
        {
            Environment.SetEnvironmentVariable("CONTAINERKIT_SECRET_OF_HOST", null);
        }
    }

    [Fact]
    public async Task A_failed_start_tells_no_secret_of_the_environment()
    {
        var refusal = await Refusal.OfStartAsync(With(("TOKEN", "hunter2")) with { Command = ["/no/such"] });

        Assert.DoesNotContain("hunter2", refusal.ToString(), StringComparison.Ordinal);
        Assert.Contains("TOKEN", refusal.Step, StringComparison.Ordinal);
    }

    private static ContainerOptions With(params (string Name, string Value)[] variables) => new()
    {
        Command = ["/usr/bin/env"],
        Environment = variables.ToDictionary(variable => variable.Name, variable => variable.Value),
    };
}
