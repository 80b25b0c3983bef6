using Squib.Virtio.Testing;

namespace Squib.Virtio.Tests.Queues;

internal sealed class RawSplitRing(GuestDriver driver, int queue, int size, ulong descriptors, ulong available, ulong used)
    : RawRing(driver, queue, size, descriptors, available, used)
{
    private ushort lastUsed;

    public override IEnumerable<(ulong Address, ulong Length)> WrittenByDevice => [(DeviceArea, 6 + (8 * (ulong)Size))];

    /// <summary>Where the next chain begins in the table.</summary>
    public int NextDescriptor { get; set; }

    /// <summary>The available index as it is written at the next publication.</summary>
    public ushort AvailableIndex { get; set; }

    public ushort UsedIndex => Load16(DeviceArea + 2);

    public ushort UsedFlags => Load16(DeviceArea);

    public ushort UsedEvent
    {
        set => Store16(DriverArea + 4 + (2 * (ulong)Size), value);
    }

    public ushort AvailableEvent => Load16(DeviceArea + 4 + (8 * (ulong)Size));

    public override void Clear()
    {
        Memory.TryWrite(Descriptors, new byte[16 * Size]);
        Memory.TryWrite(DriverArea, new byte[6 + (2 * Size)]);
        Memory.TryWrite(DeviceArea, new byte[6 + (8 * Size)]);
        NextDescriptor = 0;
        lastUsed = 0;
        AvailableIndex = 0;
    }

    public override ushort Post(params ReadOnlySpan<Raw> chain)
    {
        int head = NextDescriptor;
        for (int i = 0; i < chain.Length; i++)
        {
            int at = NextDescriptor;
            NextDescriptor = (NextDescriptor + 1) % Size;
            bool last = i == chain.Length - 1;
            ushort flags = last ? chain[i].Flags : (ushort)(chain[i].Flags | Raw.Next);
            Write(at, chain[i].Address, chain[i].Length, flags, last ? (ushort)0 : (ushort)NextDescriptor);
        }

        Offer((ushort)head);
        return (ushort)head;
    }

    /// <summary>Writes a descriptor of the ring's table.</summary>
    public void Write(int index, ulong address, uint length, ushort flags, ushort next) =>
        WriteDescriptor(Descriptors, index, address, length, flags, next);

    /// <summary>Puts a head into the available ring.</summary>
    public void Offer(ushort head) => Store16(DriverArea + 4 + (2 * (ulong)(AvailableIndex++ % Size)), head);

    public override void Publish() => Store16(DriverArea + 2, AvailableIndex);

    public override bool TryTakeUsed(out ushort id, out uint length)
    {
        id = 0;
        length = 0;
        if (UsedIndex == lastUsed) return false;
        ulong element = DeviceArea + 4 + (8 * (ulong)(lastUsed++ % Size));
        id = (ushort)Load32(element);
        length = Load32(element + 4);
        return true;
    }

    public override void WantInterrupt() => UsedEvent = lastUsed;

    public override void WriteTable(ulong table, params ReadOnlySpan<Raw> chain)
    {
        for (int i = 0; i < chain.Length; i++)
        {
            bool last = i == chain.Length - 1;
            ushort flags = last ? chain[i].Flags : (ushort)(chain[i].Flags | Raw.Next);
            WriteDescriptor(table, i, chain[i].Address, chain[i].Length, flags, last ? (ushort)0 : (ushort)(i + 1));
        }
    }
}
