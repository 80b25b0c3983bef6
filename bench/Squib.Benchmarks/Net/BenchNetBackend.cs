using System.Buffers.Binary;
using Squib.Virtio.Devices.Net;

namespace Squib.Benchmarks.Net;

/// <summary>The other end of the cable in memory: takes frames into one buffer, and has one frame again and again.</summary>
internal sealed class BenchNetBackend : INetBackend
{
    internal const int FrameBytes = 1514;

    private readonly byte[] sent = new byte[2048];
    private readonly byte[] frame = new byte[FrameBytes];
    private INetPort? port;
    private int waiting;
    private ulong counter;

    internal BenchNetBackend(MacAddress mac)
    {
        frame.AsSpan().Fill(0x5a);
        mac.Write(frame);
    }

    public int QueueCount => 1;

    public NetOffloads Offloads => NetOffloads.All;

    internal ulong Sum { get; private set; }

    /// <summary>Has some frames for the guest.</summary>
    internal void Inject(int count)
    {
        waiting = count;
        port!.FramesWaiting(0);
    }

    public void Attach(INetPort port) => this.port = port;

    public void Configure(NetOffloads offloads, int queues)
    {
    }

    public bool TryPeek(int queue, out NetHeader header, out ReadOnlySpan<byte> frame)
    {
        header = default;
        frame = this.frame;
        return waiting > 0;
    }

    public void Consume(int queue)
    {
        waiting--;
        BinaryPrimitives.WriteUInt64LittleEndian(frame.AsSpan(16), ++counter);
    }

    public void EndReceive(int queue)
    {
    }

    public bool CanSend(int queue) => true;

    public void Send(int queue, in NetFrame frame)
    {
        frame.CopyTo(sent);
        Sum += BinaryPrimitives.ReadUInt64LittleEndian(sent.AsSpan(16)) + (ulong)frame.Length;
    }

    public void EndSend(int queue)
    {
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
