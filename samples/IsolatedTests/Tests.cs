using Xunit;

namespace IsolatedTests;

public class ATests(Server server) : WordTests(server, "A"), IClassFixture<Server>;
public class BTests(Server server) : WordTests(server, "B"), IClassFixture<Server>;

/// <summary>What would fail if two classes had one server, which they would if they had one network.</summary>
public abstract class WordTests(Server server, string word)
{
    [Fact]
    public async Task The_server_keeps_what_this_class_told_it()
    {
        Assert.Equal("none", await server.AskAsync("what?"));
        Assert.Equal(word, await server.AskAsync($"keep {word}"));
        Assert.Equal(word, await server.AskAsync("what?"));
    }
}
