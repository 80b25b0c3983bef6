using System.Buffers.Binary;
using Squib.Fuzz.Engine;
using Squib.Virtio.Devices.Block;
using Squib.Virtio.Testing;

namespace Squib.Fuzz.Devices;

/// <summary>Block requests of every type and length, and a disk that answers early, late, short, or not at all.</summary>
internal sealed class BlockTarget : IFuzzTarget
{
    private const int MostActions = 64;
    private const int DiskBytes = 64 * 512;
    private const int MostData = 0x2000;

    private readonly Disk[] disks;

    internal BlockTarget()
    {
        BlockOptions many = new()
        {
            Id = "fuzz",
            QueueCount = 2,
            QueueSize = 32,
            MaxRanges = 4,
            MaxDiscardSectors = 32,
            MaxWriteZeroesSectors = 16,
        };
        disks =
        [
            new(many),
            new(new() { QueueSize = 32, MaxSegmentBytes = 1024, MaxSegments = 4, Cache = BlockCacheMode.WriteThrough, PhysicalBlockSize = 4096 }),
            new(new() { QueueSize = 32, Cache = BlockCacheMode.Unsafe, Discard = false }),
            new(new() { QueueSize = 32, ReadOnly = true }),
            new(new() { QueueSize = 32 }, new MemoryBlockBackend(new byte[DiskBytes])),
            new(new() { QueueSize = 32 }, new MemoryBlockBackend(new byte[DiskBytes], readOnly: true)),
        ];
    }

    public string Name => "block";

    public string Purpose => "requests of every type, a disk that answers late, short or not at all";

    public void Run(Script script, Behaviour behaviour)
    {
        int which = script.Byte() is var choice && choice < 128 ? 0 : choice % disks.Length;
        behaviour.Saw(which);
        disks[which].Run(script, behaviour, which);
    }

    /// <summary>One device, with its disk.</summary>
    private sealed class Disk
    {
        private readonly DeviceBench bench;
        private readonly BlockDevice device;
        private readonly ScriptedDisk disk;
        private readonly ScriptedDisk other;
        private readonly bool scripted;
        private int which;

        internal Disk(BlockOptions options, IBlockBackend? backend = null)
        {
            BlockDevice? made = null;
            ScriptedDisk? first = null;
            scripted = backend is null;
            bench = new(_ => made = Create(options, backend, out first)) { Returned = OnReturned, KindOf = KindOf };
            device = made!;
            disk = first!;
            disk.Bench = bench;
            other = new(DiskBytes) { Bench = bench };
        }

        internal void Run(Script script, Behaviour behaviour, int which)
        {
            disk.Answers = other.Answers = 0;
            this.which = which;
            device.Resize(DiskBytes);
            bench.Begin(script, behaviour);
            BlockCounters before = device.Counters;
            for (int i = 0; i < MostActions && !script.IsAtEnd; i++) Act(script);
            Note(before, behaviour);
            bench.End();
            disk.Answers = other.Answers = 0;
            bench.Reset();
            // A disk that was swapped out may still have to commit what it has.
            disk.FinishAll();
            other.FinishAll();
            bench.Restart();
            bench.Observe(() => device.Resize(DiskBytes));
            long reads = device.Counters.Reads;
            bench.Post(0, Header(0, 1), 513, 0);
            bench.Kick(0);
            FindingException.ThrowIf(device.Counters.Reads != reads + 1 || bench.InFlight(0) != 0, "A good request is not served after a reset.");
            bench.Reset();
        }

        private static BlockDevice Create(BlockOptions options, IBlockBackend? backend, out ScriptedDisk disk)
        {
            disk = new(DiskBytes);
            return new(backend ?? disk, options);
        }

        private static byte[] Header(uint type, ulong sector, int more = 0)
        {
            byte[] request = new byte[16 + more];
            BinaryPrimitives.WriteUInt32LittleEndian(request, type);
            BinaryPrimitives.WriteUInt64LittleEndian(request.AsSpan(8), sector);
            return request;
        }

        private int KindOf(int queue, ReadOnlySpan<byte> readable) =>
            (readable.Length < 16 ? 99 : Math.Min((int)readable[0], 15)) + (int)((scripted ? disk.Answers & 15 : 0) << 8) + (which << 12);

