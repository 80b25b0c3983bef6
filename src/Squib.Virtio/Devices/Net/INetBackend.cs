namespace Squib.Virtio.Devices.Net;

/// <summary>The other end of a network device's cable.</summary>
/// <remarks>
/// <para>
/// A backend never waits and never loses a frame because the guest is slow: the device asks for a frame when it can take one, and
/// offers one when the backend has room. What comes meanwhile waits in the backend, within its own bounds. When there is nothing or
/// no room, the backend tells its <see cref="INetPort"/> once that has changed.
/// </para>
/// <para>
/// The device calls the methods of one direction and one queue by one thread at a time; different directions and queues are
/// independent. A backend has one device in its life, is created and disposed of by whoever puts the machine together, and what
/// goes wrong on the host shows in its own counts and in <see cref="INetPort.LinkChanged"/>, not as an exception.
/// </para>
/// </remarks>
public interface INetBackend : IAsyncDisposable
{
    /// <summary>The number of independent queues in each direction, at least 1.</summary>
    int QueueCount { get; }

    /// <summary>What the headers of frames may ask for in both directions.</summary>
    NetOffloads Offloads { get; }

    /// <summary>Connects the device, once.</summary>
    /// <param name="port">What to tell.</param>
    void Attach(INetPort port);

    /// <summary>Says what received frames may be like, and how many queues are in use; at first none and 1.</summary>
    /// <param name="offloads">Some of <see cref="Offloads"/>. Frames that are under way already may still be different.</param>
    /// <param name="queues">1 to <see cref="QueueCount"/>.</param>
    void Configure(NetOffloads offloads, int queues);

    /// <summary>Shows the next received frame, which stays until <see cref="Consume"/>.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="header">What is left to do to the frame.</param>
    /// <param name="frame">The frame from its destination address on, without checksum (FCS); valid until the next call.</param>
    /// <returns>Whether there is one. If not, <see cref="INetPort.FramesWaiting"/> follows when there may be.</returns>
    bool TryPeek(int queue, out NetHeader header, out ReadOnlySpan<byte> frame);

    /// <summary>Removes the frame that was shown.</summary>
    /// <param name="queue">The queue.</param>
    void Consume(int queue);

    /// <summary>Follows a run of <see cref="Consume"/>. May run beside all other methods.</summary>
    /// <param name="queue">The queue.</param>
    void EndReceive(int queue);

    /// <summary>Whether a frame of any size up to <see cref="NetFrame.MaxLength"/> can be sent now.</summary>
    /// <param name="queue">The queue.</param>
    /// <returns>If not, <see cref="INetPort.RoomAvailable"/> follows when it may be.</returns>
    bool CanSend(int queue);

    /// <summary>Sends a frame; only called after <see cref="CanSend"/> has said yes.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="frame">The frame, valid during the call; its header asks for nothing but <see cref="Offloads"/>.</param>
    void Send(int queue, in NetFrame frame);

    /// <summary>Follows a run of <see cref="Send"/>, so that frames can be passed on together. May run beside all other methods.</summary>
    /// <param name="queue">The queue.</param>
    void EndSend(int queue);
}
