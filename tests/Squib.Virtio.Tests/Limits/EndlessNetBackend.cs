using Squib.Virtio.Devices.Net;

namespace Squib.Virtio.Tests.Limits;

/// <summary>A network on which the same frame comes again and again, and which takes any.</summary>
internal sealed class EndlessNetBackend : INetBackend
{
    internal const int FrameBytes = 1000;

    private readonly byte[] frame = new byte[FrameBytes];

    internal EndlessNetBackend() => frame.AsSpan(0, MacAddress.Size).Fill(0xff);

    public int QueueCount => 1;

    public NetOffloads Offloads => NetOffloads.None;

    public void Attach(INetPort port)
    {
    }

    public void Configure(NetOffloads offloads, int queues)
    {
    }

    public bool TryPeek(int queue, out NetHeader header, out ReadOnlySpan<byte> frame)
    {
        header = default;
        frame = this.frame;
        return true;
    }

    public void Consume(int queue)
    {
    }

    public void EndReceive(int queue)
    {
    }

    public bool CanSend(int queue) => true;

    public void Send(int queue, in NetFrame frame)
    {
    }

    public void EndSend(int queue)
    {
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