        private void OnReturned(int queue, UsedBuffer used)
        {
            if (used.Length > 0 && used.Written.Length == used.Segments.Where(s => s.IsWritable).Sum(s => s.Length))
                FindingException.ThrowIf(used.Written[^1] > 2 && !bench.IsLentAgain(used), "The status is none that there is.");
        }

        private void Act(Script script)
        {
            switch (script.Below(17))
            {
                case 0: bench.ActGenerally(); break;
                case 16:
                    byte cache = (byte)script.Below(2);
                    bench.Observe(() => bench.Driver.WriteConfig(32, cache));
                    bench.Step(200 + (device.IsWriteBack ? 1 : 0));
                    break;
                case 1: disk.Answers = other.Answers = script.Long(); break;
                case 2: Finish(script); break;
                case 3: Resize(script); break;
                case 4: Request(script, script.Byte(), script.Word() % 128, script.Word() % 1100); break;
                case 5: Request(script, (uint)script.Number(), 0, script.Below(32)); break;
                case 6 or 7: Erase(script); break;
                case <= 10: Request(script, 0, 0, (512 * script.Below(5)) + 1); break;
                case <= 13: Request(script, 1, 512 * script.Below(5), 1); break;
                case 14: Request(script, 4, 0, 1); break;
                default: Request(script, 8, 0, 1 + script.Below(24)); break;
            }
        }

        private void Request(Script script, uint type, int data, int writable)
        {
            int choice = script.Byte();
            byte[] request = Header(type, choice < 224 ? (ulong)(choice % 72) : script.Number(), Math.Min(data, MostData));
            int queue = script.Below(8) == 0 ? 1 : 0;
            bench.Post(queue, request.AsSpan(0, script.Below(32) == 0 ? script.Below(request.Length) : request.Length), writable);
            if (script.Below(4) != 0) bench.Kick(queue);
        }

        private void Erase(Script script)
        {
            int ranges = script.Below(6);
            byte[] request = Header(script.Flag() ? 11u : 13u, 0, 16 * ranges);
            for (int i = 0; i < ranges; i++)
            {
                Span<byte> range = request.AsSpan(16 + (16 * i), 16);
                range[0] = (byte)script.Below(72);
                range[8] = (byte)script.Below(24);
                int choice = script.Byte();
                range[12] = (byte)(choice & 1);
                if (choice >= 240) script.Number(range.Slice(script.Below(3) * 4, 4));
            }

            int length = script.Below(16) == 0 ? script.Below(request.Length) : request.Length;
            bench.Post(0, request.AsSpan(0, length), 1 + (script.Below(16) == 0 ? 1 : 0));
            bench.Kick(0);
        }

        private void Finish(Script script)
        {
            ScriptedDisk from = disk.Pending > 0 ? disk : other;
            if (from.Pending == 0) return;
            int at = script.Below(from.Pending);
            BlockStatus status = (BlockStatus)(byte)script.Below(3);
            bench.Observe(() => from.Finish(at, status));
            bench.Step(210 + (int)status);
        }

        private void Resize(Script script)
        {
            int choice = script.Byte();
            if (choice < 192 || !scripted || device.ReadOnly)
            {
                bench.Observe(() => device.Resize(512 * (choice % 65)));
                return;
            }

            // The old disk comes back when its last request is answered, which may be never.
            Task? swapped = null;
            bench.Observe(() => swapped = device.SwapAsync(choice % 2 == 0 ? disk : other));
            bench.Step(220 + (swapped!.IsCompletedSuccessfully ? 1 : 0));
        }

        private void Note(BlockCounters before, Behaviour behaviour)
        {
            BlockCounters after = device.Counters;
            behaviour.SawAbout((ulong)(after.Reads - before.Reads));
            behaviour.SawAbout((ulong)(after.Writes - before.Writes));
            behaviour.SawAbout((ulong)(after.Flushes - before.Flushes));
            behaviour.SawAbout((ulong)(after.Discards - before.Discards));
            behaviour.SawAbout((ulong)(after.WriteZeroes - before.WriteZeroes));
            behaviour.SawAbout((ulong)(after.BytesRead - before.BytesRead));
            behaviour.SawAbout((ulong)(after.BytesWritten - before.BytesWritten));
            behaviour.SawAbout((ulong)(after.Failed - before.Failed));
            behaviour.SawAbout((ulong)(after.Malformed - before.Malformed));
            behaviour.SawAbout((ulong)disk.Pending);
            behaviour.Saw(device.IsWriteBack ? 1 : 0);
        }
    }
}
