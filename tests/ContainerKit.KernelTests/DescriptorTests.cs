using System.IO.Pipes;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.KernelTests;

/// <summary>Open files that are passed to a program.</summary>
public sealed class DescriptorTests : IDisposable
{
    private readonly TempDirectory _temp = new();

    public void Dispose() => _temp.Dispose();

    [Theory]
    [InlineData(1, true)]
    [InlineData(1, false)]
    [InlineData(2, true)]
    [InlineData(2, false)]
    [InlineData(3, true)]
    [InlineData(9, false)]
    [InlineData(100, true)]
    public async Task The_program_has_what_is_passed_in_order_and_nothing_else(int count, bool init)
    {
        var handles = Enumerable.Range(3, count).Select(number => Open($"{number}")).ToList();
        var options = new ContainerOptions
        {
            Command = ["bash", "-c", $"for ((i = 3; i < {count + 3}; i++)); do cat <&$i; echo; done; ls -A /proc/$$/fd "
                + "> /tmp/list; wc -l < /tmp/list"],
            Init = init,
            Descriptors = handles,
        };

        var lines = (await Script.OutputAsync(options)).Split('\n');
        Assert.Equal(Enumerable.Range(3, count).Select(number => $"{number}"), lines[..^1]);
        Assert.Equal($"{count + 3}", lines[^1]);
        Assert.All(handles, handle => Assert.False(handle.IsClosed));
        handles.ForEach(handle => handle.Dispose());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(50)]
    public async Task A_program_that_cannot_be_executed_is_named_and_nothing_is_written_to_what_was_passed(int count)
    {
        var handles = Enumerable.Range(0, count).Select(number => (SafeHandle)File.OpenHandle(
            _temp[$"{number}"], FileMode.Create, FileAccess.ReadWrite)).ToList();
        var failure = await Refusal.OfStartAsync(new() { Command = ["/missing"], Descriptors = handles });

        Assert.Equal(("execve", Errno.ENOENT, "the command '/missing'"), (failure.Call, failure.Errno, failure.Cause));
        handles.ForEach(handle => handle.Dispose());
        Assert.All(Directory.GetFiles(_temp.Path), file => Assert.Empty(File.ReadAllBytes(file)));
    }

    [Fact]
    public async Task A_start_is_told_when_a_program_with_descriptors_was_executed()
    {
        using var handle = Open("x");
        await using var container = await Container.StartAsync(
            Script.Shell("exec sleep 1000") with
            { Descriptors = [handle, handle, handle] }, TestContext.Current.CancellationToken);

        await Eventually.Holds( // once its libraries are loaded
            () => ProcessTree.Find(container.Pid)!.Value.Descriptors().Keys.SequenceEqual([0, 1, 2, 3, 4, 5]),
            () => string.Join(' ', ProcessTree.Find(container.Pid)!.Value.Descriptors()));
        if (!Host.IsRoot)
        {
            return; // what the others hold is nobody else's to see
        }

        var pidOne = ProcessTree.Find(ProcessTree.Find(container.Pid)!.Value.Parent)!.Value;
        Assert.DoesNotContain(_temp["x"], pidOne.Descriptors().Values); // the init has none of them
        Assert.DoesNotContain(_temp["x"], ProcessTree.Find(pidOne.Parent)!.Value.Descriptors().Values);
    }

    [Fact]
    public async Task Standard_streams_pipes_and_sockets_can_be_passed()
    {
        await using var pipe = new AnonymousPipeServerStream(PipeDirection.In);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        var options = Script.Shell("echo hello >&3; readlink /proc/$$/fd/4 | tr -d '0-9'") with
        {
            Descriptors = [pipe.ClientSafePipeHandle, socket.SafeHandle],
        };

        Assert.Equal("socket:[]", await Script.OutputAsync(options));
        pipe.DisposeLocalCopyOfClientHandle();
        using var reader = new StreamReader(pipe);
        Assert.Equal("hello\n", await Eventually.Ends(reader.ReadToEndAsync(TestContext.Current.CancellationToken)));
    }

