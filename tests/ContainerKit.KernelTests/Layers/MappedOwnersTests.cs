using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>Owners that only a user namespace has, given by a user that is not root.</summary>
public class MappedOwnersTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task Files_belong_to_the_ids_of_the_namespace_with_all_their_privileges()
    {
        var map = (RangesIdMap)IdMap.Ranges(
            [new(0, Syscall.EffectiveUser, 1), new(1, TestIds.User, 1000)],
            [new(0, Syscall.EffectiveGroup, 1), new(1, TestIds.Group, 1000)]);
        using var tree = new UnpackedTree();
        using var ids = new MappedIds(map, Launcher.Memory);
        var owners = new MappedOwners(ids);
        byte[] capability = [1, 0, 0, 2, 0, 4, 0, 0, .. new byte[12]];
        using var root = tree.Open();
        foreach (var layer in new Member[][]
        {
            [
                Member.Directory("own/"), Member.File("own/file"), Member.Directory("theirs/", 0x16D).Of(5, 6),
                Member.File("theirs/su", "", 0x9ED).Of(7, 8), Member.Link("theirs/link", "/").Of(9, 10),
                Member.File("ping").With("security.capability", capability), Member.Fifo("fifo").Of(1, 1),
                Member.File("replaced").Of(3, 3), Member.File("tree/file").Of(3, 3), Member.File("gone").Of(3, 3),
            ],
            [
                Member.File("replaced"), Member.File("tree"), Member.File("theirs/new").Of(2, 2),
                Member.File(".wh.gone"), Member.Directory("./").Of(4, 4),
            ],
        })
        {
            using var writer = new TreeWriter(root, TreeForm.Plain, owners, new());
            foreach (var member in layer)
            {
                writer.Add(member.Entry);
            }

            await writer.CompleteAsync(Token);
        }

        await owners.CompleteAsync(root, Token);

        (string Path, uint User, uint Group)[] expected =
        [
            ("own/file", 0, 0), ("theirs", 5, 6), ("theirs/su", 7, 8), ("theirs/link", 9, 10), ("theirs/new", 2, 2),
            ("ping", 0, 0), ("fifo", 1, 1), ("replaced", 0, 0), ("tree", 0, 0), ("", 4, 4),
        ];
        Assert.Equal(expected.Select(Outside), expected.Select(file => $"{file.Path} {tree.Stat("%u %g", file.Path)}"));
        Assert.Equal("4755 555", $"{tree.Stat("%a", "theirs/su")} {tree.Stat("%a", "theirs")}");
        Assert.NotNull(tree.Attribute("ping", "security.capability"));

        using var removal = new TreeRemoval(ids);
        removal.Empty(root); // what belongs to others this user alone cannot remove
        Assert.Empty(tree.Paths());
    }

    private static string Outside((string Path, uint User, uint Group) file)
    {
        var user = file.User == 0 ? Syscall.EffectiveUser : TestIds.User + file.User - 1;
        var group = file.Group == 0 ? Syscall.EffectiveGroup : TestIds.Group + file.Group - 1;
        return $"{file.Path} {user} {group}";
    }
}
