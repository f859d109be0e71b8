namespace ContainerKit.Tests;

/// <summary>Tests that count what this process has, and run when no others do.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

/// <summary>What explaining a start does: nothing.</summary>
[Collection(nameof(Alone))]
public class ExplainingTests
{
    private static readonly ContainerOptions Options = new()
    {
        Command = ["true"],
        Root = RootFilesystem.Directory("/", CopyOnWrite.Temporary),
        Mounts = [new BindMount("/", "/mnt"), new TmpfsMount("/cache"), new InlineFile("/file", "content")],
        IdMap = IdMap.Automatic(),
        Init = false,
    };

    [Fact]
    public void Explaining_makes_nothing()
    {
        Container.Explain(Options); // loads what it needs for good
        GC.Collect();
        GC.WaitForPendingFinalizers(); // what other tests dropped closes its descriptors now
        var before = Now();
        Container.Explain(Options);

        Assert.Equal(before, Now());
    }

    /// <summary>Descriptors, children and mounts of this process.</summary>
    private static List<string> Now() =>
    [
        .. Directory.GetFiles("/proc/self/fd").Select(path => $"{path} {new FileInfo(path).LinkTarget}"),
        .. Directory.GetDirectories("/proc/self/task").SelectMany(task => File.ReadLines($"{task}/children")),
        .. File.ReadLines("/proc/self/mountinfo"),
    ];
}
