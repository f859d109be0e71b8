using System.Runtime.CompilerServices;

namespace ContainerKit.KernelTests;

/// <summary>A new directory, which is gone with all it holds when it is disposed.</summary>
internal sealed class TempDirectory : IDisposable
{
    public TempDirectory() => Path = Directory.CreateTempSubdirectory("test-").FullName;

    /// <summary>Its absolute path.</summary>
    public string Path { get; }

    /// <summary>The absolute path of what it holds, or would hold.</summary>
    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary>Writes a file in it, with the directories on the way, and says its path.</summary>
    public string Write(string name, string content)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(this[name])!);
        File.WriteAllText(this[name], content);
        return this[name];
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(Path, recursive: true);

    /// <summary>
    /// Gives this process a directory of its own for temporary files: what others leave in theirs is no concern here.
    /// </summary>
    [ModuleInitializer]
    internal static void OwnDirectory()
    {
        var own = Directory.CreateTempSubdirectory("containerkit-tests-").FullName;
        File.SetUnixFileMode(own, (UnixFileMode)0x1ED); // 0755: containers whose user is another one work in here
        Environment.SetEnvironmentVariable("TMPDIR", own);
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            try
            {
                Directory.Delete(own, recursive: true);
            }
            catch (IOException)
            {
                // The test that left it has failed already.
            }
        };
    }
}
