using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>The security floor is the same whoever the program is, and whatever it sees of the host.</summary>
public class ProfileTests
{
    private const string Look =
        "grep -E '^(Cap|Groups|NoNewPrivs)' /proc/self/status; cat /proc/keys; stat -c %t:%T /proc/keys";

    public static MatrixTheoryData<string, string, string> Profiles { get; } = new(
        ["SingleId", "SingleIdAs", "Identity", "Ranges", "Automatic"],
        ["0", "5:6"],
        ["HostSystem", "EntireHost", "Directory", "CopyOnWrite", "Empty"]);

    [Theory(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    [MemberData(nameof(Profiles))]
    public async Task No_profile_has_a_capability_a_group_or_a_key_of_the_host(string map, string user, string root)
    {
        using var groups = new FurtherGroups();
        using var directory = new RootDirectory();
        var (ownUser, ownGroup) = ((int)Syscall.EffectiveUser, (int)Syscall.EffectiveGroup);
        var isIdentity = map == "Identity";
        var output = await Script.OutputAsync(Script.Shell(Look) with
        {
            User = isIdentity && !Host.IsRoot ? $"{ownUser}:{ownGroup}" : user,
            MaxProcesses = isIdentity && user == "0" ? null : 100, // which bind no root of the host
            IdMap = map switch
            {
                "SingleId" => IdMap.SingleId,
                "SingleIdAs" => Host.IsRoot ? IdMap.SingleIdAs(1234, 4321) : IdMap.SingleIdAs(ownUser, ownGroup),
                "Identity" => IdMap.Identity,
                "Ranges" => TestIds.Map,
                _ => IdMap.Automatic(),
            },
            Root = root switch
            {
                "HostSystem" => RootFilesystem.HostSystem,
                "EntireHost" => RootFilesystem.EntireHost,
                "Directory" => RootFilesystem.Directory(directory.Path),
                // Before Linux 6.6 a temporary layer needs the host's user among the ids; TemporaryLayerTests try that.
                "CopyOnWrite" when TemporaryLayer.IsNeeded => RootFilesystem.Directory(directory.Path),
                "CopyOnWrite" => RootFilesystem.Directory(directory.Path, CopyOnWrite.Temporary),
                _ => RootFilesystem.Empty,
            },
            Mounts = root switch
            {
                "HostSystem" or "EntireHost" => [],
                "Empty" => [.. new[] { "/usr", "/bin", "/lib", "/lib64" }.Select(path => new BindMount(path, path))],
                _ => directory.With(new TmpfsMount("/tmp")).Mounts,
            },
        });
        var lines = output.Split('\n');

        // An ordinary user cannot drop its groups: they are its own, or unmapped and nobody's.
        Assert.True(
            lines[0] == "Groups:\t " || (!Host.IsRoot && map is not ("Ranges" or "Automatic")), output);
        Assert.Equal(
            """
            CapInh:	0000000000000000
            CapPrm:	0000000000000000
            CapEff:	0000000000000000
            CapBnd:	0000000000000000
            CapAmb:	0000000000000000
            NoNewPrivs:	1
            1:3
            """,
            string.Join('\n', lines[1..]));
    }
}
