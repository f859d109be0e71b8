using System.Text.Json.Nodes;

namespace ContainerKit.KernelTests;

/// <summary>Large runtimes run in each profile, with and without namespaces, with nothing opened for them.</summary>
public class RuntimesTests
{
    private const string
        Default = "default", Restricted = "restricted", RestrictedPlugin = "restricted plugin",
        RestrictedProcess = "restricted plugin of one process",
        NoNative = "needs tests/native, published to native beside the tests, as .ci/native-program does";

    private static readonly string Native = Path.Combine(AppContext.BaseDirectory, "native/Native");

    /// <summary>Whether there is a program that was compiled ahead of time.</summary>
    public static bool HasNative =>
        Environment.GetEnvironmentVariable("CONTAINERKIT_MUST_RUN") == "1" || File.Exists(Native);

    /// <summary>The profiles, and three without namespaces.</summary>
    public static TheoryData<string> Places { get; } =
    [
        Default, nameof(SandboxProfiles.Plugin), nameof(SandboxProfiles.BuildStep),
        nameof(SandboxProfiles.DockerCompatible), Restricted, RestrictedPlugin, RestrictedProcess,
    ];

    [PythonTheory]
    [MemberData(nameof(Places))]
    public async Task Python_runs_with_threads_processes_and_files(string place)
    {
        const string script = """
            import concurrent.futures, json, multiprocessing, ssl, sqlite3, subprocess, sys, tempfile
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                total = sum(pool.map(lambda i: i * i, range(100)))
            with tempfile.NamedTemporaryFile() as file:
                file.write(b'x')
            if 'shared memory' in sys.argv: multiprocessing.Lock()
            child = subprocess.check_output(['echo', 'child']).decode().strip() if 'children' in sys.argv else 'child'
            print(json.dumps([total, child]))
            """;

        // What is shared by a name lies in /dev/shm, which is the host's where there is no namespace.
        string[] has = [IsRestricted(place) ? "" : "shared memory", place is RestrictedProcess ? "" : "children"];
        Assert.Equal(
            "[328350, \"child\"]", await OutputAsync(place, ["/usr/bin/python3", "-I", "-c", script, .. has]));
    }

    [Theory(Skip = "needs /usr/bin/node", SkipUnless = nameof(Host.HasNode), SkipType = typeof(Host))]
    [MemberData(nameof(Places))]
    public async Task Node_runs_with_workers_and_a_server_on_the_loopback(string place)
    {
        const string script = """
            const { Worker } = require('worker_threads'), http = require('http');
            const worker = new Worker('require("worker_threads").parentPort.postMessage(6 * 7)', { eval: true });
            worker.on('message', answer => {
                if (process.argv[1] == 'offline') { console.log(answer); return; }
                const server = http.createServer((_, response) => response.end(String(answer))).listen(0, '127.0.0.1', () =>
                    http.get({ port: server.address().port, host: '127.0.0.1' }, response =>
                        response.on('data', data => { console.log(data.toString()); server.close(); })));
            });
            """;

        Assert.Equal(
            "42",
            await OutputAsync(place, ["/usr/bin/node", "-e", script, IsRestricted(place) ? "offline" : "online"]));
    }

    [Theory]
    [MemberData(nameof(Places))]
    public async Task A_NET_program_runs_on_a_shared_runtime(string place)
    {
        using var app = new TempDirectory();
        File.SetUnixFileMode(app.Path, (UnixFileMode)0x1ED); // 0755: with ids of its own it is another user who reads
        foreach (var file in Directory.EnumerateFiles(AppContext.BaseDirectory, "ContainerKit*"))
        {
            File.Copy(file, app[Path.GetFileName(file)]);
        }

        Assert.Equal("31996000", await OutputAsync(
            place, [$"{Tools.DotnetRoot}/dotnet", app["ContainerKit.TestHost.dll"], "hello"], Tools.DotnetRoot, app.Path));
    }

    [Theory]
    [MemberData(nameof(Places))]
    public async Task A_self_contained_NET_program_runs(string place)
    {
        using var app = new TempDirectory();
        File.SetUnixFileMode(app.Path, (UnixFileMode)0x1ED); // 0755
        MakeSelfContained(app.Path);

        Assert.Equal(
            "31996000", await OutputAsync(place, [$"{app.Path}/ContainerKit.TestHost", "hello"], app.Path));
    }

    [Theory(Skip = NoNative, SkipUnless = nameof(HasNative))]
    [Trait(Tools.Needs, Tools.Self)]
    [MemberData(nameof(Places))]
    public async Task A_native_NET_program_runs(string place)
    {
        using var app = new TempDirectory();
        File.SetUnixFileMode(app.Path, (UnixFileMode)0x1ED); // 0755
        File.Copy(Native, app["Native"]);

        Assert.Equal("31996000", await OutputAsync(place, [app["Native"]], app.Path));
    }

