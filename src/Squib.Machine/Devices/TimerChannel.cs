namespace Squib.Machine.Devices;

/// <summary>One timer: it compares the counter with a value and holds its output high from there on.</summary>
/// <param name="interrupt">The INTID of its output.</param>
internal sealed class TimerChannel(uint interrupt)
{
    private const ulong Enable = 1 << 0;
    private const ulong Masked = 1 << 1;
    private const ulong ConditionMet = 1 << 2;

    private ulong control;

    /// <summary>The INTID of its output.</summary>
    public uint Interrupt => interrupt;

    /// <summary>The count from which on the condition is met (CVAL).</summary>
    public ulong Compare { get; set; }

    /// <summary>The level of the output as the GIC knows it.</summary>
    public bool Output { get; set; }

    /// <summary>Whether the output follows the condition: enabled and not masked.</summary>
    public bool IsArmed => (control & (Enable | Masked)) == Enable;

    /// <summary>Reads CTL: enable, mask, and whether the condition is met.</summary>
    /// <param name="now">The counter.</param>
    public ulong ReadControl(ulong now) => (control & Enable) != 0 && now >= Compare ? control | ConditionMet : control;

    /// <summary>Writes CTL: enable and mask.</summary>
    /// <param name="value">The value.</param>
    public void WriteControl(ulong value) => control = value & (Enable | Masked);

    /// <summary>Reads TVAL: the ticks left, as 32 bits with a sign.</summary>
    /// <param name="now">The counter.</param>
    public ulong ReadValue(ulong now) => (uint)(Compare - now);

    /// <summary>Writes TVAL: how many ticks from now, as 32 bits with a sign.</summary>
    /// <param name="value">The value.</param>
    /// <param name="now">The counter.</param>
    public void WriteValue(ulong value, ulong now) => Compare = now + (ulong)(int)value;
}