    [PythonFact]
    public async Task A_program_accepts_on_a_socket_that_it_is_activated_with()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var run = Container.RunAsync(
            Script.Python("""
                import os, socket
                assert os.environ["LISTEN_PID"] == str(os.getpid()) and os.environ["LISTEN_FDS"] == "1"
                connection, _ = socket.socket(fileno=3).accept()
                connection.sendall(os.environ["LISTEN_FDNAMES"].encode() + b" " + connection.recv(100))
                """) with { Descriptors = [listener.SafeHandle], SocketActivation = true, DescriptorNames = ["web"] },
            TestContext.Current.CancellationToken);
        using var client = new TcpClient();
        await client.ConnectAsync((IPEndPoint)listener.LocalEndPoint!, TestContext.Current.CancellationToken);
        await client.GetStream().WriteAsync("hello"u8.ToArray(), TestContext.Current.CancellationToken);
        using var answer = new StreamReader(client.GetStream());

        Assert.Equal("web hello", await Eventually.Ends(answer.ReadToEndAsync(TestContext.Current.CancellationToken)));
        (await run).EnsureSuccess();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task LISTEN_PID_is_the_programs_own(bool init)
    {
        using var handle = Open("x");
        var options = Script.Shell("echo $$ $LISTEN_PID $LISTEN_FDS ${LISTEN_FDNAMES-none}") with
        {
            Init = init,
            Descriptors = [handle, handle],
            SocketActivation = true,
            Namespaces = NamespaceKinds.All,
        };
        var (own, told) = ((await Script.OutputAsync(options)).Split(' ', 2)) is [var first, var rest]
            ? (first, rest)
            : default;

        Assert.Equal($"{own} 2 none", told);
    }

    [Fact]
    public async Task A_host_with_spares_passes_descriptors_too()
    {
        using var handle = Open("passed");
        await using var host = new ContainerHost(new() { Spares = 1 });
        for (var i = 0; i < 3; i++)
        {
            (await host.RunAsync(Script.Shell("true"), TestContext.Current.CancellationToken)).EnsureSuccess();
            var result = await host.RunAsync(
                Script.Shell("head -c 9 /proc/self/fd/3") with
                { Descriptors = [handle] }, TestContext.Current.CancellationToken);
            Assert.Equal("passed", result.EnsureSuccess().StandardOutput);
        }
    }

    [Fact]
    public async Task A_limit_of_descriptors_binds_the_program_and_not_its_start()
    {
        using var handle = Open("x");
        var output = await Script.OutputAsync(Script.Shell("ulimit -n") with
        {
            Descriptors = [.. Enumerable.Repeat<SafeHandle>(handle, 5)],
            Mounts = [.. Enumerable.Range(0, 40).Select(number => new BindMount("/usr", $"/tmp/{number}"))],
            ResourceLimits = [new(Resource.RLIMIT_NOFILE, 12, 12)],
        });

        Assert.Equal("12", output);
    }

    [Fact]
    public async Task What_cannot_be_passed_is_refused()
    {
        using var open = Open("x");
        var closed = Open("y");
        closed.Dispose();
        using var nothing = new SafeFileHandle(9999, ownsHandle: false);
        using var memory = new Mutex();
        foreach (var bad in new SafeHandle[] { closed, nothing, new SafeFileHandle(), null!, memory.SafeWaitHandle })
        {
            var refusal = await Refusal.OfOptionsAsync(Script.Shell("true") with { Descriptors = [open, bad] });
            Assert.Contains("Descriptors[1]", refusal.Message, StringComparison.Ordinal);
        }

        await Refusal.OfOptionsAsync(
            Script.Shell("true") with { Descriptors = [.. Enumerable.Repeat<SafeHandle>(open, 101)] });
    }

    [Fact]
    public async Task An_activation_that_says_what_is_not_so_is_refused()
    {
        using var open = Open("x");
        var options = Script.Shell("true") with { Descriptors = [open], SocketActivation = true };
        foreach (var names in new string[][]
            { ["a", "b"], [""], ["a:b"], ["a\nb"], ["é"], [new('a', 256)], ["a\0"], [null!] })
        {
            Assert.Contains("DescriptorNames",
                (await Refusal.OfOptionsAsync(options with { DescriptorNames = names })).Message,
                StringComparison.Ordinal);
        }

        await Refusal.OfOptionsAsync(options with { Descriptors = [] });
        await Refusal.OfOptionsAsync(options with { SocketActivation = false, DescriptorNames = ["a"] });
        await Refusal.OfOptionsAsync(
            options with { Environment = new Dictionary<string, string> { ["LISTEN_PID"] = "1" } });
        await Script.OutputAsync(options with { DescriptorNames = [new('a', 255)] });
    }

    private SafeFileHandle Open(string content) => File.OpenHandle(_temp.Write(content, content));
}
