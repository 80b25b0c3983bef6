namespace Squib.Machine.Cpu.Simd;

/// <summary>Where a number goes that the format cannot hold; the first four are FPCR.RMode.</summary>
internal enum FloatRounding
{
    /// <summary>To the nearest, ties to the even one.</summary>
    TiesToEven,

    /// <summary>Towards plus infinity.</summary>
    Up,

    /// <summary>Towards minus infinity.</summary>
    Down,

    /// <summary>Towards zero.</summary>
    TowardsZero,

    /// <summary>To the nearest, ties away from zero.</summary>
    TiesAway,

    /// <summary>
    /// Towards zero, then the last bit set if anything was lost, so that a second rounding is still right.
    /// </summary>
    ToOdd,
}
