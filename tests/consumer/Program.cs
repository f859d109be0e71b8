// What every user does: one start that goes well, and one that does not; and an archive unpacked. ./check compares what
// it prints.
using System.Formats.Tar;
using System.Runtime;
using ContainerKit;

var options = new ContainerOptions
    { Command = ["sh", "-c", "echo \"$(hostname) says $0\"; exit 3", "hello"], HostName = "inside" };
var result = await Container.RunAsync(options);
var compiled = JitInfo.GetCompiledMethodCount();

Console.WriteLine(typeof(Container).Assembly.GetName().Version);
Console.WriteLine($"{result.StandardOutput.TrimEnd()}; it {result.ExitStatus}");
try
{
    await Container.RunAsync(options with { Command = ["/no/such/program"] });
}
catch (LaunchException failure)
{
    Console.WriteLine($"{nameof(LaunchException)}: {failure.Errno} in {failure.Call}");
}

var directory = Directory.CreateTempSubdirectory("containerkit-").FullName;
var allocated = await AllocatedAsync(2300); // and buffers are there from then on
for (var i = 0; i < 3; i++)
{
    allocated = Math.Min(allocated, (await AllocatedAsync(2300) - await AllocatedAsync(300)) / 2000);
}

Directory.Delete(directory, recursive: true);
Console.WriteLine($"{compiled} methods compiled for the first start, {allocated} bytes allocated for a file of an archive");

async Task<long> AllocatedAsync(int files)
{
    var path = Path.Combine(directory, $"{Guid.NewGuid():N}");
    await using (var archive = new TarWriter(File.Create($"{path}.tar")))
    {
        for (var i = 0; i < files; i++)
        {
            archive.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, $"files/{i / 100}/{i}")
            {
                DataStream = new MemoryStream([1, 2, 3]),
            });
        }
    }

    var before = GC.GetTotalAllocatedBytes(precise: true);
    await ImageUnpacker.UnpackToDirectoryAsync($"{path}.tar", path, new() { Format = ImageFormat.RootArchive });
    return GC.GetTotalAllocatedBytes(precise: true) - before;
}
