using System.Diagnostics.CodeAnalysis;
using Squib.Virtio.Memory;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Testing;

/// <summary>The driver's side of one queue; the two ring formats derive from it.</summary>
public abstract class DriverQueue
{
    private readonly Dictionary<ushort, DriverSegment[]> inFlight = [];
    private readonly Queue<ushort> order = new();
    private readonly Queue<UsedBuffer> reapedAhead = new();
    private readonly HashSet<ushort> owned = [];

    private protected DriverQueue(GuestDriver driver, int index, int size)
    {
        Driver = driver;
        Index = index;
        Size = size;
    }

    /// <summary>The index of the queue.</summary>
    public int Index { get; }

    /// <summary>The number of entries.</summary>
    public int Size { get; }

    /// <summary>The guest-physical address of the descriptor area.</summary>
    public ulong DescriptorArea { get; private protected init; }

    /// <summary>The guest-physical address of the driver area.</summary>
    public ulong DriverArea { get; private protected init; }

    /// <summary>The guest-physical address of the device area.</summary>
    public ulong DeviceArea { get; private protected init; }

    /// <summary>Whether the driver wants interrupts; with EVENT_IDX for the next used buffer.</summary>
    public bool WantsInterrupts { get; set; } = true;

    /// <summary>The number of notifications written.</summary>
    public long Kicks { get; private set; }

    /// <summary>The number of buffers that the device has.</summary>
    public int InFlight => inFlight.Count;

    private protected GuestDriver Driver { get; }

    private protected GuestMemory Memory => Driver.Memory;

    private protected bool Has(ulong feature) => (Driver.Features & feature) != 0;

    /// <summary>Puts a buffer into the ring; the device sees it after <see cref="Publish"/>.</summary>
    /// <param name="segments">Its elements, readable ones first.</param>
    /// <param name="indirect">Whether to use a table of descriptors.</param>
    /// <returns>The id of the buffer.</returns>
    /// <exception cref="InvalidOperationException">The ring is full.</exception>
    public ushort Add(ReadOnlySpan<DriverSegment> segments, bool indirect = false)
    {
        ushort id = Place(segments, indirect);
        inFlight.Add(id, segments.ToArray());
        if (Has(VirtioFeature.InOrder)) order.Enqueue(id);
        return id;
    }

    /// <summary>Puts a buffer into the ring that the driver allocates and frees itself.</summary>
    /// <param name="readable">What the device reads, one element for each.</param>
    /// <param name="writable">The lengths of what the device writes.</param>
    /// <param name="indirect">Whether to use a table of descriptors.</param>
    /// <returns>The id of the buffer.</returns>
    public ushort Add(IEnumerable<byte[]> readable, IEnumerable<int>? writable = null, bool indirect = false)
    {
        ArgumentNullException.ThrowIfNull(readable);
        List<DriverSegment> segments = [];
        foreach (byte[] bytes in readable)
        {
            ulong address = Driver.Allocate(bytes.Length);
            Memory.TryWrite(address, bytes);
            segments.Add(new(address, (uint)bytes.Length, IsWritable: false));
        }

        foreach (int length in writable ?? [])
            segments.Add(new(Driver.Allocate(length), (uint)length, IsWritable: true));
        ushort id = Add([.. segments], indirect);
        owned.Add(id);
        return id;
    }

    /// <summary>Adds a buffer, publishes it and notifies the device if it wants that.</summary>
    /// <param name="readable">What the device reads, one element for each.</param>
    /// <param name="writable">The lengths of what the device writes.</param>
    /// <param name="indirect">Whether to use a table of descriptors.</param>
    /// <returns>The id of the buffer.</returns>
    public ushort Submit(IEnumerable<byte[]> readable, IEnumerable<int>? writable = null, bool indirect = false)
    {
        ushort id = Add(readable, writable, indirect);
        Kick();
        return id;
    }

    /// <summary>Publishes what was added and notifies the device if it wants that.</summary>
    /// <returns>Whether the device was notified.</returns>
    public bool Kick()
    {
        bool wanted = Publish();
        if (wanted) Notify();
        return wanted;
    }

    /// <summary>Notifies the device whether it wants that or not.</summary>
    public void Notify()
    {
        Kicks++;
        uint data = Has(VirtioFeature.NotificationData) ? (uint)NotificationPosition << 16 : 0;
        Driver.WriteRegister(MmioRegister.QueueNotify, (uint)Index | data);
    }

    /// <summary>Takes the next buffer that the device has used.</summary>
    /// <param name="used">The buffer with what was written to it.</param>
    /// <returns>Whether there was one.</returns>
    /// <exception cref="InvalidDataException">The device used a buffer that it does not have.</exception>
    public bool TryReap([NotNullWhen(true)] out UsedBuffer? used)
    {
        if (reapedAhead.TryDequeue(out used)) return true;
        if (!TryTakeUsed(out ushort id, out uint length)) return false;
        if (!inFlight.ContainsKey(id)) throw new InvalidDataException($"The device used buffer {id}, which it does not have.");
        if (Has(VirtioFeature.InOrder))
        {
            // The used element names the last buffer of a run; those before it were filled completely (2.7.9).
            while (order.Peek() != id)
            {
                ushort skipped = order.Peek();
                reapedAhead.Enqueue(Retire(skipped, WritableBytes(skipped)));
                SkippedUsed(skipped);
            }
        }

        UsedBuffer last = Retire(id, length);
        reapedAhead.Enqueue(last);
        return reapedAhead.TryDequeue(out used);
    }

    /// <summary>Takes all buffers that the device has used.</summary>
    public List<UsedBuffer> Reap()
    {
        List<UsedBuffer> all = [];
        while (true)
        {
            while (TryReap(out UsedBuffer? used)) all.Add(used);
            RequestInterrupt();
            // What was used before the device could see the request brings no interrupt: look again.
            if (!TryReap(out UsedBuffer? late)) return all;
            all.Add(late);
        }
    }

    /// <summary>Publishes what was added.</summary>
    /// <returns>Whether the device wants to be notified.</returns>
    public abstract bool Publish();

    /// <summary>Tells the device when the driver wants to be interrupted next.</summary>
    public abstract void RequestInterrupt();

    /// <summary>How far the driver is, as NOTIFICATION_DATA says it.</summary>
    private protected abstract ushort NotificationPosition { get; }

    private protected abstract ushort Place(ReadOnlySpan<DriverSegment> segments, bool indirect);

    private protected abstract bool TryTakeUsed(out ushort id, out uint length);

    private protected abstract void Release(ushort id);

    private protected virtual void SkippedUsed(ushort id)
    {
    }

    private uint WritableBytes(ushort id) => (uint)inFlight[id].Where(s => s.IsWritable).Sum(s => s.Length);

    private UsedBuffer Retire(ushort id, uint length)
    {
        inFlight.Remove(id, out DriverSegment[]? segments);
        if (Has(VirtioFeature.InOrder)) order.Dequeue();
        List<byte> written = [];
        foreach (DriverSegment segment in segments!.Where(s => s.IsWritable))
        {
            byte[] bytes = new byte[Math.Min(segment.Length, length - (uint)written.Count)];
            Memory.TryRead(segment.Address, bytes);
            written.AddRange(bytes);
        }

        if (owned.Remove(id))
        {
            foreach (DriverSegment segment in segments!) Driver.Free(segment.Address, (int)segment.Length);
        }

        Release(id);
        return new(id, length, segments!) { Written = [.. written] };
    }
}
