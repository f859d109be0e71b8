using System.Globalization;
using System.Runtime.InteropServices;

namespace Versus;

/// <summary>What the figures were taken on; figures without it say nothing.</summary>
internal static class Machine
{
    /// <summary>Processor, memory, kernel, distribution, runtime and the peers' versions, in one paragraph.</summary>
    public static string Describe(Workshop workshop)
    {
        var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 30;
        string[] facts =
        [
            Value("/proc/cpuinfo", "model name", ':'),
            string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessorCount} CPUs, {memory} GiB"),
            $"Linux {File.ReadAllText("/proc/sys/kernel/osrelease").Trim()}",
            Value("/etc/os-release", "PRETTY_NAME", '=').Trim('"'),
            RuntimeInformation.FrameworkDescription,
            .. ((string[])["bwrap", "crun", "runc", "unshare"])
                .Select(peer => workshop.FirstLine([peer, "--version"]) ?? $"no {peer}"),
            $"load {File.ReadAllText("/proc/loadavg").Split(' ')[0]}",
        ];
        return string.Join("; ", facts);
    }

    private static string Value(string file, string key, char separator) =>
        File.ReadLines(file).Select(line => line.Split(separator, 2)).Where(parts => parts[0].Trim() == key)
            .Select(parts => parts[1].Trim()).FirstOrDefault() ?? $"{RuntimeInformation.ProcessArchitecture}";
}
