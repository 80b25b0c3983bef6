using System.Buffers.Binary;
using System.Globalization;
using Squib.Virtio.Devices.Block;
using Squib.Virtio.Host;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Victim;

/// <summary>
/// A disk and its driver in a process that is there to be killed: it writes batch after batch, and prints the number of each when the
/// device has said that it is safe.
/// </summary>
public static class Program
{
    private const uint Out = 1;
    private const uint Flush = 4;

    /// <summary>Runs until it is killed.</summary>
    /// <param name="arguments">
    /// The image, the seed of what is written, and words: through, direct, packed; or memory, to flush the image as persistent memory once.
    /// </param>
    public static async Task Main(string[] arguments)
    {
        string path = arguments[0];
        if (arguments.Contains("memory"))
        {
            Console.WriteLine(await TryFlushMemoryAsync(path) ? "flushed" : "refused");
            return;
        }

        WriteSequence sequence = new(int.Parse(arguments[1], CultureInfo.InvariantCulture));
        bool through = arguments.Contains("through");
        IBlockBackend backend = FileBlockBackend.Open(path, flush: FileFlush.ToDisk);
        if (arguments.Contains("direct") && OperatingSystem.IsLinux())
            backend = DirectFileBlockBackend.Open((FileBlockBackend)backend, path);
        BlockDevice device = new(backend, new() { Cache = through ? BlockCacheMode.WriteThrough : BlockCacheMode.WriteBack });
        TransportOptions transport = new() { RingPacked = arguments.Contains("packed") };
        DriverQueue queue = GuestDriver.Attach(device, transport).Driver.Start()!;
        using Stream output = Console.OpenStandardOutput();
        for (int batch = 1; ; batch++)
        {
            int[] sectors = sequence.Next();
            foreach (int sector in sectors) queue.Add([Header(Out, sector), WriteSequence.Stamp(batch, sector)], [1]);
            queue.Kick();
            Check(queue, sectors.Length);
            if (!through)
            {
                queue.Submit([Header(Flush, 0)], [1]);
                Check(queue, 1);
            }

            output.Write(System.Text.Encoding.ASCII.GetBytes($"{batch}\n"));
        }
    }

    private static async Task<bool> TryFlushMemoryAsync(string path)
    {
        using MappedFile memory = MappedFile.Open(path, MappedFileMode.Shared);
        try
        {
            await memory.FlushAsync(CancellationToken.None);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static void Check(DriverQueue queue, int count)
    {
        List<UsedBuffer> used = queue.Reap();
        if (used.Count != count) throw new InvalidOperationException($"{used.Count} of {count} requests are answered.");
        if (used.Any(buffer => buffer.Written is not [0])) throw new InvalidOperationException("A request has failed.");
    }

    private static byte[] Header(uint type, int sector)
    {
        byte[] bytes = new byte[16];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, type);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(8), (ulong)sector);
        return bytes;
    }
}
