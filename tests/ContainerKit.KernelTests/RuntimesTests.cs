using System.Text.Json.Nodes;

namespace ContainerKit.KernelTests;

/// <summary>Large runtimes run in the strict default, and as plugins, with nothing opened for them.</summary>
public class RuntimesTests
{
    public static TheoryData<bool> AsPluginOrNot { get; } = [false, true];

    [PythonTheory]
    [MemberData(nameof(AsPluginOrNot))]
    public async Task Python_runs_with_threads_processes_and_files(bool asPlugin)
    {
        const string script = """
            import concurrent.futures, json, multiprocessing, ssl, sqlite3, subprocess, tempfile
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                total = sum(pool.map(lambda i: i * i, range(100)))
            with tempfile.NamedTemporaryFile() as file:
                file.write(b'x')
            lock = multiprocessing.Lock()
            print(json.dumps([total, subprocess.check_output(['echo', 'child']).decode().strip()]))
            """;

        Assert.Equal(
            "[328350, \"child\"]", await Script.OutputAsync(Script.Python(script) with { Seccomp = Profile(asPlugin) }));
    }

    [Theory(Skip = "needs /usr/bin/node", SkipUnless = nameof(Host.HasNode), SkipType = typeof(Host))]
    [MemberData(nameof(AsPluginOrNot))]
    public async Task Node_runs_with_workers_and_a_server_on_the_loopback(bool asPlugin)
    {
        const string script = """
            const { Worker } = require('worker_threads'), http = require('http');
            const worker = new Worker('require("worker_threads").parentPort.postMessage(6 * 7)', { eval: true });
            worker.on('message', answer => {
                const server = http.createServer((_, response) => response.end(String(answer))).listen(0, '127.0.0.1', () =>
                    http.get({ port: server.address().port, host: '127.0.0.1' }, response =>
                        response.on('data', data => { console.log(data.toString()); server.close(); })));
            });
            """;

        Assert.Equal(
            "42",
            await Script.OutputAsync(
                new ContainerOptions { Command = ["/usr/bin/node", "-e", script], Seccomp = Profile(asPlugin) }));
    }

    [Theory]
    [MemberData(nameof(AsPluginOrNot))]
    public async Task A_NET_program_runs_on_a_shared_runtime(bool asPlugin)
    {
        var options = new ContainerOptions
        {
            Command = ["/opt/dotnet/dotnet", "/opt/app/ContainerKit.TestHost.dll", "hello"],
            Mounts = [new BindMount(AppContext.BaseDirectory, "/opt/app"), new BindMount(DotnetRoot, "/opt/dotnet")],
            Seccomp = Profile(asPlugin),
        };

        Assert.Equal("31996000", await Script.OutputAsync(options));
    }

    [Theory]
    [MemberData(nameof(AsPluginOrNot))]
    public async Task A_self_contained_NET_program_runs(bool asPlugin)
    {
        using var app = new TempDirectory();
        File.SetUnixFileMode(app.Path, (UnixFileMode)0x1ED); // 0755
        MakeSelfContained(app.Path);

        Assert.Equal("31996000", await Script.OutputAsync(
            new ContainerOptions
            {
                Command = ["/opt/app/ContainerKit.TestHost", "hello"],
                Mounts = [new BindMount(app.Path, "/opt/app")],
                Seccomp = Profile(asPlugin),
            }));
    }

    private static SeccompProfile? Profile(bool asPlugin) => asPlugin ? SeccompProfile.Plugin : null;

    private static string DotnetRoot { get; } =
        Path.GetFullPath(
            Path.Combine(System.Runtime.InteropServices.RuntimeEnvironment.GetRuntimeDirectory(), "../../.."));

    /// <summary>What publishing self-contained makes, of what is here: nothing is downloaded.</summary>
    private static void MakeSelfContained(string directory)
    {
        var runtime = System.Runtime.InteropServices.RuntimeEnvironment.GetRuntimeDirectory();
        var hostfxr = Directory.EnumerateFiles(
            Path.Combine(DotnetRoot, "host/fxr", Path.GetFileName(runtime.TrimEnd('/'))), "libhostfxr.so");
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
