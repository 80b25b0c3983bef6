namespace Squib.Machine.Devices;

/// <summary>The interrupt that would be served next.</summary>
/// <param name="Id">The INTID, or <see cref="None"/>.</param>
/// <param name="Priority">Its priority; a lower number goes first.</param>
/// <param name="GroupOne">Whether it is in group 1, which is signalled as IRQ.</param>
internal readonly record struct PendingInterrupt(uint Id, byte Priority, bool GroupOne)
{
    /// <summary>The INTID that says that there is no interrupt.</summary>
    public const uint None = 1023;
}
