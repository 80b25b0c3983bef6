using System.Globalization;
using Squib.Virtio.Devices.Vsock;

namespace Squib.Benchmarks.Vsock;

/// <summary>Bytes through the whole socket device: driver, rings, connection, stream. One thread does both sides' work.</summary>
internal static class VsockBenchmark
{
    internal static List<string> Run(bool quick)
    {
        List<string> lines = [];
        foreach (int packet in new[] { 64, 4096, 65_536 }) lines.Add(ToHost(packet, quick));
        foreach (int buffer in new[] { 4096, 65_536 }) lines.Add(ToGuest(64, buffer, quick));
        foreach (int buffer in new[] { 4096, 65_536 }) lines.Add(ToGuest(65_536, buffer, quick));
        foreach (string line in lines) Console.WriteLine(line);
        return lines;
    }

    /// <summary>The guest sends packets of a size, the host reads each.</summary>
    private static string ToHost(int packet, bool quick)
    {
        using VsockDriver driver = new(4096);
        using VsockStream stream = driver.Connect();
        driver.Receive();
        byte[] buffer = new byte[65_536];
        return Measure($"guest to host, packets of {packet:N0} B", quick, packet, () =>
        {
            driver.Send(packet);
            ValueTask<int> read = stream.ReadAsync(buffer);
            if (!read.IsCompletedSuccessfully || read.Result != packet) throw new InvalidOperationException("The packet did not come.");
            driver.Receive();
        });
    }

    /// <summary>The host writes, the guest's buffers are of a size.</summary>
    private static string ToGuest(int write, int buffer, bool quick)
    {
        using VsockDriver driver = new(buffer);
        using VsockStream stream = driver.Connect();
        driver.Receive();
        byte[] bytes = new byte[write];
        ulong told = 0;
        return Measure($"host to guest, writes of {write:N0} B, buffers of {buffer:N0} B", quick, write, () =>
        {
            ulong before = driver.FromHost;
            ValueTask done = stream.WriteAsync(bytes);
            driver.Receive();
            if (!done.IsCompletedSuccessfully || driver.FromHost - before != (ulong)write) throw new InvalidOperationException("Not all came.");
            // Linux tells when its free space is small, not after each packet.
            if (driver.FromHost - told < 512 << 10) return;
            told = driver.FromHost;
            driver.SendCredit();
        });
    }

    private static string Measure(string name, bool quick, int bytes, Action step)
    {
        int rounds = quick ? 5 : 15;
        double[] times = new double[rounds];
        // The counts of both sides are of 32 bits: a long run goes beyond them.
        int steps = Math.Max(1000, (quick ? 64 << 20 : 512 << 20) / Math.Max(bytes, 4096));
        for (int i = 0; i < 5000; i++) step();
        long allocated = 0;
        for (int round = 0; round < rounds; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            double start = ThreadClock.Nanoseconds();
            for (int i = 0; i < steps; i++) step();
            times[round] = (ThreadClock.Nanoseconds() - start) / steps;
            allocated += GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Array.Sort(times);
        double median = times[rounds / 2];
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{name}: {median:F0} ns, {bytes / median:F2} GB/s, alloc {(double)allocated / rounds / steps:F1} B");
    }
}
