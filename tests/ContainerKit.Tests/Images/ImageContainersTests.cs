using ContainerKit.Images;
using ContainerKit.Linux;

namespace ContainerKit.Tests.Images;

/// <summary>What an image says becomes what its containers are.</summary>
public class ImageContainersTests
{
    private static readonly RootFilesystem Root = RootFilesystem.Directory("/");

    [Theory]
    [InlineData("", "", "", null)]
    [InlineData("", "cmd one", "", "cmd one")]
    [InlineData("entry", "", "", "entry")]
    [InlineData("entry one", "cmd two", "", "entry one cmd two")]
    [InlineData("entry one", "cmd two", "mine", "entry one mine")]
    [InlineData("", "cmd", "mine too", "mine too")]
    public void A_callers_command_replaces_the_images_and_keeps_its_entry_point(
        string entryPoint, string command, string callers, string? expected)
    {
        var image = Config(new() { EntryPoint = Words(entryPoint), Command = Words(command) });
        if (expected is null)
        {
            var refusal = Assert.Throws<ArgumentException>(() => image.CreateOptions(Root, Words(callers)));
            Assert.StartsWith("The image has no command of its own: give one.", refusal.Message, StringComparison.Ordinal);
        }
        else
        {
            Assert.Equal(Words(expected), image.CreateOptions(Root, Words(callers)).Command);
        }
    }

    [Fact]
    public void What_an_image_does_not_say_is_as_it_is_without_one()
    {
        var options = Config(new()).CreateOptions(Root, "sh");

        Assert.Equal(("/", "0", Signal.SIGTERM, Root),
            (options.WorkingDirectory, options.User, options.StopSignal, options.Root));
        Assert.Empty(options.Environment);
        Assert.Empty(options.Directories);
        Assert.Equal(["sh"], (Config(new()) with { Defaults = null }).CreateOptions(Root, "sh").Command);
    }

    [Fact]
    public void The_last_of_several_values_of_a_variable_counts() =>
        Assert.Equal(
            new Dictionary<string, string> { ["A"] = "3", ["B"] = "", ["C"] = "x=y" },
            Config(new() { Environment = ["A=1", "B=", "A=3", "C=x=y"] }).CreateOptions(Root, "sh").Environment);

    [Theory]
    [InlineData("SIGQUIT", Signal.SIGQUIT)]
    [InlineData("quit", Signal.SIGQUIT)]
    [InlineData("3", Signal.SIGQUIT)]
    [InlineData("SIGRTMIN+3", (Signal)37)]
    [InlineData("RTMIN", (Signal)34)]
    [InlineData("SIGRTMAX-1", (Signal)63)]
    [InlineData("64", (Signal)64)]
    public void A_stop_signal_is_a_number_or_a_name(string text, Signal signal) =>
        Assert.Equal(signal, Config(new() { StopSignal = text }).CreateOptions(Root, "sh").StopSignal);

    [Fact]
    public void Volumes_and_the_working_directory_are_directories_of_the_root()
    {
        var options = Config(new() { Volumes = ["/data", "/srv/./www//", "/"], WorkingDirectory = "/app/" })
            .CreateOptions(Root, "sh");

        Assert.Equal(["/", "/app", "/data", "/srv/www"], options.Directories.Append("/").Order(StringComparer.Ordinal));
        Assert.Equal("/app", options.WorkingDirectory);
        Assert.Empty(options.Mounts);
    }

    [Theory]
    [InlineData("User", "1000:")]
    [InlineData("User", ":5")]
    [InlineData("User", "+1")]
    [InlineData("User", "4294967296")]
    [InlineData("User", "١٢٣")]
    [InlineData("User", "root\0")]
    [InlineData("StopSignal", "SIGNOTHING")]
    [InlineData("StopSignal", "0")]
    [InlineData("StopSignal", "65")]
    [InlineData("StopSignal", "-9")]
    [InlineData("StopSignal", "SIGRTMIN+31")]
    [InlineData("StopSignal", "SIG")]
    [InlineData("Env", "NOTHING")]
    [InlineData("Env", "=value")]
    [InlineData("Env", "A=1\02")]
    [InlineData("WorkingDir", "relative")]
    [InlineData("WorkingDir", "/../etc")]
    [InlineData("WorkingDir", "/a\0b")]
    [InlineData("Volumes", "/../../etc")]
    [InlineData("Volumes", "/var/../../etc")]
    [InlineData("Volumes", "data")]
    [InlineData("Volumes", "")]
    [InlineData("Volumes", "/da\0ta")]
    [InlineData("Entrypoint", "")]
    public void CVE_2022_23648_CVE_2026_30892_What_no_container_can_have_is_refused_and_named(string field, string value)
    {
        var image = Config(new()
        {
            User = field == "User" ? value : null,
            StopSignal = field == "StopSignal" ? value : null,
            Environment = field == "Env" ? [value] : null,
            WorkingDirectory = field == "WorkingDir" ? value : null,
            Volumes = field == "Volumes" ? [value] : [],
            EntryPoint = field == "Entrypoint" ? [value] : null,
        });

        var refusal = Assert.Throws<InvalidImageException>(() => image.CreateOptions(Root, "sh"));
        Assert.Equal(("config, config", field), (refusal.Entry, refusal.Field));
        Assert.DoesNotContain('\0', refusal.Message);
    }

    [Fact]
    public void CVE_2026_53488_CVE_2026_53492_Labels_and_what_is_unknown_select_nothing()
    {
        var plain = Read("""{"Cmd":["sh"]}""").CreateOptions(Root);
        var labelled = Read("""
            {"Cmd":["sh"],"Labels":{"cdi.k8s.io/x":"vendor.com/gpu=all","log-driver":"journald","hooks":"/bin/sh"},
             "ExposedPorts":{"80/tcp":{}},"Healthcheck":{"Test":["CMD","/bin/true"]},"Mounts":["/:/host"],
             "HostConfig":{"Privileged":true,"Devices":["/dev/sda"]},"Shell":["/bin/evil"]}
            """).CreateOptions(Root);

        Assert.Equal(Text(plain), Text(labelled));
    }

    private static string Text(ContainerOptions options) =>
        $"{options with { Command = [], Environment = plainEnvironment, Mounts = [], Directories = [] }}"
        + $"{string.Join(' ', options.Command)}|{options.Environment.Count}|{options.Mounts.Count}|{options.Directories.Count}";

    private static readonly Dictionary<string, string> plainEnvironment = [];

    private static ImageConfig Config(ImageDefaults defaults) => new()
    {
        Architecture = "amd64",
        OperatingSystem = "linux",
        Defaults = defaults,
        Layers = new() { Type = "layers", DiffIds = [] },
    };

    private static ImageConfig Read(string defaults) => ImageConfig.Parse(System.Text.Encoding.UTF8.GetBytes(
        $$"""{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"config":{{defaults}}}"""));

    private static string[] Words(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
