using Squib.Virtio.Devices.Block;
using Squib.Virtio.Memory;
using Squib.Virtio.Testing;
using Squib.Virtio.Tests.Devices.Block;
using Squib.Virtio.Transport;
using Xunit;
using static Squib.Virtio.Tests.Devices.Block.BlockGuest;

namespace Squib.Virtio.Tests.Hostile;

/// <summary>A disk with two queues whose requests end when the seed says so, and what has been asked of it.</summary>
internal sealed class DiskPlay
{
    private const int DiskBytes = 65_536;
    private const int QueueSize = 16;
    private const ushort Queues = 2;

    private static readonly byte[] Content = Pattern(DiskBytes);

    [ThreadStatic]
    private static byte[]? ram;

    private readonly Random random;
    private readonly BlockGuest guest;
    private readonly List<FaultyBlockBackend> disks = [];
    private readonly List<Task<IBlockBackend>> swaps = [];
    private readonly Dictionary<ushort, uint>[] open = [[], []];
    private readonly List<int> steps = [];

    public DiskPlay(int seed)
    {
        random = new(seed);
        ram ??= new byte[1 << 20];
        disks.Add(NewDisk());
        guest = new(
            disks[0],
            new() { QueueCount = Queues, QueueSize = QueueSize },
            new()
            {
                RingPacked = (seed & 1) != 0,
                InOrder = (seed & 2) != 0,
                EventIndex = (seed & 4) != 0,
                NotificationData = (seed & 8) != 0,
                ResetTimeout = TimeSpan.Zero,
            },
            memory: new(new GuestRegion(0x8000_0000, ram)));
    }

    public int Steps => steps.Count;

    public string LastSteps => string.Join(' ', steps.TakeLast(20));

    /// <summary>The number of resets that had to wait for requests.</summary>
    public int PendingResets { get; private set; }

    public void Run()
    {
        int count = random.Next(20, 120);
        for (int i = 0; i < count; i++) Step();
        CompleteAll();
        Reap();
        Assert.All(open, Assert.Empty);
        // A disk that was swapped out is committed on another thread.
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                CompleteAll();
                return swaps.TrueForAll(swap => swap.IsCompletedSuccessfully);
            },
            20_000));
        Assert.All(disks, disk => Assert.Equal(0, disk.OutOfRange));
        Assert.Equal(0x0fu, (uint)guest.Driver.Status);
    }

    private static FaultyBlockBackend NewDisk()
    {
        FaultyBlockBackend disk = new(DiskBytes, FaultPlan.Always(HostFault.Late));
        Content.CopyTo(disk.Bytes);
        return disk;
    }

    private void Step()
    {
        int step = random.Next(32);
        steps.Add(step);
        switch (step)
        {
            case < 12: Submit(random.Next(Queues)); break;
            case < 21: CompleteOne(); break;
            case < 24: Reap(); break;
            case 24: Reset(); break;
            case 25 or 26: ResetQueue(random.Next(Queues)); break;
            case 27: guest.Device.Resize(DiskBytes); break;
            case 28: guest.Driver.WriteConfig(32, (byte)random.Next(2)); break;
            case 29: Swap(); break;
            case 30: guest.Driver.HandleInterrupt(); break;
            default: guest.Driver.Queues[random.Next(Queues)].Notify(); break;
        }
    }

    private void Submit(int queue)
    {
        if (open[queue].Count >= 4) return;
        uint type = random.Next(4) switch { 0 or 1 => In, 2 => Out, _ => Flush };
        // The lower half is read, the upper written, so that what is read is known.
        ulong sector = (ulong)(random.Next(64) + (type == Out ? 64 : 0));
        ushort id = type switch
        {
            In => guest.Submit(In, sector, writable: [512], queue: queue),
            Out => guest.Submit(Out, sector, [new byte[512]], queue: queue),
            _ => guest.Submit(Flush, 0, queue: queue),
        };
        open[queue].Add(id, type == In ? (uint)sector : uint.MaxValue);
    }

    private void CompleteOne()
    {
        // Those that were swapped out end when they can, and take no part in what the seed decides.
        foreach (FaultyBlockBackend old in disks[..^1]) old.Waiting.CompleteAll();
        FaultyBlockBackend disk = disks[^1];
        if (disk.Waiting.Count == 0) return;
        LateCall call = disk.Waiting.Take(random.Next(disk.Waiting.Count))!;
        call.Complete(random.Next(10) == 0 ? HostFault.IoError : HostFault.None);
    }

    private void CompleteAll()
    {
        while (disks.Any(disk => disk.Waiting.Count > 0)) CompleteOne();
    }

    private void Reap()
    {
        for (int queue = 0; queue < Queues; queue++)
        {
            foreach (BlockAnswer answer in guest.ReapAll(queue))
            {
                Assert.True(open[queue].Remove(answer.Id, out uint sector), $"{answer.Id} of queue {queue} was answered twice.");
                Assert.InRange(answer.Status, Ok, IoError);
                if (sector == uint.MaxValue || answer.Status != Ok) continue;
                Assert.Equal(513u, answer.Length);
                Assert.True(answer.Data.AsSpan().SequenceEqual(Content.AsSpan((int)sector * 512, 512)));
            }
        }
    }

    private void Reset()
    {
        guest.Driver.WriteRegister(MmioRegister.Status, 0);
        bool waits = guest.Driver.Status != DeviceStatus.None;
        if (waits) PendingResets++;
        CompleteAll();
        Assert.Equal(DeviceStatus.None, guest.Driver.Status);
        foreach (Dictionary<ushort, uint> requests in open) requests.Clear();
        guest.Driver.Start();
    }

    private void ResetQueue(int queue)
    {
        Reap();
        guest.Driver.WriteRegister(MmioRegister.QueueSel, (uint)queue);
        if (random.Next(2) == 0) guest.Driver.WriteRegister(MmioRegister.QueueReset, 1);
        else guest.Driver.WriteRegister(MmioRegister.QueueReady, 0);
        if (open[queue].Count > 0) Assert.Equal(1u, guest.Driver.ReadRegister(MmioRegister.QueueReset));
        CompleteAll();
        Assert.Equal(0u, guest.Driver.ReadRegister(MmioRegister.QueueReset));
        Assert.Equal(0u, guest.Driver.ReadRegister(MmioRegister.QueueReady));
        open[queue].Clear();
        guest.Driver.SetUpQueue(queue, QueueSize);
    }

    private void Swap()
    {
        if (disks.Count > 3) return;
        FaultyBlockBackend next = NewDisk();
        disks.Add(next);
        swaps.Add(guest.Device.SwapAsync(next));
    }
}
