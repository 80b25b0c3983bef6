namespace Squib.Machine.Cpu.Simd;

/// <summary>What kind of value a floating-point bit pattern stands for.</summary>
internal enum FloatClass
{
    /// <summary>Zero, or a denormal that was flushed to it.</summary>
    Zero,

    /// <summary>A number other than zero.</summary>
    Finite,

    /// <summary>Infinity.</summary>
    Infinity,

    /// <summary>A NaN that passes through operations silently.</summary>
    QuietNaN,

    /// <summary>A NaN that makes an operation invalid.</summary>
    SignalingNaN,
}
