namespace Squib.Virtio.Diagnostics;

/// <summary>A device that has counts of its own beside those of its queues.</summary>
internal interface IMeasuredDevice
{
    /// <summary>Tells them; any thread may ask.</summary>
    /// <param name="to">Who takes them.</param>
    void Measure(in Measures to);
}
