using System.Globalization;
using System.Runtime.InteropServices;
using Squib.Virtio.Devices.Block;
using Squib.Virtio.Transport;

namespace Squib.Benchmarks.Block;

/// <summary>Complete reads of 4 KiB, from the driver's store to QueueNotify until its reap, against a bare copy and a bare preadv.</summary>
internal static partial class BlockBenchmark
{
    private const int DiskBytes = 4 << 20;
    private const int Block = 4096;

    internal static List<string> Run(bool quick)
    {
        List<string> lines = [];
        string path = Path.Combine(Path.GetTempPath(), $"squib-bench-{Environment.ProcessId}.img");
        byte[] disk = new byte[DiskBytes];
        Random.Shared.NextBytes(disk);
        File.WriteAllBytes(path, disk);
        try
        {
            using FileBlockBackendOwner file = new(path);
            (string Name, IBlockBackend Backend, Action<int> Bare)[] backends =
            [
                ("memory", new MemoryBlockBackend(disk), new BareCopy(disk).Run),
                ("file", file.Backend, file.RunBare),
            ];
            foreach ((string name, IBlockBackend backend, Action<int> bare) in backends)
            {
                foreach (DeviceScheduling scheduling in Enum.GetValues<DeviceScheduling>())
                {
                    using BlockDriver driver = new(new BlockDevice(backend), scheduling);
                    foreach (int batch in new[] { 1, 32 }) lines.Add(Measure(name, scheduling, batch, driver, bare, quick));
                }
            }
        }
        finally
        {
            File.Delete(path);
        }

        return lines;
    }

    private static string Measure(
        string name, DeviceScheduling scheduling, int batch, BlockDriver driver, Action<int> bare, bool quick)
    {
        // A pooled device works on another thread: then wall time says more than this thread's CPU time.
        Func<double> clock = scheduling == DeviceScheduling.Inline ? ThreadClock.Nanoseconds : WallNanoseconds;
        int rounds = quick ? 7 : 15;
        int batches = 4096 / batch;
        double[] ours = new double[rounds];
        double[] theirs = new double[rounds];
        long allocated = 0;
        // Long enough for the JIT to have replaced its first, slow code.
        double warm = WallNanoseconds() + 1e9;
        while (WallNanoseconds() < warm)
        {
            for (int i = 0; i < batches; i++) driver.RoundTrip(batch);
            bare(4096);
        }

        for (int round = 0; round < rounds; round++)
        {
            double start = clock();
            bare(4096);
            theirs[round] = (clock() - start) / 4096;
            allocated = GC.GetAllocatedBytesForCurrentThread();
            start = clock();
            for (int i = 0; i < batches; i++) driver.RoundTrip(batch);
            ours[round] = (clock() - start) / (batches * batch);
            allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        }

        Array.Sort(ours);
        Array.Sort(theirs);
        double mine = ours[rounds / 2];
        double bound = theirs[rounds / 2];
        string line = string.Create(
            CultureInfo.InvariantCulture,
            $"block read 4 KiB {name} {(scheduling == DeviceScheduling.Inline ? "inline" : "pooled")} batch {batch} " +
            $"ours {mine:F0} ns bare {bound:F0} ns difference {mine - bound:F0} ns alloc {allocated / (batches * batch)} B");
        Console.WriteLine(line);
        return line;
    }

    private static double WallNanoseconds() =>
        System.Diagnostics.Stopwatch.GetTimestamp() * (1e9 / System.Diagnostics.Stopwatch.Frequency);

    [LibraryImport("libc", EntryPoint = "preadv", SetLastError = true)]
    private static unsafe partial nint ReadVector(nint file, IoVector* vectors, int count, long offset);

    private struct IoVector
    {
        public nint Base;
        public nint Length;
    }

    private sealed class BareCopy(byte[] disk)
    {
        private readonly byte[] target = new byte[64 * 8192];

        internal void Run(int count)
        {
            for (int i = 0; i < count; i++)
                disk.AsSpan((i & 1023) * Block, Block).CopyTo(target.AsSpan(((i & 63) * 8192) + Block, Block));
        }
    }

    private sealed class FileBlockBackendOwner(string path) : IDisposable
    {
        private readonly Microsoft.Win32.SafeHandles.SafeFileHandle handle = File.OpenHandle(path, share: FileShare.ReadWrite);
        private readonly byte[] target = GC.AllocateArray<byte>(64 * 8192, pinned: true);

        internal FileBlockBackend Backend { get; } = FileBlockBackend.Open(path, readOnly: true);

        internal unsafe void RunBare(int count)
        {
            fixed (byte* start = target)
            {
                for (int i = 0; i < count; i++)
                {
                    IoVector vector = new() { Base = (nint)(start + ((i & 63) * 8192) + Block), Length = Block };
                    if (ReadVector(handle.DangerousGetHandle(), &vector, 1, (i & 1023) * Block) != Block) throw new IOException();
                }
            }
        }

        public void Dispose()
        {
            handle.Dispose();
            Backend.DisposeAsync().AsTask().Wait();
        }
    }
}
