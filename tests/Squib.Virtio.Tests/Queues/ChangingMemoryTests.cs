using Squib.Virtio.Interrupts;
using Squib.Virtio.Memory;
using Squib.Virtio.Queues;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Queues;

/// <summary>Guest memory that changes between two looks of the device (time of check, time of use).</summary>
public sealed class ChangingMemoryTests
{
    private const ulong Start = Bench.R0;
    private const int Length = 1 << 18;
    private const int MostLooks = 60;

    public static TheoryData<RingFormat> Formats => RingFormats.All;

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "Z01")]
    public void An_index_or_phase_that_changes_is_used_as_it_was_read(RingFormat format) => Vary(format, (ring, _) =>
    {
        if (ring is RawSplitRing) ring.Store16(ring.DriverArea + 2, 9999);
        else ring.Store16(ring.Descriptors + 14, 0xffff);
    });

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "Z02")]
    public void A_length_that_changes_is_used_as_it_was_read(RingFormat format) => Vary(format, (ring, descriptors) =>
    {
        for (int i = 0; i < 3; i++) ring.Store16(descriptors + (16 * (ulong)i) + 10, 0x7fff);
    });

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "Z03")]
    public void An_address_that_changes_is_used_as_it_was_read(RingFormat format) => Vary(format, (ring, descriptors) =>
    {
        for (int i = 0; i < 3; i++)
        {
            for (ulong part = 2; part < 8; part += 2) ring.Store16(descriptors + (16 * (ulong)i) + part, 0xffff);
        }
    });

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "Z04")]
    public void A_direction_that_changes_is_used_as_it_was_read(RingFormat format) => Vary(format, (ring, descriptors) =>
    {
        for (int i = 0; i < 3; i++)
        {
            ulong flags = descriptors + (16 * (ulong)i) + (format == RingFormat.Split || format == RingFormat.SplitIndirect ? 12ul : 14);
            ring.Store16(flags, (ushort)(ring.Load16(flags) ^ Raw.Write));
        }
    });

    [Theory, InlineData(RingFormat.SplitIndirect), InlineData(RingFormat.PackedIndirect)]
    [Trait("Case", "Z05")]
    public void A_table_that_changes_while_it_is_walked_is_bounded_by_its_length_as_it_was_read(RingFormat format) =>
        Vary(format, (ring, descriptors) =>
        {
            ring.Store16(ring.Descriptors + 8, 0xfff0);
            ring.Store16(ring.Descriptors + 10, 0xffff);
            for (int i = 0; i < 3; i++) ring.Store16(descriptors + (16 * (ulong)i) + 14, 0);
        });

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "Z01"), Trait("Case", "Z05")]
    public void Fresh_bytes_on_every_look_do_no_harm(RingFormat format)
    {
        for (int seed = 0; seed < LongRun.Rounds(300, 20_000); seed++)
        {
            using Stage stage = new(format);
            Random random = new(seed);
            stage.Ram.LookedUp = () =>
            {
                // Whole rings of garbage, or single values that are almost right.
                if (random.Next(4) == 0)
                    random.NextBytes(stage.Ram.Bytes.Slice(0x1000 * random.Next(1, 4), random.Next(1, 200)));
                else
                    stage.Ram.Bytes[(0x1000 * random.Next(1, 4)) + random.Next(64)] = (byte)random.Next(8);
            };
            stage.Post();
            stage.Ring.Kick();
            for (int i = 0; i < 20; i++) stage.Ring.Notify();
            stage.Ram.LookedUp = null;
            Assert.True(stage.Ram.GuardsAreIntact);
            stage.AssertRecovers();
        }
    }

    /// <summary>
    /// Changes memory at each look that the device takes in turn, and checks that it never does what no reading allows.
    /// </summary>
    private static void Vary(RingFormat format, Action<RawRing, ulong> change)
    {
        int effects = 0;
        for (int look = 1; look <= MostLooks; look++)
        {
            using Stage stage = new(format);
            ulong descriptors = stage.Post();
            stage.Ring.Publish();
            long until = stage.Ram.LookUps + look;
            stage.Ram.LookedUp = () =>
            {
                if (stage.Ram.LookUps != until) return;
                effects++;
                change(stage.Ring, descriptors);
                stage.Remember();
            };
            stage.Remember();
            stage.Ring.Notify();
            stage.Ram.LookedUp = null;
            stage.AssertWrittenOnlyWhatWasSeen();
            stage.AssertRecovers();
        }

        Assert.InRange(effects, 8, MostLooks);
    }

    /// <summary>One device on watched memory; it remembers which buffers it was shown as writable.</summary>
    private sealed class Stage : IDisposable
    {
        private readonly RingFormat format;
        private readonly GuestMemory memory;
        private readonly GuestDriver driver;
        private readonly VirtioMmioTransport transport;
        private readonly List<(ulong Address, ulong Length)> seen = [];
        private readonly byte[] before = new byte[Length];

        public Stage(RingFormat format)
        {
            this.format = format;
            memory = new(new GuestRegion(Start, Ram.Memory), new GuestRegion(Start + Length, More));
            FillDevice device = new(8)
            {
                Serve = chain =>
                {
                    foreach (GuestSegment segment in chain.Writable.Segments) seen.Add((segment.Address, (ulong)segment.Length));
                    FillDevice.Fill(chain);
                },
            };
            transport = new(
                device, memory, new IrqLine(new RecordingGic(), new IntId(48)), new() { RingPacked = format.IsPacked() });
            driver = new(transport, memory);
            Ring = RawRing.Create(format.IsPacked(), driver, 0, 8, Start + 0x1000);
            StartDevice();
        }

        public WatchedMemory Ram { get; } = new(Length);

        public RawRing Ring { get; }

        private byte[] More { get; } = new byte[4096];

        /// <summary>Posts a request of three descriptors.</summary>
        /// <returns>Where the descriptors are.</returns>
        public ulong Post()
        {
            Raw[] chain = [Raw.In(Start + 0x8000, 16), Raw.Out(Start + 0x9000, 512), Raw.Out(Start + 0xa000, 1)];
            if (!format.IsIndirect())
            {
                Ring.Post(chain);
                return Ring.Descriptors;
            }

            Ring.PostIndirect(Start + 0x7000, chain);
            return Start + 0x7000;
        }

        public void Remember() => Ram.Bytes.CopyTo(before);

        public void AssertWrittenOnlyWhatWasSeen()
        {
            (ulong Address, ulong Length)[] allowed = [.. seen, .. Ring.WrittenByDevice];
            ReadOnlySpan<byte> now = Ram.Bytes;
            for (int i = 0; i < Length; i++)
            {
                if (now[i] == before[i]) continue;
                ulong at = Start + (ulong)i;
                Assert.True(allowed.Any(range => at - range.Address < range.Length), $"Memory changed at 0x{at:x}.");
            }

            Assert.True(Ram.GuardsAreIntact);
        }

        public void AssertRecovers()
        {
            driver.WriteRegister(MmioRegister.Status, 0);
            Assert.Equal(0u, (uint)driver.Status);
            StartDevice();
            ushort id = Ring.Post(Raw.Out(Start + 0x8000, 32));
            Ring.Kick();
            Assert.True(Ring.TryTakeUsed(out ushort usedId, out uint length));
            Assert.Equal((id, 32u), (usedId, length));
        }

        public void Dispose() => driver.WriteRegister(MmioRegister.Status, 0);

        private void StartDevice()
        {
            Assert.True(driver.Probe());
            Ring.Clear();
            Ring.Enable();
            Assert.Equal(1u, driver.ReadRegister(MmioRegister.QueueReady));
            driver.SetDriverOk();
        }
    }
}
