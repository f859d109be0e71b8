using System.Buffers.Binary;

namespace ContainerKit;

/// <summary>
/// What security.capability holds: who executes the file gets capabilities, if root of its user namespace is the one
/// that the third version of it names. The second names none, and archives have that. See capabilities(7).
/// </summary>
internal static class FileCapabilities
{
    private const uint Revision = 0xFF000000, Second = 0x02000000, Third = 0x03000000;
    private const int SecondLength = 20, ThirdLength = 24;

    /// <summary>The name of the attribute, with a NUL.</summary>
    public static ReadOnlySpan<byte> Name => "security.capability\0"u8;

    /// <summary>The user that is named as root; null when none is.</summary>
    public static uint? RootOf(ReadOnlySpan<byte> value) =>
        value.Length == ThirdLength && (BinaryPrimitives.ReadUInt32LittleEndian(value) & Revision) == Third
            ? BinaryPrimitives.ReadUInt32LittleEndian(value[SecondLength..])
            : null;

    /// <summary>The same capabilities of a value that names a root, for another one: 0 is named by none.</summary>
    public static byte[] WithRoot(ReadOnlySpan<byte> value, uint root)
    {
        var changed = value[..(root == 0 ? SecondLength : ThirdLength)].ToArray();
        if (root == 0)
        {
            var magic = BinaryPrimitives.ReadUInt32LittleEndian(changed);
            BinaryPrimitives.WriteUInt32LittleEndian(changed, (magic & ~Revision) | Second);
        }
        else
        {
            BinaryPrimitives.WriteUInt32LittleEndian(changed.AsSpan(SecondLength), root);
        }

        return changed;
    }
}
