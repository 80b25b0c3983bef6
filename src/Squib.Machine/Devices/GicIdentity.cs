namespace Squib.Machine.Devices;

/// <summary>What the frames of the GIC say that they are.</summary>
internal static class GicIdentity
{
    /// <summary>GICD_IIDR and GICR_IIDR: Arm, and no product that a driver has a workaround for.</summary>
    public const uint Implementer = 0x0000_043B;

    /// <summary>The number of bits of an interrupt id: there are no LPIs, so 10 are enough.</summary>
    public const uint InterruptIdBits = 10;

    private static ReadOnlySpan<byte> Ids => [0x44, 0, 0, 0, 0x92, 0xB4, 0x3B, 0, 0x0D, 0xF0, 0x05, 0xB1];

    /// <summary>Reads an identification register, of which PIDR2 (0xffe8) says architecture version 3.</summary>
    /// <param name="offset">0xffd0 to 0xfffc.</param>
    public static uint Read(uint offset) => Ids[(int)(offset - 0xFFD0) >> 2];
}
