using Squib.Virtio.Devices.Net;

namespace Squib.Fuzz.Devices;

/// <summary>The other end of a network cable: frames that a script has put there, and room that it gives.</summary>
internal sealed class ScriptedWire(int queues, NetOffloads offloads) : INetBackend
{
    private const int MostWaiting = 64;

    private readonly Queue<(NetHeader Header, byte[] Frame)>[] waiting =
        [.. Enumerable.Range(0, queues).Select(_ => new Queue<(NetHeader, byte[])>())];
    private readonly byte[] copy = new byte[NetFrame.MaxLength];
    private INetPort? port;

    /// <summary>Who hears of what is wrong.</summary>
    internal DeviceBench? Bench { get; set; }

    /// <summary>The number of frames that there is still room for.</summary>
    internal int Room { get; set; }

    internal long Sent { get; private set; }

    internal int Waiting => waiting.Sum(queue => queue.Count);

    public int QueueCount => queues;

    public NetOffloads Offloads => offloads;

    internal void Clear()
    {
        foreach (Queue<(NetHeader, byte[])> queue in waiting) queue.Clear();
    }

    internal void Arrive(int queue, in NetHeader header, byte[] frame)
    {
        if (waiting[queue].Count == MostWaiting) return;
        waiting[queue].Enqueue((header, frame));
        port?.FramesWaiting(queue);
    }

    internal void MakeRoom(int frames)
    {
        Room = frames;
        for (int i = 0; i < queues; i++) port?.RoomAvailable(i);
    }

    internal void Plug(bool isIn) => port?.LinkChanged(isIn);

    public void Attach(INetPort port) => this.port = port;

    public void Configure(NetOffloads offloads, int queues) => Bench?.Require(
        (offloads & ~Offloads & ~NetOffloads.Checksum) == 0 && queues >= 1 && queues <= QueueCount, "The backend is told to do what it cannot.");

    public bool TryPeek(int queue, out NetHeader header, out ReadOnlySpan<byte> frame)
    {
        bool any = waiting[queue].TryPeek(out (NetHeader Header, byte[] Frame) next);
        header = next.Header;
        frame = next.Frame;
        return any;
    }

    public void Consume(int queue) => waiting[queue].Dequeue();

    public void EndReceive(int queue)
    {
    }

    public bool CanSend(int queue) => Room > 0;

    public void Send(int queue, in NetFrame frame)
    {
        Bench?.Require(Room > 0, "A frame is sent for which there is no room.");
        Room--;
        Sent++;
        frame.CopyTo(copy);
        NetHeader header = frame.Header;
        bool possible = (header.IsPlain || (offloads & NetOffloads.Checksum) != 0) && header.Segmentation switch
        {
            NetHeader.GsoNone => true,
            NetHeader.GsoTcp4 => (offloads & NetOffloads.Tso4) != 0,
            NetHeader.GsoTcp6 => (offloads & NetOffloads.Tso6) != 0,
            NetHeader.GsoUdp => (offloads & NetOffloads.Ufo) != 0,
            _ => false,
        };
        Bench?.Require(possible, "The header of a frame asks for what the backend cannot do.");
        bool inside = !header.HasPartialChecksum || header.ChecksumStart + header.ChecksumOffset + 2 <= frame.Length;
        Bench?.Require(inside && header.HeaderLength <= frame.Length, "The header of a frame points outside it.");
        Bench?.Require(frame.Length is >= NetFrame.EthernetHeaderBytes and <= NetFrame.MaxLength, "A frame has a length that no frame has.");
    }

    public void EndSend(int queue)
    {
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
