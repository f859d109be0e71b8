namespace ContainerKit.KernelTests;

/// <summary>
/// Ids of others that this user may map: as root any, else those that /etc/subuid and /etc/subgid give it.
/// </summary>
internal static class TestIds
{
    /// <summary>What is missing without <see cref="Exist"/>.</summary>
    public const string Missing = "needs root, or newuidmap and 65536 ids in a row in /etc/subuid and /etc/subgid";

    private static readonly bool MustRun = Environment.GetEnvironmentVariable("CONTAINERKIT_MUST_RUN") == "1";

    /// <summary>Whether there are any.</summary>
    public static bool Exist => MustRun || Host.IsRoot
        || (File.Exists(IdMappers.Users) && HasBlock(SubordinateIds.Users) && HasBlock(SubordinateIds.Groups));

    /// <summary>The first of 65,536 users.</summary>
    public static uint User { get; } = FirstOf(SubordinateIds.Users);

    /// <summary>The first of 65,536 groups.</summary>
    public static uint Group { get; } = FirstOf(SubordinateIds.Groups);

    /// <summary>
    /// A map of a thousand users and groups from 0 on; of this user alone in a host that is contained itself, where
    /// there are no others.
    /// </summary>
    public static IdMap Map => NestedHosts.IsOne ? IdMap.SingleId : Of(new IdRange(0, 0, 1000));

    /// <summary>A map of these ranges, whose ids outside are counted from the first.</summary>
    public static IdMap Of(params IdRange[] ranges) =>
        IdMap.Ranges([.. ranges.Select(range => range with { Outside = User + range.Outside })],
            [.. ranges.Select(range => range with { Outside = Group + range.Outside })]);

    /// <summary>The lines of a map file, with one space between numbers.</summary>
    public static string[] Lines(string path) => Split(File.ReadAllText(path));

    /// <summary>The lines of what a map file held, with one space between numbers.</summary>
    public static string[] Split(string text) =>
        [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries)))];

    private static bool HasBlock(string file) =>
        SubordinateIds.OfThisUser(file).Exists(range => range.Count >= IdBlocks.Size);

    private static uint FirstOf(string file) =>
        Host.IsRoot ? 100_000 : SubordinateIds.OfThisUser(file).Find(range => range.Count >= IdBlocks.Size).First;
}
