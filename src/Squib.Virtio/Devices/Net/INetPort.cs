namespace Squib.Virtio.Devices.Net;

/// <summary>What a backend tells its device.</summary>
/// <remarks>
/// A call may run the device's loop before it returns, so a backend calls from a thread that may be kept (not the one that waits
/// for all its sockets), outside its locks, and never from within a method of <see cref="INetBackend"/> other than
/// <see cref="INetBackend.EndSend"/> and <see cref="INetBackend.EndReceive"/>.
/// </remarks>
public interface INetPort
{
    /// <summary>There may be frames again, after <see cref="INetBackend.TryPeek"/> had none.</summary>
    /// <param name="queue">The queue of the backend.</param>
    void FramesWaiting(int queue);

    /// <summary>There may be room again, after <see cref="INetBackend.CanSend"/> said no.</summary>
    /// <param name="queue">The queue of the backend.</param>
    void RoomAvailable(int queue);

    /// <summary>The cable has been pulled out, or put in again; at first it is in.</summary>
    /// <param name="isUp">Whether it is in.</param>
    void LinkChanged(bool isUp);
}
