using System.Diagnostics.CodeAnalysis;
using Squib.Virtio.Devices.Net;

namespace Squib.Virtio.Testing;

/// <summary>A network cable whose other end is a test: it delivers any frame, takes frames slowly, and is pulled out.</summary>
[SuppressMessage("Usage", "CA2213", Justification = "The port belongs to the device.")]
public sealed class FaultyNetBackend : INetBackend
{
    private readonly Lock gate = new();
    private readonly Queue<(NetHeader Header, byte[] Frame)> waiting = new();
    private readonly List<byte[]> sent = [];
    private INetPort? port;
    private volatile int room = int.MaxValue;

    /// <inheritdoc/>
    public int QueueCount => 1;

    /// <inheritdoc/>
    public NetOffloads Offloads => NetOffloads.None;

    /// <summary>The number of frames that wait for the guest.</summary>
    public int Waiting
    {
        get
        {
            lock (gate) return waiting.Count;
        }
    }

    /// <summary>The frames that the guest has sent.</summary>
    public IReadOnlyList<byte[]> Sent
    {
        get
        {
            lock (gate) return [.. sent];
        }
    }

    /// <summary>Brings a frame for the guest, whatever it is.</summary>
    /// <param name="frame">Its bytes, of any number.</param>
    /// <param name="header">What is said to be left to do to it.</param>
    public void Deliver(byte[] frame, NetHeader header = default)
    {
        lock (gate) waiting.Enqueue((header, frame));
        port?.FramesWaiting(0);
    }

    /// <summary>Lets the guest send so many frames more, and no others until the next call.</summary>
    /// <param name="frames">The number of frames.</param>
    public void SetRoom(int frames)
    {
        room = frames;
        if (frames > 0) port?.RoomAvailable(0);
    }

    /// <summary>Pulls the cable out, as when the host's interface vanishes, or puts it in again.</summary>
    /// <param name="isIn">Whether it is in.</param>
    public void SetCable(bool isIn) => port?.LinkChanged(isIn);

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
            bool any = waiting.TryPeek(out (NetHeader Header, byte[] Frame) next);
            header = next.Header;
            frame = next.Frame;
            return any;
        }
    }

    /// <inheritdoc/>
    public void Consume(int queue)
    {
        lock (gate) waiting.Dequeue();
    }

    /// <inheritdoc/>
    public void EndReceive(int queue)
    {
    }

    /// <inheritdoc/>
    public bool CanSend(int queue) => room > 0;

    /// <inheritdoc/>
    public void Send(int queue, in NetFrame frame)
    {
        byte[] copy = new byte[frame.Length];
        frame.CopyTo(copy);
        lock (gate) sent.Add(copy);
        if (room != int.MaxValue) room--;
    }

    /// <inheritdoc/>
    public void EndSend(int queue)
    {
    }

    /// <summary>Does nothing.</summary>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
