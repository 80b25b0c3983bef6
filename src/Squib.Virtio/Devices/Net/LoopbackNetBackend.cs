namespace Squib.Virtio.Devices.Net;

/// <summary>A cable whose ends are in the same socket: what the guest sends comes back to it.</summary>
/// <remarks>A guest hears the frames that it sends to everybody; those to its own address it delivers itself and does not send.</remarks>
public sealed class LoopbackNetBackend : INetBackend
{
    /// <summary>The number of bytes of frames that are under way, unless another is asked for.</summary>
    public const int DefaultCapacity = 256 << 10;

    private readonly FrameRing ring;
    private INetPort? port;
    private int writerWaits;

    /// <summary>Makes a loop.</summary>
    /// <param name="offloads">What headers may ask for; it comes back to the guest that asked.</param>
    /// <param name="capacity">The number of bytes of frames that can be under way, at least 131,148.</param>
    /// <exception cref="ArgumentOutOfRangeException">The capacity is less than two frames of the largest size need.</exception>
    public LoopbackNetBackend(NetOffloads offloads = NetOffloads.None, int capacity = DefaultCapacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, FrameRing.MinCapacity);
        Offloads = offloads;
        ring = new(capacity);
    }

    /// <inheritdoc/>
    public int QueueCount => 1;

    /// <inheritdoc/>
    public NetOffloads Offloads { get; }

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
        // Full fence, the other half of that in CanSend.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref writerWaits) != 0 && ring.HasRoom && Interlocked.Exchange(ref writerWaits, 0) != 0)
            port?.RoomAvailable(0);
    }

    /// <inheritdoc/>
    public bool CanSend(int queue)
    {
        if (ring.HasRoom) return true;
        Interlocked.Exchange(ref writerWaits, 1);
        return ring.HasRoom;
    }

    /// <inheritdoc/>
    public void Send(int queue, in NetFrame frame) => ring.TryWrite(frame);

    /// <inheritdoc/>
    public void EndSend(int queue)
    {
        // Full fence, the other half of that in TryPeek.
        Interlocked.MemoryBarrier();
        if (ring.TakeWaitingReader()) port?.FramesWaiting(0);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
