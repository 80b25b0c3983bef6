namespace Squib.Virtio.Devices.Pmem;

/// <summary>What keeps the memory that a guest uses as persistent memory.</summary>
public interface IPmemBackend
{
    /// <summary>Brings all that the guest has written until now to storage that survives a loss of power.</summary>
    /// <remarks>It runs elsewhere than on the caller's thread unless it is short; one call at a time is made.</remarks>
    /// <param name="cancel">Fires when nobody waits any more for the outcome.</param>
    /// <returns>A task that fails, with whatever exception, where it could not be done.</returns>
    ValueTask FlushAsync(CancellationToken cancel);
}
