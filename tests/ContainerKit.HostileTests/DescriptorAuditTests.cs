using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.HostileTests;

/// <summary>What each process of a container has open, while its host keeps much open that programs inherit.</summary>
public class DescriptorAuditTests
{
    private const string List = "ls /proc/$$/fd; true"; // not executed in the place of the shell

    public static TheoryData<string> All { get; } = [.. Starts.Kinds];

    public static TheoryData<string> WithoutNamespaces { get; } = [.. Starts.WithoutNamespaces];

    [Theory]
    [MemberData(nameof(All))]
    public async Task CVE_2024_21626_A_program_has_its_standard_streams_and_nothing_else(string kind)
    {
        using var host = new Careless();
        Assert.Equal("0\n1\n2", await Starts.OutputAsync(kind, Script.Shell(""), List));
    }

    [Theory]
    [MemberData(nameof(WithoutNamespaces))]
    [Trait(Attack.Tier, nameof(Isolation.Restricted))]
    public async Task CVE_2024_21626_A_program_without_namespaces_has_its_standard_streams_and_what_is_listed(
        string kind)
    {
        using var host = new Careless();
        await using var bare = new ContainerHost(new() { WithoutNamespaces = true });
        var options = Script.Shell("") with { MinimumIsolation = Isolation.Restricted };
        Assert.Equal("0\n1\n2", await Starts.OutputAsync(kind, options, List, bare));
        if (kind is not "exec") // to which nothing is listed
        {
            using var listed = File.OpenHandle("/dev/zero");
            Assert.Equal(
                "0\n1\n2\n3", await Starts.OutputAsync(kind, options with { Descriptors = [listed] }, List, bare));
        }
    }

    [Theory]
    [InlineData("run")]
    [InlineData("run without init")]
    [InlineData("start")]
    public async Task CVE_2024_21626_A_program_has_what_is_listed_and_nothing_else(string kind)
    {
        using var host = new Careless();
        using var listed = File.OpenHandle("/dev/zero");
        Assert.Equal("0\n1\n2\n3\n4",
            await Starts.OutputAsync(kind, Script.Shell("") with { Descriptors = [listed, listed] }, List));
    }

    [RootFact]
    public async Task CVE_2024_21626_The_init_has_its_channel_and_nothing_else()
    {
        using var host = new Careless();
        using var listed = File.OpenHandle("/dev/zero");
        await using var container = await Eventually.Ends(Container.StartAsync(
            Script.Shell("exec sleep 1000") with { Descriptors = [listed] }, TestContext.Current.CancellationToken));
        var program = ProcessTree.Find(container.Pid)!.Value;
        var init = ProcessTree.Find(program.Parent)!.Value;
        await Eventually.Holds(() => init.Descriptors().Count == 1, () => string.Join(' ', init.Descriptors()));

        Assert.StartsWith("socket:", Assert.Single(init.Descriptors()).Value, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task CVE_2024_21626_No_working_directory_leads_to_what_was_inherited(bool init)
    {
        using var host = new Careless();
        foreach (var number in Enumerable.Range(3, 60))
        {
            var path = number.ToString(CultureInfo.InvariantCulture);
            await Assert.ThrowsAsync<LaunchException>(() => Script.RunAsync(
                Script.Shell("true") with { WorkingDirectory = $"/proc/self/fd/{path}", Init = init }));
            await Assert.ThrowsAsync<LaunchException>(() => Script.RunAsync(
                Script.Shell("true") with { WorkingDirectory = $"/dev/fd/{path}/..", Init = init }));
        }
    }

    /// <summary>
    /// A host that holds files, directories and namespaces as libraries written without care do: inheritable.
    /// </summary>
    private sealed class Careless : IDisposable
    {
        private readonly List<SafeFileHandle> _open = [];

        public Careless()
        {
            string[] paths = ["/", "/etc", "/proc/self/ns/mnt", "/proc/self/ns/user", "/proc", "/etc/passwd"];
            foreach (var path in paths)
            {
                for (var i = 0; i < 6; i++)
                {
                    using var file = Linux.Syscall.Open(path, Linux.OpenFlags.O_RDONLY);
                    _open.Add(Native.InheritableCopy(file));
                }
            }
        }

        public void Dispose() => _open.ForEach(file => file.Dispose());
    }
}
