namespace ContainerKit;

/// <summary>A layer of a store.</summary>
/// <param name="DiffId">The digest of its uncompressed archive.</param>
/// <param name="Size">How much its files hold, as the archive has it.</param>
/// <param name="Entries">How many files, directories and links it has.</param>
/// <param name="StoredAt">When it was put there.</param>
public sealed record LayerInfo(Digest DiffId, ByteSize Size, long Entries, DateTimeOffset StoredAt);
