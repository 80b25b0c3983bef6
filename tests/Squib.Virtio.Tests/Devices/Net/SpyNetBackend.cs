using Squib.Virtio.Devices.Net;

namespace Squib.Virtio.Tests.Devices.Net;

/// <summary>The other end of a cable, which keeps what it gets and has room as it is told.</summary>
internal sealed class SpyNetBackend(NetOffloads offloads = NetOffloads.None, int queues = 1) : INetBackend
{
    private readonly Queue<(NetHeader Header, byte[] Bytes)>[] waiting =
        [.. Enumerable.Range(0, queues).Select(_ => new Queue<(NetHeader, byte[])>())];

    /// <summary>What was sent, oldest first.</summary>
    internal List<(int Queue, NetHeader Header, byte[] Bytes)> Sent { get; } = [];

    /// <summary>The lengths of the first pieces of these frames.</summary>
    internal List<int> FirstPieces { get; } = [];

    /// <summary>Whether to keep what is sent, which allocates.</summary>
    internal bool Records { get; set; } = true;

    /// <summary>The frames that can be sent before there is no room.</summary>
    internal int Room { get; set; } = int.MaxValue;

    /// <summary>What the device has told of the frames that it takes, oldest first.</summary>
    internal List<(NetOffloads Offloads, int Queues)> Told { get; } = [];

    /// <summary>The number of runs of frames that have ended.</summary>
    internal int Runs { get; private set; }

    /// <summary>Called before each look at the next frame.</summary>
    internal Action? Peeking { get; set; }

    internal INetPort Port { get; private set; } = null!;

    internal bool Disposed { get; private set; }

    public int QueueCount => queues;

    public NetOffloads Offloads { get; } = offloads;

    /// <summary>The frames that wait for the device.</summary>
    internal int Waiting(int queue = 0) => waiting[queue].Count;

    /// <summary>A frame comes.</summary>
    internal void Arrive(byte[] frame, NetHeader header = default, int queue = 0)
    {
        waiting[queue].Enqueue((header, frame));
        Port.FramesWaiting(queue);
    }

    /// <summary>Room for a number of frames comes about.</summary>
    internal void MakeRoom(int frames, int queue = 0)
    {
        Room = frames;
        Port.RoomAvailable(queue);
    }

    public void Attach(INetPort port) => Port = port;

    public void Configure(NetOffloads offloads, int queues) => Told.Add((offloads, queues));

    public bool TryPeek(int queue, out NetHeader header, out ReadOnlySpan<byte> frame)
    {
        Peeking?.Invoke();
        header = default;
        frame = default;
        if (!waiting[queue].TryPeek(out (NetHeader Header, byte[] Bytes) next)) return false;
        header = next.Header;
        frame = next.Bytes;
        return true;
    }

    public void Consume(int queue) => waiting[queue].Dequeue();

    public void EndReceive(int queue)
    {
    }

    public bool CanSend(int queue) => Room > 0;

    public void Send(int queue, in NetFrame frame)
    {
        Room--;
        if (!Records) return;
        byte[] bytes = new byte[frame.Length];
        frame.CopyTo(bytes);
        Sent.Add((queue, frame.Header, bytes));
        FirstPieces.Add(frame.First.Length);
    }

    public void EndSend(int queue) => Runs++;

    public ValueTask DisposeAsync()
    {
        Disposed = true;
        return ValueTask.CompletedTask;
    }
}
