using System.Diagnostics;

namespace ContainerKit.KernelTests;

/// <summary>A terminal of the host that a program inherits.</summary>
public class TerminalTests
{
    private const string Attack = """
        import fcntl, os, termios
        attempts = (
            ('stolen', termios.TIOCSCTTY, 0), ('stolen by force', termios.TIOCSCTTY, 1),
            ('pushed', termios.TIOCSTI, b'x'), ('pasted', termios.TIOCLINUX, b'\x03'),
            ('taken for the console', termios.TIOCCONS, 0))
        for name, request, argument in attempts:
            for number in range(3):
                try:
                    fcntl.ioctl(number, request, argument)
                    print(name)
                except OSError:
                    pass
        try:
            os.open('/dev/tty', os.O_RDWR)
            print('opened')
        except OSError:
            pass
        print('tried', os.isatty(1), os.getsid(0) == os.getpid())
        """;

    [PythonTheory]
    [InlineData("run")]
    [InlineData("bare")]
    [InlineData("exec")]
    [InlineData("privileged")]
    [InlineData("landlocked")]
    [InlineData("restricted")]
    public async Task CVE_2017_5226_CVE_2016_10124_A_program_can_neither_type_into_an_inherited_terminal_nor_take_it(
        string how)
    {
        // script(1) gives the host a terminal that is its own, as a shell's is.
        using var temp = new TempDirectory();
        var attack = temp.Write("attack.py", Attack);
        var command = $"'{HostProcess.Executable}' terminal \"$(cat {attack})\" {how}";
        var start = new ProcessStartInfo("script", ["--quiet", "--return", "--command", command, "/dev/null"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        using var script = Process.Start(start)!;
        var output = await script.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken)
            .WaitAsync(TimeFactor.Seconds(60), TestContext.Current.CancellationToken);

        // Without namespaces it does not lead its session. Between the two lines .NET sets up its console.
        Assert.Matches(
            $@"\Atried True {how != "restricted"}\n.{{0,8}}exited with code 0\n\z", output.ReplaceLineEndings("\n"));
    }
}
