using System.Globalization;

namespace ContainerKit;

/// <summary>What processes read and write of block devices: io.max, io.weight.</summary>
internal sealed class IoController : CgroupController
{
    private const string Max = "io.max";

    private static readonly string[] Keys = ["rbps", "wbps", "riops", "wiops"];

    private static readonly string[] OldFiles =
    [
        "blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device", "blkio.throttle.read_iops_device",
        "blkio.throttle.write_iops_device",
    ];

    /// <summary>The one for any scheduler, and bfq's own, which knows fewer.</summary>
    private static readonly string[] Weights = ["io.weight", "io.bfq.weight"], OldWeights = ["blkio.bfq.weight"];

    /// <inheritdoc/>
    public override string Name => "io";

    /// <inheritdoc/>
    public override string OldName => "blkio";

    /// <inheritdoc/>
    public override bool Concerns(CgroupLimits limits) => limits.Io.Count > 0 || limits.IoWeight is not null;

    /// <inheritdoc/>
    public override void Write(CgroupDirectory directory, CgroupLimits limits)
    {
        foreach (var limit in limits.Io)
        {
            WriteMax(directory, limit);
        }

        if (limits.IoWeight is { } weight)
        {
            WriteWeight(directory, weight);
        }
    }

    /// <inheritdoc/>
    public override CgroupLimits Read(CgroupDirectory directory, CgroupLimits limits)
    {
        var found = new Dictionary<BlockDevice, Limit?[]>();
        if (directory.IsUnified)
        {
            ReadMax(directory, found);
        }
        else
        {
            ReadOld(directory, found);
        }

        var weight = FindWeight(directory) is { } file ? directory.Read(file).Split('\n')[0].Split(' ')[^1] : null;
        return limits with
        {
            Io = [.. found.Select(pair => new IoLimit(pair.Key)
            {
                ReadBytes = pair.Value[0] ?? Limit.Unlimited,
                WriteBytes = pair.Value[1] ?? Limit.Unlimited,
                Reads = pair.Value[2] ?? Limit.Unlimited,
                Writes = pair.Value[3] ?? Limit.Unlimited,
            })],
            IoWeight = weight is null ? null : int.Parse(weight, CultureInfo.InvariantCulture),
        };
    }

    private static void WriteMax(CgroupDirectory directory, IoLimit limit)
    {
        Limit?[] values = [limit.ReadBytes, limit.WriteBytes, limit.Reads, limit.Writes];
        if (directory.IsUnified)
        {
            var pairs = Keys.Zip(values).Where(pair => pair.Second is not null);
            directory.Write(
                Max, $"{limit.Device} {string.Join(' ', pairs.Select(pair => $"{pair.First}={pair.Second}"))}");
            return;
        }

        foreach (var (file, value) in OldFiles.Zip(values))
        {
            if (value is { } given)
            {
                directory.Write(file, $"{limit.Device} {(given.Value is null ? "0" : given)}");
            }
        }
    }

    private static void ReadMax(CgroupDirectory directory, Dictionary<BlockDevice, Limit?[]> found)
    {
        foreach (var line in Lines(directory, Max))
        {
            var fields = line.Split(' ');
            found[BlockDevice.Parse(fields[0])] =
                [.. Keys.Select(key => Limit.Parse(
                    fields.First(field => field.StartsWith(key + "=", StringComparison.Ordinal))[(key.Length + 1)..]))];
        }
    }

    private static void ReadOld(CgroupDirectory directory, Dictionary<BlockDevice, Limit?[]> found)
    {
        foreach (var (kind, file) in OldFiles.Index())
        {
            foreach (var line in Lines(directory, file))
            {
                var fields = line.Split(' ');
                var device = BlockDevice.Parse(fields[0]);
                if (!found.TryGetValue(device, out var values))
                {
                    found[device] = values = new Limit?[OldFiles.Length];
                }

                values[kind] = Limit.Parse(fields[1]);
            }
        }
    }

    private static void WriteWeight(CgroupDirectory directory, int weight)
    {
        var file = FindWeight(directory) ?? throw new LimitNotSupportedException(
            "Nothing here shares block devices by weight: use the scheduler bfq, or enable io.cost.qos.");
        if (file != Weights[0] && weight > 1000)
        {
            throw new LimitNotSupportedException("The scheduler bfq knows weights up to 1,000 only.");
        }

        directory.Write(file, string.Create(CultureInfo.InvariantCulture, $"{weight}"));
    }

    private static string? FindWeight(CgroupDirectory directory) =>
        (directory.IsUnified ? Weights : OldWeights).FirstOrDefault(directory.Has);

    private static string[] Lines(CgroupDirectory directory, string file) =>
        directory.Read(file).Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
