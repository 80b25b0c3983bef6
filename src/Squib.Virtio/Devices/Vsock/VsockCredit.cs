namespace Squib.Virtio.Devices.Vsock;

/// <summary>How much the guest lets the device send on one connection (virtio 1.2, 5.10.6.3).</summary>
/// <remarks>
/// All counts are modulo 2^32. Whatever the guest claims, the room never exceeds the buffer it says it has: a buffer smaller than
/// what is under way leaves none, and a claim to have consumed what was not sent, or less than before, is not believed.
/// </remarks>
internal struct VsockCredit
{
    private uint bufferBytes;
    private uint consumed;
    private uint sent;

    /// <summary>The size of the guest's buffer as it said last.</summary>
    internal readonly uint BufferBytes => bufferBytes;

    /// <summary>The number of bytes that may be sent now.</summary>
    internal readonly uint Free => InFlight < bufferBytes ? bufferBytes - InFlight : 0;

    private readonly uint InFlight => sent - consumed;

    /// <summary>Takes what a packet of the guest says.</summary>
    /// <returns>False: the count is one that cannot be, and was ignored.</returns>
    internal bool TryUpdate(uint guestBufferBytes, uint guestConsumed)
    {
        bufferBytes = guestBufferBytes;
        if (sent - guestConsumed > InFlight) return false;
        consumed = guestConsumed;
        return true;
    }

    /// <summary>Counts bytes as sent.</summary>
    internal void Spend(uint bytes) => sent += bytes;
}
