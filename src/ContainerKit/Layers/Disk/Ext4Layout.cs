namespace ContainerKit;

/// <summary>
/// Where everything lies in an ext4 file system of a size that has nothing in it yet. All that does not say something
/// is zero, a hole of the file: the bitmaps of most groups, which are marked as not initialised, the tables of inodes
/// and the journal. There are no copies of the superblock, each of which would take as much again.
/// </summary>
internal sealed class Ext4Layout
{
    public const int BlockSize = 4096, BlocksPerGroup = 8 * BlockSize, DescriptorSize = 32, InodeSize = 256;

    /// <summary>The sizes that there can be: the least has room for a journal, the most is where numbers end.</summary>
    public static readonly ByteSize Least = ByteSize.MiB(16), Most = ByteSize.GiB(16 << 10);

    private const int InodesPerBlock = BlockSize / InodeSize, MostInodes = 8192, LeastOfGroup = 64;

    public Ext4Layout(ByteSize size, bool hasJournal)
    {
        Blocks = Math.Min(size.Bytes / BlockSize, uint.MaxValue);
        InodesPerGroup = (int)Math.Min(MostInodes, Blocks / 2 / InodesPerBlock * InodesPerBlock);
        var last = Blocks % BlocksPerGroup;
        if (Blocks > BlocksPerGroup && last < 2 + TableBlocks + LeastOfGroup)
        {
            Blocks -= last; // it would hold hardly more than its own bitmaps and inodes
        }

        Groups = (int)((Blocks + BlocksPerGroup - 1) / BlocksPerGroup);
        JournalBlocks = hasJournal ? (int)Math.Clamp(Blocks / 32, 1024, 8192) : 0; // 4 to 32 MiB: no less is allowed
    }

    /// <summary>How many blocks it has.</summary>
    public long Blocks { get; }

    public int Groups { get; }

    public int InodesPerGroup { get; }

    /// <summary>How long the journal is; 0 when there is none.</summary>
    public int JournalBlocks { get; }

    public int TableBlocks => InodesPerGroup / InodesPerBlock;

    /// <summary>How many blocks describe the groups, from the second on.</summary>
    public int DescriptorBlocks => ((Groups * DescriptorSize) + BlockSize - 1) / BlockSize;

    public int Journal => BlockBitmap(0) + 2 + TableBlocks;

    /// <summary>The block of the root directory.</summary>
    public int Root => Journal + JournalBlocks;

    /// <summary>The block of the directory for what a repair finds, which is expected to be there.</summary>
    public int LostAndFound => Root + 1;

    public long FreeBlocks
    {
        get
        {
            var free = 0L;
            for (var group = 0; group < Groups; group++)
            {
                free += FreeIn(group);
            }

            return free;
        }
    }

    /// <summary>The block of a group that says which of its blocks are used; the next says it of its inodes.</summary>
    public int BlockBitmap(int group) => group == 0 ? 1 + DescriptorBlocks : 0;

    /// <summary>How many blocks a group has: the last may have fewer.</summary>
    public int BlocksIn(int group) => (int)Math.Min(BlocksPerGroup, Blocks - ((long)group * BlocksPerGroup));

    /// <summary>How many blocks of a group are used, which are its first.</summary>
    public int UsedIn(int group) => group == 0 ? LostAndFound + 1 : 2 + TableBlocks;

    public int FreeIn(int group) => BlocksIn(group) - UsedIn(group);
}
