namespace Squib.Virtio.Devices.Net;

/// <summary>A port of a <see cref="NetSwitch"/>: the other end of one network device's cable.</summary>
public sealed class NetSwitchPort : INetBackend
{
    /// <summary>The number of bytes of frames that wait for the guest, unless another is asked for.</summary>
    public const int DefaultCapacity = 1 << 20;

    /// <summary>The most bytes that are sent before those that they are for are woken; several senders' fit a buffer.</summary>
    public const int BurstBytes = 256 << 10;

    /// <summary>
    /// The most addresses that are remembered behind a port. A guest can invent any number of them, and displaces its own only: what
    /// is for an address that is not remembered any more goes to everybody.
    /// </summary>
    public const int MaxAddresses = 1 << AddressBits;

    private const int AddressBits = 8;

    private readonly NetSwitch owner;
    private readonly FrameRing ring;
    private readonly Lock writing = new();

    // Each address has one place. They are read by all senders and written by one, 8 bytes at once; 0 is nobody's.
    private readonly ulong[] addresses = new ulong[MaxAddresses];
    private INetPort? port;
    private volatile bool isUp = true;
    private volatile bool isClosed;
    private int burst;
    private int senderWaits;
    private long dropped;
    private long flooded;

    internal NetSwitchPort(NetSwitch owner, int capacity)
    {
        this.owner = owner;
        ring = new(capacity);
    }

    /// <summary>The number of frames for this port that were lost because its guest did not take those before.</summary>
    public long Dropped => Volatile.Read(ref dropped);

    /// <summary>The number of frames from this port that went to all others.</summary>
    public long Flooded => Volatile.Read(ref flooded);

    /// <inheritdoc/>
    public int QueueCount => 1;

    /// <inheritdoc/>
    public NetOffloads Offloads => NetOffloads.Checksum;

    private bool IsConnected => isUp && !isClosed && port is not null;

    /// <summary>Pulls the cable out or puts it in; while it is out, nothing passes, and what is behind the port is forgotten.</summary>
    /// <param name="up">Whether it is to be in.</param>
    public void SetLink(bool up)
    {
        if (isClosed || isUp == up) return;
        isUp = up;
        if (!up) Array.Clear(addresses);
        port?.LinkChanged(up);
    }

    /// <inheritdoc/>
    public void Attach(INetPort port) => this.port = port;

    /// <inheritdoc/>
    public void Configure(NetOffloads offloads, int queues)
    {
    }

    /// <inheritdoc/>
    public bool TryPeek(int queue, out NetHeader header, out ReadOnlySpan<byte> frame) => ring.TryPeek(out header, out frame);

    /// <inheritdoc/>
    public void Consume(int queue) => ring.Consume();

    /// <inheritdoc/>
    public void EndReceive(int queue)
    {
        // Nobody waits for room.
    }

    /// <inheritdoc/>
    public bool CanSend(int queue)
    {
        if (Volatile.Read(ref burst) < BurstBytes) return true;
        // Full fence, the other half of that in EndSend: another pair of the device's queues may be about to end the burst.
        Interlocked.Exchange(ref senderWaits, 1);
        return Volatile.Read(ref burst) < BurstBytes;
    }

    /// <inheritdoc/>
    public void Send(int queue, in NetFrame frame)
    {
        Volatile.Write(ref burst, burst + frame.Length);
        if (IsConnected && !owner.Relay(this, frame)) Volatile.Write(ref flooded, flooded + 1);
    }

    /// <inheritdoc/>
    public void EndSend(int queue)
    {
        owner.Wake();
        Interlocked.Exchange(ref burst, 0);
        if (Volatile.Read(ref senderWaits) != 0 && Interlocked.Exchange(ref senderWaits, 0) != 0) port?.RoomAvailable(0);
    }

    /// <summary>Takes the port out of the switch; its device loses its link, and the frames that wait for it.</summary>
    public ValueTask DisposeAsync()
    {
        SetLink(false);
        isClosed = true;
        owner.Remove(this);
        return ValueTask.CompletedTask;
    }

    /// <summary>Remembers that an address is behind this port.</summary>
    /// <returns>Whether that is new.</returns>
    internal bool Learn(MacAddress address)
    {
        ref ulong place = ref PlaceOf(address);
        if (Volatile.Read(ref place) == address.Value) return false;
        // Full fence: of two ports that learn the same address at once, at least one sees the other's when it makes them forget it.
        Interlocked.Exchange(ref place, address.Value);
        return true;
    }

    /// <summary>The address has turned up behind another port.</summary>
    internal void Forget(MacAddress address) => Interlocked.CompareExchange(ref PlaceOf(address), 0, address.Value);

    /// <summary>Whether an address is behind this port.</summary>
    internal bool Knows(MacAddress address) => Volatile.Read(ref PlaceOf(address)) == address.Value && IsConnected;

    /// <summary>Keeps a frame for the guest at this port, if there is room.</summary>
    internal void Put(in NetFrame frame)
    {
        if (!IsConnected) return;
        lock (writing)
        {
            if (!ring.TryWrite(frame)) Volatile.Write(ref dropped, dropped + 1);
        }
    }

    internal void WakeReader()
    {
        if (ring.TakeWaitingReader()) port?.FramesWaiting(0);
    }

    private ref ulong PlaceOf(MacAddress address) =>
        ref addresses[(int)((address.Value * 0x9e37_79b9_7f4a_7c15) >> (64 - AddressBits))];
}
