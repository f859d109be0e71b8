using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// Makes a file an ext4 file system with nothing in it, of which only what says something takes room: about 32 bytes
/// for each 128 MiB. Without a journal it is whole only if it was unmounted, as it is when processes are killed; with
/// one also after the machine lost its power.
/// </summary>
internal sealed class Ext4Format(Ext4Layout layout)
{
    private const int Reserved = 10, RootInode = 2, JournalInode = 8, LostAndFoundInode = 11;
    private const uint Directory = (uint)FileType.S_IFDIR, RegularFile = (uint)FileType.S_IFREG;

    private readonly byte[] _uuid = RandomNumberGenerator.GetBytes(16);
    private readonly uint _now = (uint)DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    /// <summary>Writes it to a file that is empty.</summary>
    /// <exception cref="LinuxException">The file system cannot hold it: EFBIG, ENOSPC.</exception>
    public static void Write(SafeFileHandle file, ByteSize size, bool hasJournal)
    {
        Syscall.Truncate(file, size.Bytes);
        new Ext4Format(new(size, hasJournal)).Write(file);
    }

    private void Write(SafeFileHandle file)
    {
        var last = layout.Groups - 1;
        Span<byte> start = new byte[(layout.BlockBitmap(0) + 3) * Ext4Layout.BlockSize]; // up to the first inodes
        WriteSuperblock(start[1024..]);
        for (var group = 0; group <= last; group++)
        {
            WriteDescriptor(start[(Ext4Layout.BlockSize + (group * Ext4Layout.DescriptorSize))..], group);
        }

        WriteBlockBitmap(Block(start, layout.BlockBitmap(0)), 0);
        Fill(Block(start, layout.BlockBitmap(0) + 1), 0, Reserved + 1);
        Fill(Block(start, layout.BlockBitmap(0) + 1), layout.InodesPerGroup, Ext4Layout.BlocksPerGroup);
        WriteInodes(Block(start, layout.BlockBitmap(0) + 2));
        Syscall.WriteAll(file, start, 0);

        Span<byte> block = new byte[Ext4Layout.BlockSize];
        if (HasJournal)
        {
            WriteJournal(block);
            Syscall.WriteAll(file, block, Offset(layout.Journal));
        }

        WriteDirectory(block, RootInode, RootInode, "lost+found");
        Syscall.WriteAll(file, block, Offset(layout.Root));
        WriteDirectory(block, LostAndFoundInode, RootInode, null);
        Syscall.WriteAll(file, block, Offset(layout.LostAndFound));
        if (last > 0)
        {
            block.Clear();
            WriteBlockBitmap(block, last);
            Syscall.WriteAll(file, block, Offset((long)last * Ext4Layout.BlocksPerGroup));
        }
    }

    private bool HasJournal => layout.JournalBlocks > 0;

    private static long Offset(long block) => block * Ext4Layout.BlockSize;

    private static Span<byte> Block(Span<byte> start, int block) =>
        start.Slice(block * Ext4Layout.BlockSize, Ext4Layout.BlockSize);

    private void WriteSuperblock(Span<byte> block)
    {
        const uint hasJournal = 0x4, extAttr = 0x8, dirIndex = 0x20, sparseSuper2 = 0x200;
        const uint fileType = 0x2, extents = 0x40;
        const uint attributesAndLists = 0xC, noBarrier = 0x100;
        const uint largeFile = 0x2, hugeFile = 0x8, gdtCsum = 0x10, dirNlink = 0x20, extraIsize = 0x40;
        Put32(block, 0x00, (uint)(layout.Groups * (long)layout.InodesPerGroup));
        Put32(block, 0x04, (uint)layout.Blocks);
        Put32(block, 0x0C, (uint)layout.FreeBlocks);
        Put32(block, 0x10, (uint)((layout.Groups * (long)layout.InodesPerGroup) - Reserved - 1));
        Put32(block, 0x18, 2); // blocks of 1024 << 2 bytes, and clusters
        Put32(block, 0x1C, 2);
        Put32(block, 0x20, Ext4Layout.BlocksPerGroup);
        Put32(block, 0x24, Ext4Layout.BlocksPerGroup);
        Put32(block, 0x28, (uint)layout.InodesPerGroup);
        Put32(block, 0x30, _now);
        Put16(block, 0x36, 0xFFFF); // never to be checked for having been mounted often
        Put16(block, 0x38, 0xEF53);
        Put16(block, 0x3A, 1); // clean
        Put16(block, 0x3C, 1); // goes on after errors
        Put32(block, 0x40, _now);
        Put32(block, 0x4C, 1); // with inodes of any size
        Put32(block, 0x54, LostAndFoundInode);
        Put16(block, 0x58, Ext4Layout.InodeSize);
        Put32(block, 0x5C, (HasJournal ? hasJournal : 0) | extAttr | dirIndex | sparseSuper2);
        Put32(block, 0x60, fileType | extents);
        Put32(block, 0x64, largeFile | hugeFile | gdtCsum | dirNlink | extraIsize);
        _uuid.CopyTo(block[0x68..]);
        "containerkit"u8.CopyTo(block[0x78..]);
        RandomNumberGenerator.Fill(block.Slice(0xEC, 16)); // what names are hashed with
        block[0xFC] = 1; // by half of MD4
        Put32(block, 0x100, attributesAndLists | (HasJournal ? 0 : noBarrier)); // how it is mounted
        Put32(block, 0x108, _now);
        if (HasJournal)
        {
            Put32(block, 0xE0, JournalInode);
            block[0xFD] = 1; // where it lies is said here, too
            WriteExtent(block[0x10C..], layout.Journal, layout.JournalBlocks);
            Put32(block, 0x10C + (16 * 4), (uint)Offset(layout.JournalBlocks));
        }

        Put16(block, 0x15C, 32); // of each inode beyond its first 128 bytes
        Put16(block, 0x15E, 32);
        Put32(block, 0x160, 2); // names are hashed as unsigned bytes
    }

