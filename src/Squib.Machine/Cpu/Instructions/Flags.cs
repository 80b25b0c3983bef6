using System.Runtime.CompilerServices;

namespace Squib.Machine.Cpu.Instructions;

/// <summary>The condition flags N, Z, C and V where PSTATE has them, and the conditions over them.</summary>
internal static class Flags
{
    private const uint Negative = 1u << 31;
    private const int ZeroShift = 30;
    private const int CarryShift = 29;
    private const int OverflowShift = 28;

    // For each condition, the values of NZCV (as four bits) for which it holds.
    private static readonly ushort[] HoldsFor = BuildConditions();

    /// <summary>For which values of the flags a condition holds: bit n is set if it does for NZCV = n.</summary>
    /// <param name="condition">The condition field, 0 to 15.</param>
    internal static ushort Condition(uint condition) => HoldsFor[condition];

    /// <summary>Whether a condition holds.</summary>
    /// <param name="holdsFor">What <see cref="Condition"/> said of it.</param>
    /// <param name="nzcv">The flags.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Holds(uint holdsFor, uint nzcv) => ((holdsFor >> (int)(nzcv >> 28)) & 1) != 0;

    /// <summary>The flags of a logical result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint OfLogical64(ulong result) => ((uint)(result >> 32) & Negative) | Zero(result == 0);

    /// <summary>The flags of a logical result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint OfLogical32(uint result) => (result & Negative) | Zero(result == 0);

    /// <summary>The flags of a + b = result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint OfAdd64(ulong a, ulong b, ulong result) =>
        OfLogical64(result) | Carry(result < a) | Overflow64((a ^ result) & (b ^ result));

    /// <summary>The flags of a + b = result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint OfAdd32(uint a, uint b, uint result) =>
        OfLogical32(result) | Carry(result < a) | Overflow32((a ^ result) & (b ^ result));

    /// <summary>The flags of a - b = result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint OfSubtract64(ulong a, ulong b, ulong result) =>
        OfLogical64(result) | Carry(a >= b) | Overflow64((a ^ b) & (a ^ result));

    /// <summary>The flags of a - b = result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint OfSubtract32(uint a, uint b, uint result) =>
        OfLogical32(result) | Carry(a >= b) | Overflow32((a ^ b) & (a ^ result));

    /// <summary>The flags of a + b + carry = result.</summary>
    internal static uint OfAddWithCarry64(ulong a, ulong b, ulong carry, ulong result) =>
        OfLogical64(result) | Carry(carry != 0 ? result <= a : result < a) | Overflow64((a ^ result) & (b ^ result));

    /// <summary>The flags of a + b + carry = result.</summary>
    internal static uint OfAddWithCarry32(uint a, uint b, uint carry, uint result) =>
        OfLogical32(result) | Carry(carry != 0 ? result <= a : result < a) | Overflow32((a ^ result) & (b ^ result));

    /// <summary>The carry flag, 0 or 1.</summary>
    /// <param name="nzcv">The flags.</param>
    internal static uint CarryOf(uint nzcv) => (nzcv >> CarryShift) & 1;

    private static uint Zero(bool set) => (set ? 1u : 0u) << ZeroShift;

    private static uint Carry(bool set) => (set ? 1u : 0u) << CarryShift;

    private static uint Overflow64(ulong sign) => (uint)(sign >> 63) << OverflowShift;

    private static uint Overflow32(uint sign) => (sign >> 31) << OverflowShift;

    private static ushort[] BuildConditions()
    {
        var holds = new ushort[16];
        for (int condition = 0; condition < 16; condition++)
        {
            for (int nzcv = 0; nzcv < 16; nzcv++)
            {
                bool n = (nzcv & 8) != 0, z = (nzcv & 4) != 0, c = (nzcv & 2) != 0, v = (nzcv & 1) != 0;
                bool result = (condition >> 1) switch
                {
                    0 => z,
                    1 => c,
                    2 => n,
                    3 => v,
                    4 => c && !z,
                    5 => n == v,
                    6 => n == v && !z,
                    _ => true,
                };

                // Odd conditions are the opposite of the even ones, but both 14 and 15 mean always.
                if ((condition & 1) != 0 && condition != 15) result = !result;
                if (result) holds[condition] |= (ushort)(1 << nzcv);
            }
        }

        return holds;
    }
}
