using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Images;

/// <summary>A file that is only written, and fails with the call and its errno, as all else here does.</summary>
internal sealed class FileOutput(SafeFileHandle file) : WritingStream
{
    public override void Write(ReadOnlySpan<byte> buffer) => Syscall.WriteAll(file, buffer);

    protected override void Dispose(bool disposing)
    {
        file.Dispose();
        base.Dispose(disposing);
    }
}