    [CgroupFact]
    public async Task A_NET_program_gets_by_with_thirty_two_processes_which_are_its_threads_too()
    {
        using var app = new TempDirectory();
        File.SetUnixFileMode(app.Path, (UnixFileMode)0x1ED); // 0755
        MakeSelfContained(app.Path);

        var limits = new CgroupLimits { Pids = 32 };
        foreach (var place in (string[])[Default, nameof(SandboxProfiles.Plugin), RestrictedPlugin])
        {
            Assert.Equal(
                "31996000", await OutputAsync(place, limits, [$"{app.Path}/ContainerKit.TestHost", "hello"], app.Path));
        }
    }

    [CgroupFact]
    public async Task A_NET_program_knows_the_limits_of_its_container()
    {
        using var app = new TempDirectory();
        File.SetUnixFileMode(app.Path, (UnixFileMode)0x1ED); // 0755
        MakeSelfContained(app.Path);

        var limits = new CgroupLimits { Memory = ByteSize.MiB(256), Cpu = CpuMax.Cpus(1) };
        foreach (var place in (string[])[Default, nameof(SandboxProfiles.Plugin), RestrictedPlugin])
        {
            var output = await OutputAsync(place, limits, [$"{app.Path}/ContainerKit.TestHost", "available"], app.Path);
            Assert.InRange(
                long.Parse(output.Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture),
                ByteSize.MiB(100).Bytes, ByteSize.MiB(256).Bytes);
            Assert.EndsWith(" 1", output, StringComparison.Ordinal);
        }
    }

    private static bool IsRestricted(string place) => place is Restricted or RestrictedPlugin or RestrictedProcess;

    /// <summary>What a program prints, which sees these paths of the host where they are.</summary>
    private static Task<string> OutputAsync(string place, string[] command, params string[] paths) =>
        OutputAsync(place, limits: null, command, paths);

    private static async Task<string> OutputAsync(
        string place, CgroupLimits? limits, string[] command, params string[] paths)
    {
        var options = (place switch
        {
            nameof(SandboxProfiles.Plugin) => SandboxProfiles.Plugin,
            nameof(SandboxProfiles.BuildStep) => SandboxProfiles.BuildStep,
            nameof(SandboxProfiles.DockerCompatible) => SandboxProfiles.DockerCompatible,
            RestrictedPlugin => SandboxProfiles.Plugin with { RequiredIsolation = IsolationProperties.NoNetwork },
            RestrictedProcess => SandboxProfiles.Plugin with { SingleProcess = true },
            _ => new ContainerOptions
            {
                Command = command,
                MinimumIsolation = IsRestricted(place) ? Isolation.Restricted : null,
            },
        }) with
        {
            Command = command,
            Mounts = [.. paths.Select(path => new BindMount(path, path))],
            Limits = limits,
        };
        await using var host = new ContainerHost(new()
        {
            WithoutNamespaces = IsRestricted(place),
            CgroupParent = limits is null ? null : CgroupFactAttribute.Parent,
        });
        var result = await Eventually.Ends(host.RunAsync(options, TestContext.Current.CancellationToken), seconds: 60);
        Assert.True(
            result.ExitStatus.IsSuccess, $"{result.ExitStatus}\n{result.StandardOutput}\n{result.StandardError}");
        return result.StandardOutput.TrimEnd('\n');
    }

    /// <summary>What publishing self-contained makes, of what is here: nothing is downloaded.</summary>
    private static void MakeSelfContained(string directory)
    {
        var runtime = System.Runtime.InteropServices.RuntimeEnvironment.GetRuntimeDirectory();
        var hostfxr = Directory.EnumerateFiles(
            Path.Combine(Tools.DotnetRoot, "host/fxr", Path.GetFileName(runtime.TrimEnd('/'))), "libhostfxr.so");
        var own = Directory.EnumerateFiles(AppContext.BaseDirectory, "ContainerKit*")
            .Where(path => !path.EndsWith(".json", StringComparison.Ordinal));
        foreach (var file in Directory.EnumerateFiles(runtime)
            .Where(path => !path.EndsWith(".json", StringComparison.Ordinal)).Concat(hostfxr).Concat(own))
        {
            File.Copy(file, Path.Combine(directory, Path.GetFileName(file)));
        }

        var included = new JsonObject
        { ["name"] = "Microsoft.NETCore.App", ["version"] = Environment.Version.ToString() };
        var options = new JsonObject
        {
            ["tfm"] = "net10.0",
            ["includedFrameworks"] = new JsonArray(included),
            ["configProperties"] = new JsonObject { ["System.Globalization.Invariant"] = true },
        };
        File.WriteAllText(Path.Combine(directory, "ContainerKit.TestHost.runtimeconfig.json"),
            new JsonObject { ["runtimeOptions"] = options }.ToJsonString());
    }
}