    private void WriteDescriptor(Span<byte> descriptor, int group)
    {
        const ushort inodeUninit = 1, blockUninit = 2, inodeZeroed = 4;
        var bitmap = (uint)(((long)group * Ext4Layout.BlocksPerGroup) + layout.BlockBitmap(group));
        var inodes = layout.InodesPerGroup - (group == 0 ? Reserved + 1 : 0);
        var isLast = group == layout.Groups - 1; // its bitmap says where it ends
        Put32(descriptor, 0x00, bitmap);
        Put32(descriptor, 0x04, bitmap + 1);
        Put32(descriptor, 0x08, bitmap + 2);
        Put16(descriptor, 0x0C, (ushort)layout.FreeIn(group));
        Put16(descriptor, 0x0E, (ushort)inodes);
        Put16(descriptor, 0x10, (ushort)(group == 0 ? 2 : 0));
        Put16(descriptor, 0x12, (ushort)(group == 0 ? inodeZeroed
            : inodeUninit | inodeZeroed | (isLast ? 0 : blockUninit)));
        Put16(descriptor, 0x1C, (ushort)inodes);
        Span<byte> number = stackalloc byte[4];
        Put32(number, 0, (uint)group);
        Put16(descriptor, 0x1E, Crc16(Crc16(Crc16(0xFFFF, _uuid), number), descriptor[..0x1E]));
    }

    private void WriteBlockBitmap(Span<byte> block, int group)
    {
        Fill(block, 0, layout.UsedIn(group));
        Fill(block, layout.BlocksIn(group), Ext4Layout.BlocksPerGroup);
    }

    private void WriteInodes(Span<byte> block)
    {
        WriteInode(block, RootInode, Directory | 0x1C0, links: 3, layout.Root, blocks: 1); // 0700
        if (HasJournal)
        {
            WriteInode(block, JournalInode, RegularFile | 0x180, 1, layout.Journal, layout.JournalBlocks); // 0600
        }

        WriteInode(block, LostAndFoundInode, Directory | 0x1C0, links: 2, layout.LostAndFound, blocks: 1);
    }

    private void WriteInode(Span<byte> table, int number, uint mode, ushort links, int start, int blocks)
    {
        const uint hasExtents = 0x80000;
        var inode = table.Slice((number - 1) * Ext4Layout.InodeSize, Ext4Layout.InodeSize);
        Put16(inode, 0x00, (ushort)mode);
        Put32(inode, 0x04, (uint)Offset(blocks));
        foreach (var time in (ReadOnlySpan<int>)[0x08, 0x0C, 0x10, 0x90])
        {
            Put32(inode, time, _now);
        }

        Put16(inode, 0x1A, links);
        Put32(inode, 0x1C, (uint)blocks * (Ext4Layout.BlockSize / 512));
        Put32(inode, 0x20, hasExtents);
        WriteExtent(inode[0x28..], start, blocks);
        Put16(inode, 0x80, 32);
    }

    /// <summary>What an inode says of a file in one piece.</summary>
    private static void WriteExtent(Span<byte> map, int start, int blocks)
    {
        Put16(map, 0, 0xF30A);
        Put16(map, 2, 1); // entry
        Put16(map, 4, 4); // for which there is room
        Put16(map, 16, (ushort)blocks);
        Put32(map, 20, (uint)start);
    }

    /// <summary>What the journal begins with, which is in the other order of bytes: it holds nothing.</summary>
    private void WriteJournal(Span<byte> block)
    {
        ReadOnlySpan<(int Offset, uint Value)> fields =
        [
            (0x00, 0xC03B3998), (0x04, 4), (0x0C, Ext4Layout.BlockSize), (0x10, (uint)layout.JournalBlocks),
            (0x14, 1), (0x18, 1), (0x40, 1),
        ];
        foreach (var (offset, value) in fields)
        {
            BinaryPrimitives.WriteUInt32BigEndian(block[offset..], value);
        }

        _uuid.CopyTo(block[0x30..]);
    }

    private static void WriteDirectory(Span<byte> block, int itself, int parent, string? child)
    {
        block.Clear();
        WriteEntry(block, itself, ".", 12);
        WriteEntry(block[12..], parent, "..", child is null ? block.Length - 12 : 12);
        if (child is not null)
        {
            WriteEntry(block[24..], LostAndFoundInode, child, block.Length - 24);
        }
    }

    private static void WriteEntry(Span<byte> entry, int inode, string name, int length)
    {
        Put32(entry, 0, (uint)inode);
        Put16(entry, 4, (ushort)length);
        entry[6] = (byte)name.Length;
        entry[7] = 2; // a directory
        Encoding.ASCII.GetBytes(name, entry[8..]);
    }

    private static void Fill(Span<byte> bitmap, int from, int to)
    {
        for (var bit = from; bit < to; bit++)
        {
            bitmap[bit / 8] |= (byte)(1 << (bit % 8));
        }
    }

    private static void Put16(Span<byte> bytes, int offset, ushort value) =>
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[offset..], value);

    private static void Put32(Span<byte> bytes, int offset, uint value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[offset..], value);

    private static ushort Crc16(ushort crc, ReadOnlySpan<byte> bytes)
    {
        foreach (var value in bytes)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (ushort)((crc >> 1) ^ ((crc & 1) * 0xA001));
            }
        }

        return crc;
    }
}
