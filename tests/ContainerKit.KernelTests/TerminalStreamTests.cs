using System.Security.Cryptography;

namespace ContainerKit.KernelTests;

/// <summary>What goes through a terminal: all of it, and no more than is asked for.</summary>
public class TerminalStreamTests
{
    private const string Raw = "stty raw -echo; echo up; ";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Ten_million_bytes_of_every_kind_arrive_whole_both_ways(bool init)
    {
        var sent = RandomNumberGenerator.GetBytes(10_000_000);
        await using var typist =
            await Typist.StartAsync(Typist.Shell($"{Raw}exec head -c {sent.Length}") with { Init = init });
        await typist.SeesAsync("up\n");
        var writing = Task.Run(() => typist.Terminal.WriteAsync(sent, Token).AsTask(), Token);
        using var received = new MemoryStream();
        await Eventually.Ends(typist.Terminal.CopyToAsync(received, Token), seconds: 120);
        await Eventually.Ends(writing);

        Assert.Equal(SHA256.HashData(sent), SHA256.HashData(received.ToArray()));
        Assert.Equal(0, (await Eventually.Ends(typist.Program.WaitAsync(Token))).ExitCode);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task No_byte_of_a_program_that_writes_and_exits_is_lost(bool init)
    {
        var leftovers = await Leftovers.Before();
        var text = string.Concat(Enumerable.Range(0, 600).Select(number => $"{number}\r\n"));
        for (var i = 0; i < TimeFactor.Times(200, soak: 10_000); i++)
        {
            var options = Typist.At(new() { Command = ["seq", "0", "599"], Init = init });
            await using var container = await Container.StartAsync(options, Token);
            if (i % 2 == 0)
            {
                await Eventually.Ends(container.WaitAsync(Token)); // it fits what a terminal holds
            }

            using var output = new StreamReader(container.Terminal!);
            Assert.Equal(text, await Eventually.Ends(output.ReadToEndAsync(Token)));
        }

        await leftovers.AssertNone();
    }

    [Fact]
    public async Task A_program_that_closes_its_terminal_is_read_to_the_end_and_on_when_it_opens_it_again()
    {
        await using var typist = await Typist.StartAsync(
            """
            trap 'exec >/dev/tty; echo again; exit 4' USR1
            echo once; exec <&- >&- 2>&-; while :; do :; done
            """);
        Assert.Equal("once\r\n", await typist.EndAsync());
        Assert.Equal("", await typist.EndAsync());
        Assert.Throws<LinuxException>(() => typist.Terminal.Resize(new(1, 1)));
        Assert.True(ProcessTree.IsAlive(typist.Program.Pid));

        typist.Program.SendSignal(Signal.SIGUSR1);
        Assert.Equal(4, (await Eventually.Ends(typist.Program.WaitAsync(Token))).ExitCode);
        Assert.Equal("again\r\n", await typist.EndAsync());
    }

    [Fact]
    public async Task A_flood_that_nobody_reads_waits_and_can_be_stopped()
    {
        var leftovers = await Leftovers.Before();
        var before = Environment.WorkingSet;
        await using (var typist = await Typist.StartAsync("yes & yes & yes & wait"))
        {
            await Eventually.Holds(() => Writers() is
            { Count: 3 } writers && writers.TrueForAll(writer => writer.State == 'S'), "All should wait.");
            Assert.InRange(Writers().Sum(Written), 1, 100_000);
            Assert.Equal(Signal.SIGTERM, (await Eventually.Ends(typist.Program.StopAsync(Token))).Signal);
        }

        Assert.InRange(Environment.WorkingSet - before, long.MinValue, 16 << 20);
        await leftovers.AssertNone();

        static List<ProcessEntry> Writers() =>
            ProcessTree.Below(Environment.ProcessId).FindAll(process => process.Name == "yes");

        static long Written(ProcessEntry process) => long.Parse(
            File.ReadLines($"/proc/{process.Id}/io").First(line => line.StartsWith("wchar: ", StringComparison.Ordinal))
                .AsSpan(7),
            System.Globalization.CultureInfo.InvariantCulture);
    }

    [Fact]
    public async Task A_flood_of_input_that_nobody_reads_waits_and_can_be_cancelled()
    {
        await using var typist = await Typist.StartAsync($"{Raw}sleep 1000");
        await typist.SeesAsync("up\n");
        using var cancellation = new CancellationTokenSource();
        var writing = typist.Terminal.WriteAsync(new byte[1 << 20], cancellation.Token).AsTask();
        Assert.False(writing.IsCompleted); // what there is room for is written at once

        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Eventually.Ends(writing));
        var reading = typist.Terminal.ReadAsync(new byte[1], Token).AsTask();
        await typist.Program.DisposeAsync();
        await Task.WhenAny(reading); // the end, or that it was disposed
    }

    [Fact]
    public async Task Sequences_of_control_characters_are_data()
    {
        const string sequences = "\x1b]0;title\a\x1b[6n\x1b[c\x1bP$q\"p\x1b\\\x1b]52;c;?\a\x05\x9b5n";
        await using var typist = await Typist.StartAsync(Typist.At(new()
        {
            Command = ["bash", "-c", "stty raw -echo; printf %s \"$0\"; read -r -t 0.2 -n 1 answer || printf none",
                sequences],
        }));
        Assert.Equal(sequences + "none", await typist.EndAsync());
    }

    [PythonTheory]
    [InlineData("start")]
    [InlineData("exec")]
    [InlineData("privileged")]
    public async Task CVE_2017_5226_CVE_2016_10124_A_program_reaches_no_terminal_but_its_own(string how)
    {
        const string attack = """
            import fcntl, os, stat, termios
            for request, argument in ((termios.TIOCSTI, b'x'), (termios.TIOCCONS, 0)):
                try:
                    fcntl.ioctl(0, request, argument)
                    print('did', request == termios.TIOCSTI)
                except OSError:
                    pass
            own = os.stat(0)
            for directory, _, names in os.walk('/dev'):
                for name in names:
                    try:
                        there = os.stat(os.path.join(directory, name))
                        if stat.S_ISCHR(there.st_mode) and os.major(there.st_rdev) not in (1, 5) and there.st_rdev != own.st_rdev:
                            print('found', directory, name)
                    except OSError:
                        pass
            for number in range(100):
                try:
                    if os.isatty(number) and os.fstat(number).st_ino != own.st_ino:
                        print('has', number)
                except OSError:
                    pass
            print('tried', os.tcgetpgrp(0) == os.getpid(), os.getsid(0) == os.getpid())
            """;
        var options = Script.Python(attack);
        if (how == "privileged")
        {
            options = options with { Capabilities = new(Privileged.WithoutMounts) };
        }

        await using var other = how == "exec" ? await Container.StartAsync(Script.Shell("sleep 1000"), Token) : null;
        await using var typist = other is null
            ? await Typist.StartAsync(Typist.At(options))
            : await Typist.ExecAsync(other, new() { Command = options.Command });
        var shown = await typist.EndAsync();

        // Where the kernel lets it (dev.tty.legacy_tiocsti), it types into its own terminal, and reads and is shown
        // that.
        Assert.Contains("tried True True\r\n", shown, StringComparison.Ordinal);
        Assert.Equal("tried True True\r\n", shown.Replace("did True\r\n", "", StringComparison.Ordinal).TrimStart('x'));
    }
}
