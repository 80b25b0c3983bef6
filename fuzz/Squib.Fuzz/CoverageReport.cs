using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Squib.Fuzz;

/// <summary>Reads what the coverage collector has written and says how much of each area's guest-facing code was reached.</summary>
internal static partial class CoverageReport
{
    /// <summary>
    /// What no guest reaches: what a host passes when it puts a machine together, and the ends of host backends that are files, sockets
    /// and terminals.
    /// </summary>
    private static readonly string[] HostFiles =
    [
        "*Options", "FileBlockBackend", "MemoryBlockBackend", "LoopbackNetBackend", "FrameRing", "StreamNetBackend", "StreamFrameReader",
        "StreamFrameWriter", "DatagramNetBackend", "DatagramFrameWriter", "SocketArrival", "SocketPeer", "NetSwitch", "NetSwitchPort",
        "MacAddress", "UnixVsockBackend", "UnixVsockCall", "UnixVsockLink", "DiscardingMemBackend", "Slot", "SlotAllocator",
        "SeededEntropySource", "BootTimerDevice", "Psci",
    ];

    private static readonly string[] Areas = ["Squib.Virtio/Queues", "Squib.Virtio/Transport", "Squib.Virtio/Devices/", "Squib.Machine/Boot"];

    internal static void Write(string file, TextWriter output)
    {
        SortedDictionary<string, (int Taken, int Branches)> sums = new(StringComparer.Ordinal);
        foreach (XElement type in XDocument.Load(file).Descendants("class"))
        {
            string source = ((string)type.Attribute("filename")!).Replace('\\', '/');
            string? area = Areas.FirstOrDefault(area => source.Contains(area, StringComparison.Ordinal));
            string name = Path.GetFileNameWithoutExtension(source);
            bool isHost = HostFiles.Any(host => host[0] == '*' ? name.EndsWith(host[1..], StringComparison.Ordinal) : name == host);
            if (area is null || isHost) continue;
            string folder = Path.GetDirectoryName(source[source.IndexOf(area, StringComparison.Ordinal)..])!;
            (int taken, int branches) = sums.GetValueOrDefault(folder);
            foreach (XElement line in type.Elements("lines").Elements("line"))
            {
                Match match = Conditions().Match((string?)line.Attribute("condition-coverage") ?? "");
                if (!match.Success) continue;
                taken += int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
                branches += int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture);
            }

            sums[folder] = (taken, branches);
        }

        output.WriteLine("| area | branches taken | |\n|---|---|---|");
        foreach ((string folder, (int taken, int branches)) in sums)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {folder} | {taken} of {branches} | {100.0 * taken / branches:f1} % |"));
    }

    [GeneratedRegex(@"\((\d+)/(\d+)\)")]
    private static partial Regex Conditions();
}
