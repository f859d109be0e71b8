using ContainerKit.Launch;

namespace ContainerKit.Tests;

/// <summary>What a root of many layers does at a start.</summary>
public class LayersRootPlanTests
{
    [Fact]
    public void All_layers_come_as_one_mount_and_the_last_is_on_top()
    {
        using var plan = new LaunchPlan();
        Root(Layer(1), Layer(2), Layer(1)).AddTo(plan, default);

        Assert.Equal("""
            $202 = open_tree(AT_FDCWD, "/store/layers", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)
            $203 = open_tree(AT_FDCWD, "/store/writable/id", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)
            """, plan.Inside.ToString());
        Assert.Equal($"""
            mkdirat($201, "layers", 0755)
            move_mount($202, "", $201, "layers", MOVE_MOUNT_F_EMPTY_PATH)
            mkdirat($201, "changes", 0755)
            move_mount($203, "", $201, "changes", MOVE_MOUNT_F_EMPTY_PATH)
            fchdir($201)
            $204 = fsopen("overlay", FSOPEN_CLOEXEC)
            fsconfig($204, FSCONFIG_SET_STRING, "lowerdir+", "layers/sha256/{Layer(1).Hex}/fs", 0)
            fsconfig($204, FSCONFIG_SET_STRING, "lowerdir+", "layers/sha256/{Layer(2).Hex}/fs", 0)
            fsconfig($204, FSCONFIG_SET_STRING, "upperdir", "changes/upper", 0)
            fsconfig($204, FSCONFIG_SET_STRING, "workdir", "changes/work", 0)
            fsconfig($204, FSCONFIG_SET_FLAG, "userxattr", NULL, 0)
            fsconfig($204, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
            $205 = fsmount($204, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
            close($204)
            """, After(plan, "AT_FDCWD, \"/proc\""));
    }

    [Fact]
    public void Before_overlayfs_takes_layers_one_by_one_short_links_name_them()
    {
        using var plan = new LaunchPlan();
        (Root(Layer(1), Layer(2)) with { AreNamedEach = false }).AddTo(plan, default);

        Assert.StartsWith($"""
            symlinkat("layers/sha256/{Layer(2).Hex}/fs", $201, "0")
            symlinkat("layers/sha256/{Layer(1).Hex}/fs", $201, "1")
            fchdir($201)
            $204 = fsopen("overlay", FSOPEN_CLOEXEC)
            fsconfig($204, FSCONFIG_SET_STRING, "lowerdir", "0:1", 0)
            fsconfig($204, FSCONFIG_SET_STRING, "upperdir", "changes/upper", 0)
            """, After(plan, "\"changes\", MOVE_MOUNT"), StringComparison.Ordinal);
    }

    [Fact]
    public void More_names_than_one_text_of_fsconfig_holds_are_mounted_by_path()
    {
        using var plan = new LaunchPlan();
        (Root([.. Enumerable.Range(0, 120).Select(Layer)]) with { AreNamedEach = false }).AddTo(plan, default);
        var steps = After(plan, "fchdir").Split('\n');

        Assert.Equal("mkdirat($201, \"joined\", 0700)", steps[0]);
        Assert.StartsWith(
            "mount(\"overlay\", \"joined\", \"overlay\", MS_NOSUID | MS_NODEV, \"lowerdir=0:1:2:", steps[1],
            StringComparison.Ordinal);
        Assert.Equal("$204 = open_tree(AT_FDCWD, \"joined\", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)", steps[2]);
    }

    private static LayersRoot Root(params Digest[] layers) => new("/store", "id", layers) { AreNamedEach = true };

    private static Digest Layer(int number)
    {
        var hash = new byte[32];
        hash[0] = (byte)number;
        return Digest.FromHash(hash);
    }

    /// <summary>The steps after the one that holds a text.</summary>
    private static string After(LaunchPlan plan, string text)
    {
        var steps = plan.Root.ToString();
        return steps[(steps.IndexOf('\n', steps.IndexOf(text, StringComparison.Ordinal)) + 1)..];
    }
}
