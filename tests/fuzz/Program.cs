// What a fuzzer runs: tests/fuzz/run says how.
using ContainerKit.Fuzz;
using ContainerKit.Tests.Images;
using SharpFuzz;

switch (args)
{
    case ["corpus", var directory]:
        Corpus.Write(directory);
        return 0;
    case ["tar"]:
        Fuzzer.Run(stream => TarPromises.Check(ReadAll(stream)));
        return 0;
    case ["documents"]:
        Fuzzer.Run(stream => DocumentPromises.Check(ReadAll(stream)));
        return 0;
    case ["tar" or "documents", .. var files]:
        foreach (var bytes in files.Select(File.ReadAllBytes)) // what was found, once more
        {
            if (args[0] == "tar")
            {
                TarPromises.Check(bytes);
            }
            else
            {
                Console.WriteLine(DocumentPromises.Check(bytes));
            }
        }

        return 0;
    default:
        Console.Error.WriteLine("ContainerKit.Fuzz corpus <directory> | tar [<file> ...] | documents [<file> ...]");
        return 2;
}

static byte[] ReadAll(Stream stream)
{
    var bytes = new MemoryStream();
    stream.CopyTo(bytes);
    return bytes.ToArray();
}
