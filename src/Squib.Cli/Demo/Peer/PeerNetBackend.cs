using Squib.Virtio.Devices.Net;

namespace Squib.Cli.Demo.Peer;

/// <summary>A cable that ends in this process, at a small computer with a web server.</summary>
internal sealed class PeerNetBackend : INetBackend
{
    private readonly Lock gate = new();
    private readonly PeerNetwork network;
    private readonly TimeProvider time;
    private readonly long start;
    private readonly ITimer timer;
    private readonly byte[] sent = new byte[Ip4Packet.MaxFrameBytes];
    private readonly byte[] shown = new byte[Ip4Packet.MaxFrameBytes];
    private int shownBytes;
    private bool guestWaits;
    private TimeSpan? armed;
    private INetPort? port;

    /// <summary>Makes the cable.</summary>
    /// <param name="answerTo">The answer to an HTTP request, whose first line it gets.</param>
    /// <param name="time">The clock by which what is lost is sent again.</param>
    public PeerNetBackend(Func<string, byte[]> answerTo, TimeProvider time)
    {
        network = new(answerTo);
        this.time = time;
        start = time.GetTimestamp();
        timer = time.CreateTimer(_ => Expire(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <inheritdoc/>
    public int QueueCount => 1;

    /// <inheritdoc/>
    public NetOffloads Offloads => NetOffloads.None;

    /// <inheritdoc/>
    public void Attach(INetPort port) => this.port = port;

    /// <inheritdoc/>
    public void Configure(NetOffloads offloads, int queues)
    {
    }

    /// <inheritdoc/>
    public bool TryPeek(int queue, out NetHeader header, out ReadOnlySpan<byte> frame)
    {
        lock (gate)
        {
            if (shownBytes == 0) shownBytes = network.WriteNext(shown, Now);
            guestWaits = shownBytes == 0;
            Arm();
        }

        header = default;
        frame = shown.AsSpan(0, shownBytes);
        return shownBytes > 0;
    }

    /// <inheritdoc/>
    public void Consume(int queue) => shownBytes = 0;

    /// <inheritdoc/>
    public void EndReceive(int queue)
    {
    }

    /// <summary>Always: a frame is dealt with while it is sent, and answers beyond their limit are lost.</summary>
    /// <param name="queue">Not looked at.</param>
    public bool CanSend(int queue) => true;

    /// <inheritdoc/>
    public void Send(int queue, in NetFrame frame)
    {
        if (frame.Length > sent.Length) return;
        lock (gate)
        {
            frame.CopyTo(sent);
            network.Receive(sent.AsSpan(0, frame.Length));
            Arm();
        }
    }

    /// <inheritdoc/>
    public void EndSend(int queue) => Wake();

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => timer.DisposeAsync();

    private TimeSpan Now => time.GetElapsedTime(start);

    private void Expire()
    {
        lock (gate)
        {
            armed = null;
            network.Expire(Now);
            Arm();
        }

        Wake();
    }

    /// <summary>Sets the timer to the next deadline; without one it is off.</summary>
    private void Arm()
    {
        if (network.Deadline == armed) return;
        armed = network.Deadline;
        TimeSpan due = armed is { } deadline ? deadline - Now : Timeout.InfiniteTimeSpan;
        timer.Change(armed is null || due > TimeSpan.Zero ? due : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
    }

    private void Wake()
    {
        bool waited;
        lock (gate)
        {
            waited = guestWaits;
            guestWaits = false;
        }

        if (waited) port?.FramesWaiting(0);
    }
}
