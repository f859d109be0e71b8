using System.Diagnostics;
using CsCheck;

namespace ContainerKit.Tests.Layers;

/// <summary>Archives that were cut, flipped and shuffled: read, or refused by the one exception, and never endless.</summary>
public sealed class TarDamageTests
{
    internal static readonly bool IsSoak = Environment.GetEnvironmentVariable("CONTAINERKIT_SOAK") == "1";

    private static readonly TimeSpan Effort = IsSoak ? TimeSpan.FromHours(1) : TimeSpan.FromSeconds(5);

    private static readonly TarLimits Limits = new() { MaxEntries = 1000, MaxContent = ByteSize.GiB(16) };

    private static readonly byte[][] Corpus =
    [
        Small(),
        .. TarSparseTests.Archives,
        new TarForge().Global(("uid", "5")).Pax(("path", "p"), ("size", "3"), ("SCHILY.xattr.user.a", "1"), ("mtime", "-2"))
            .Member("f", "abc").LongName(new string('l', 600)).Member("g", "g").End(),
    ];

    [Fact]
    public void An_archive_that_is_cut_anywhere_is_refused()
    {
        var archive = Small();
        for (var length = 0; length < archive.Length; length++)
        {
            var cut = archive[..length];
            if (length >= archive.Length - 512)
            {
                Assert.NotEmpty(TarListing.Read(cut)); // the second block of zeros is missing, which all tars bear
                continue;
            }

            Assert.Throws<InvalidImageException>(() => TarListing.Read(cut));
        }
    }

    [Fact]
    public void A_bit_that_flips_in_a_header_is_found_and_one_in_content_is_not()
    {
        var archive = new TarForge().Member("file", "content").Header("next").End();
        for (var bit = 0; bit < 512 * 8; bit++)
        {
            var damaged = Flip(archive, bit);
            if (bit / 8 is >= 148 and < 156)
            {
                ReadOrRefuse(damaged); // a blank that becomes a NUL is as good a checksum
                continue;
            }

            Assert.Throws<InvalidImageException>(() => TarListing.Read(damaged));
        }

        Assert.Equal("bontent", TarListing.Read(Flip(archive, 512 * 8))[0].Content);
    }

    [Fact]
    public void Mutations_are_read_or_refused()
    {
        var clock = Stopwatch.StartNew();
        var random = new Random(20260101);
        while (clock.Elapsed < Effort)
        {
            ReadOrRefuse(Mutate(random));
        }
    }

    [Fact]
    public void Anything_is_read_or_refused() =>
        Gen.Byte.Array[0, 2048].Sample(bytes => ReadOrRefuse(bytes), iter: 1000);

    /// <summary>The members, or null when it is refused.</summary>
    internal static List<TarListed>? TryRead(byte[] archive)
    {
        try
        {
            return TarListing.Read(archive, Limits);
        }
        catch (InvalidImageException)
        {
            return null;
        }
    }

    // Who reads it gets no more than there is.
    private static void ReadOrRefuse(byte[] archive) =>
        Assert.InRange(TryRead(archive)?.Sum(member => (long)member.Content.Length) ?? 0, 0, archive.Length);

    internal static byte[] Mutate(Random random)
    {
        var archive = Corpus[random.Next(Corpus.Length)].ToList();
        for (var count = random.Next(1, 5); count > 0; count--)
        {
            MutateOnce(archive, random);
        }

        // Without a right checksum nothing behind it would ever be reached.
        var bytes = archive.ToArray();
        for (var block = 0; block + 512 <= bytes.Length; block += 512)
        {
            if (random.Next(20) != 0 && bytes.AsSpan(block + 257, 5).SequenceEqual("ustar"u8))
            {
                TarForge.Checksum(bytes.AsSpan(block, 512));
            }
        }

        return bytes;
    }

    private static void MutateOnce(List<byte> archive, Random random)
    {
        int[] fields = [0, 100, 108, 116, 124, 136, 156, 157, 257, 329, 345, 386, 398, 482, 483, 504];
        var block = random.Next(archive.Count / 512) * 512;
        switch (random.Next(6))
        {
            case 0:
                archive[random.Next(archive.Count)] ^= (byte)(1 << random.Next(8));
                break;
            case 1:
                archive[Math.Min(block + fields[random.Next(fields.Length)] + random.Next(4), archive.Count - 1)] =
                    (byte)"\0 017xgLKS5\u0080\u00FF,=\n"[random.Next(16)];
                break;
            case 2:
                archive.InsertRange(block, archive.GetRange(random.Next(archive.Count / 512) * 512, 512));
                break;
            case 3 when archive.Count > 1024:
                archive.RemoveRange(block, 512);
                break;
            case 4:
                archive[block + random.Next(64)] = (byte)"0123456789 =\n.-,"[random.Next(16)];
                break;
            default:
                archive[block + 124 + random.Next(12)] = (byte)random.Next(256);
                break;
        }
    }

    private static byte[] Flip(byte[] archive, int bit)
    {
        var damaged = archive.ToArray();
        damaged[bit / 8] ^= (byte)(1 << (bit % 8));
        return damaged;
    }

    private static byte[] Small() => new TarForge()
        .Header("d/", '5').Pax(("path", "d/file"), ("mtime", "1.5")).Member("f", "content").LongName("d/link")
        .Header("l", '2', change: block => TarForge.Put(block, 157, "file")).End();
}
