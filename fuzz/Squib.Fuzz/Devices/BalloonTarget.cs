using System.Buffers.Binary;
using Squib.Fuzz.Engine;
using Squib.Virtio.Devices.Balloon;

namespace Squib.Fuzz.Devices;

/// <summary>Page numbers, statistics, hints and reports; a host that asks; an owner of memory that fails.</summary>
internal sealed class BalloonTarget : IFuzzTarget
{
    private readonly Balloon[] balloons =
    [
        new(new() { QueueSize = 32 }, hostPage: 4096),
        new(new() { QueueSize = 32, DiscardHintedPages = true }, hostPage: 16_384),
        new(new() { QueueSize = 32, MustTellHost = false, DeflateOnOutOfMemory = false, FreePageHints = false }, hostPage: 8192),
        new(new() { QueueSize = 32, Statistics = false, PagePoison = false }, hostPage: 4096),
    ];

    public string Name => "balloon";

    public string Purpose => "page numbers, statistics, hints and reports, a host that asks";

    public void Run(Script script, Behaviour behaviour)
    {
        int which = script.Byte() is var choice && choice < 128 ? 0 : choice % balloons.Length;
        behaviour.Saw(which);
        balloons[which].Run(script, behaviour);
    }

    /// <summary>One device.</summary>
    private sealed class Balloon : IMemoryReclaimer
    {
        private const int MostActions = 64;

        private readonly ManualTime time = new();
        private readonly DeviceBench bench;
        private readonly BalloonDevice device;
        private readonly bool hasStatistics;
        private int failing;

        internal Balloon(BalloonOptions options, int hostPage)
        {
            PageBytes = hostPage;
            hasStatistics = options.Statistics;
            device = new([new ReclaimableMemory(GuestRam.Start, this)], options with { Time = time });
            bench = new(_ => device)
            {
                KindOf = (_, readable) => Math.Min(readable.Length, 20) + (int)device.Hinting * 32 + (failing & 3) * 256,
            };
        }

        public long Length => 0x2_0000;

        public int PageBytes { get; }

        public bool TryDiscard(long offset, long length)
        {
            bench.Require(
                offset >= 0 && length > 0 && offset % PageBytes == 0 && length % PageBytes == 0 && offset + length <= Length,
                "The owner is asked for pages that it does not have.");
            int fails = failing & 3;
            failing >>= 2;
            if (fails == 2) throw new IOException("The host keeps its pages.");
            return fails != 1;
        }

        internal void Run(Script script, Behaviour behaviour)
        {
            failing = 0;
            bench.Begin(script, behaviour);
            BalloonCounters before = device.Counters;
            for (int i = 0; i < MostActions && !script.IsAtEnd; i++) Act(script);
            Note(before, behaviour);
            bench.End();
            failing = 0;
            if (hasStatistics) device.SetStatisticsInterval(TimeSpan.Zero);
            bench.Restart();
            byte[] page = new byte[4];
            BinaryPrimitives.WriteUInt32LittleEndian(page, (uint)(GuestRam.Start >> 12) + 4);
            bench.Post(0, page, 0, 0);
            bench.Kick(0);
            FindingException.ThrowIf(device.InflatedBytes != 4096, "A good request is not served after a reset.");
            bench.Reset();
            FindingException.ThrowIf(time.Armed != 0, "A timer is armed while there is no driver.");
        }

        private void Act(Script script)
        {
            switch (script.Below(16))
            {
                case 0: bench.ActGenerally(); break;
                case 1: failing = script.Byte(); break;
                case 2: ActAsHost(script); break;
                case 3 or 4: SendStatistics(script); break;
                case 5 or 6: SendHint(script); break;
                case 7:
                    bench.Post(FreeQueue(script, 4), [], 1 + (script.Byte() * 256), script.Byte());
                    bench.Kick(FreeQueue(script, 4));
                    break;
                case 8: SendMany(script); break;
                default: SendPages(script, script.Below(3) == 0 ? 1 : 0); break;
            }
        }

        // Linux numbers only the queues that it uses, the specification all.
        private static int FreeQueue(Script script, int usual) => script.Below(8) == 0 ? 2 + script.Below(3) : usual;

