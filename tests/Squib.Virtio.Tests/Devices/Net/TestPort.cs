using Squib.Virtio.Devices.Net;
using Squib.Virtio.Tests.Queues;
using Xunit;

namespace Squib.Virtio.Tests.Devices.Net;

/// <summary>A device as a backend sees it, which remembers what it is told.</summary>
internal sealed class TestPort : INetPort
{
    private readonly SemaphoreSlim frames = new(0);
    private readonly SemaphoreSlim room = new(0);
    private readonly SemaphoreSlim links = new(0);

    /// <summary>Whether the cable is in.</summary>
    internal bool IsUp { get; private set; } = true;

    /// <summary>How often the device was told that there are frames.</summary>
    internal int FrameCalls { get; private set; }

    public void FramesWaiting(int queue)
    {
        FrameCalls++;
        frames.Release();
    }

    public void RoomAvailable(int queue) => room.Release();

    public void LinkChanged(bool isUp)
    {
        IsUp = isUp;
        links.Release();
    }

    /// <summary>The next frame, when there is one.</summary>
    internal async Task<byte[]> TakeAsync(INetBackend backend)
    {
        while (true)
        {
            if (TryTake(backend, out byte[] frame)) return frame;
            await frames.WaitAsync(TestContext.Current.CancellationToken).Soon();
        }
    }

    internal Task RoomAsync() => room.WaitAsync(TestContext.Current.CancellationToken).Soon();

    /// <summary>Looks for frames until the backend says that the cable is out.</summary>
    internal async Task LinkDownAsync(INetBackend backend)
    {
        while (IsUp)
        {
            while (TryTake(backend, out _))
            {
                // Whatever came before.
            }

            if (IsUp) await Task.WhenAny(frames.WaitAsync(), links.WaitAsync()).Soon();
        }
    }

    private static bool TryTake(INetBackend backend, out byte[] frame)
    {
        bool there = backend.TryPeek(0, out _, out ReadOnlySpan<byte> bytes);
        frame = bytes.ToArray();
        if (there) backend.Consume(0);
        backend.EndReceive(0);
        return there;
    }
}
