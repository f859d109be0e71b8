// Prints every system call that starting a container would make, without making one.
using ContainerKit;

var options = new ContainerOptions
{
    Command = args.Length > 0 ? args : ["sh", "-c", "echo hello"],
    Mounts =
    [
        new BindMount(AppContext.BaseDirectory, "/app"),
        new TmpfsMount("/cache") { Size = ByteSize.MiB(16) },
        new InlineFile("/etc/greeting", "hello\n"),
    ],
    WorkingDirectory = "/app",
};

Console.Write(Container.Explain(options));