        private void SendPages(Script script, int queue)
        {
            byte[] pages = new byte[(4 * (1 + script.Below(12))) + (script.Below(16) == 0 ? script.Below(4) : 0)];
            uint page = (uint)(GuestRam.Start >> 12) + (uint)script.Below(36);
            for (int at = 0; at + 4 <= pages.Length; at += 4)
            {
                BinaryPrimitives.WriteUInt32LittleEndian(pages.AsSpan(at), page);
                int step = script.Byte();
                page = step < 128 ? page + (uint)(step & 3) : step < 240 ? (uint)(GuestRam.Start >> 12) + (uint)(step % 36) : (uint)script.Number();
            }

            bench.Post(queue, pages, script.Below(16) == 0 ? 8 : 0);
            bench.Kick(queue);
        }

        /// <summary>So many page numbers that the device goes on elsewhere.</summary>
        private void SendMany(Script script)
        {
            byte[] pages = new byte[4096 * (1 + script.Below(6))];
            script.Paint(pages);
            bench.Post(0, pages, 0);
            bench.Post(0, pages, 0);
            bench.KickAndRestart(0);
        }

        private void SendStatistics(Script script)
        {
            byte[] entries = new byte[(10 * script.Below(12)) + (script.Below(8) == 0 ? script.Below(10) : 0)];
            for (int at = 0; at + 10 <= entries.Length; at += 10)
            {
                entries[at] = script.Byte();
                script.Number(entries.AsSpan(at + 2, 8));
            }

            int queue = FreeQueue(script, 2);
            bench.Post(queue, entries, 0);
            bench.Kick(queue);
        }

        private void SendHint(Script script)
        {
            byte[] command = new byte[4];
            int choice = script.Byte();
            // The command that the device has given is the one that matters.
            if (choice < 160) command = bench.Driver.ReadConfig(8, 4);
            else if (choice < 208) command[0] = (byte)(choice & 3);
            else script.Number(command);
            int queue = FreeQueue(script, 3);
            bench.Post(queue, command.AsSpan(0, script.Below(16) == 0 ? 2 : script.Below(4) == 0 ? 0 : 4), script.Below(3) * 0x1800);
            bench.Kick(queue);
        }

        private void ActAsHost(Script script)
        {
            int choice = script.Byte();
            bench.Step(100 + (choice % 8) + (CanHint ? 8 : 0) + (hasStatistics ? 16 : 0));
            bench.Observe(() =>
            {
                try
                {
                    switch (choice % 8)
                    {
                        case 0: device.SetTarget(4096 * (choice / 8)); break;
                        case 1: device.SetStatisticsInterval(TimeSpan.FromSeconds(choice / 8)); break;
                        case 2: time.Advance(TimeSpan.FromSeconds(choice / 8)); break;
                        case 3: _ = device.ReadStatisticsAsync(); break;
                        case 4: _ = device.StartHinting(); break;
                        case 5: device.StopHinting(); break;
                        case 6: device.FinishHinting(); break;
                    }
                }
                catch (InvalidOperationException)
                {
                    // The host asks for what was not offered, or not accepted: its own mistake.
                    FindingException.ThrowIf(hasStatistics && CanHint, "The host may not do what was negotiated.");
                }
            });
        }

        private bool CanHint => (bench.Driver.Features & BalloonFeature.FreePageHint) != 0;

        private void Note(BalloonCounters before, Behaviour behaviour)
        {
            BalloonCounters after = device.Counters;
            behaviour.SawAbout((ulong)(after.InflatedPages - before.InflatedPages));
            behaviour.SawAbout((ulong)(after.DeflatedPages - before.DeflatedPages));
            behaviour.SawAbout((ulong)(after.ReportedBytes - before.ReportedBytes));
            behaviour.SawAbout((ulong)(after.HintedBytes - before.HintedBytes));
            behaviour.SawAbout((ulong)(after.DiscardedBytes - before.DiscardedBytes));
            behaviour.SawAbout((ulong)(after.DiscardFailures - before.DiscardFailures));
            behaviour.SawAbout((ulong)(after.InvalidPages - before.InvalidPages));
            behaviour.SawAbout((ulong)device.InflatedBytes);
            behaviour.Saw((long)device.Hinting);
            if (device.Statistics is { } report) behaviour.SawAbout(report[BalloonStatistic.FreeMemory] ?? 0);
            behaviour.SawAbout((ulong)device.HintedPages.Count);
            behaviour.SawAbout((ulong)device.PoisonValue);
        }
    }
}
