using System.Buffers.Binary;
using System.Numerics;

namespace Squib.Machine.Cpu.Instructions;

/// <summary>Division, shifts by a register, CRC32, and what reverses or counts bits.</summary>
internal static unsafe class ShiftDivide
{
    // SAFETY: as for all handlers: s is the CPU that is executing, op one of its decoded instructions.
    private const uint Crc32Polynomial = 0xedb8_8320;
    private const uint Crc32CPolynomial = 0x82f6_3b78;

    /// <summary>Adds the rows.</summary>
    /// <param name="table">The decode table.</param>
    internal static void AddTo(DecodeTable table)
    {
        table.AddPrepared("sf 0 0 11010110 Rm:5 000010 Rn:5 Rd:5", "UDIV", &PrepareTwo);
        table.AddPrepared("sf 0 0 11010110 Rm:5 000011 Rn:5 Rd:5", "SDIV", &PrepareTwo);
        table.AddPrepared("sf 0 0 11010110 Rm:5 001000 Rn:5 Rd:5", "LSLV", &PrepareTwo);
        table.AddPrepared("sf 0 0 11010110 Rm:5 001001 Rn:5 Rd:5", "LSRV", &PrepareTwo);
        table.AddPrepared("sf 0 0 11010110 Rm:5 001010 Rn:5 Rd:5", "ASRV", &PrepareTwo);
        table.AddPrepared("sf 0 0 11010110 Rm:5 001011 Rn:5 Rd:5", "RORV", &PrepareTwo);
        table.AddPrepared("0 0 0 11010110 Rm:5 010 C 0 sz Rn:5 Rd:5", "CRC32B/CRC32H", &PrepareCrc);
        table.AddPrepared("0 0 0 11010110 Rm:5 010 C 10 Rn:5 Rd:5", "CRC32W", &PrepareCrc);
        table.AddPrepared("1 0 0 11010110 Rm:5 010 C 11 Rn:5 Rd:5", "CRC32X", &PrepareCrc);
        table.AddPrepared("sf 1 0 11010110 00000 000000 Rn:5 Rd:5", "RBIT", &PrepareOne);
        table.AddPrepared("sf 1 0 11010110 00000 000001 Rn:5 Rd:5", "REV16", &PrepareOne);
        table.AddPrepared("0 1 0 11010110 00000 000010 Rn:5 Rd:5", "REV (32-bit)", &PrepareOne);
        table.AddPrepared("1 1 0 11010110 00000 000010 Rn:5 Rd:5", "REV32", &PrepareOne);
        table.AddPrepared("1 1 0 11010110 00000 000011 Rn:5 Rd:5", "REV", &PrepareOne);
        table.AddPrepared("sf 1 0 11010110 00000 000100 Rn:5 Rd:5", "CLZ", &PrepareOne);
        table.AddPrepared("sf 1 0 11010110 00000 000101 Rn:5 Rd:5", "CLS", &PrepareOne);
    }

    private static void PrepareTwo(Op* op)
    {
        uint word = op->Word;
        op->Rd = Register.Destination(word);
        op->Rn = Register.Source(word, 5);
        op->Rm = Register.Source(word, 16);
        bool wide = Fields.Bit(word, 31);
        op->Execute = Fields.Bits(word, 10, 6) switch
        {
            2 => wide ? &DivideUnsigned64 : &DivideUnsigned32,
            3 => wide ? &DivideSigned64 : &DivideSigned32,
            8 => wide ? &ShiftLeft64 : &ShiftLeft32,
            9 => wide ? &ShiftRight64 : &ShiftRight32,
            10 => wide ? &ShiftArithmetic64 : &ShiftArithmetic32,
            _ => wide ? &Rotate64 : &Rotate32,
        };
    }

    private static void PrepareOne(Op* op)
    {
        uint word = op->Word;
        op->Rd = Register.Destination(word);
        op->Rn = Register.Source(word, 5);
        bool wide = Fields.Bit(word, 31);
        op->Execute = Fields.Bits(word, 10, 6) switch
        {
            0 => wide ? &ReverseBits64 : &ReverseBits32,
            1 => wide ? &ReverseHalves64 : &ReverseHalves32,
            2 => wide ? &ReverseWords : &Reverse32,
            3 => &Reverse64,
            4 => wide ? &CountZeros64 : &CountZeros32,
            _ => wide ? &CountSigns64 : &CountSigns32,
        };
    }

    private static void PrepareCrc(Op* op)
    {
        uint word = op->Word;
        op->Rd = Register.Destination(word);
        op->Rn = Register.Source(word, 5);
        op->Rm = Register.Source(word, 16);
        op->Ra = (byte)(8 << (int)Fields.Bits(word, 10, 2));
        op->Immediate = Fields.Bit(word, 12) ? Crc32CPolynomial : Crc32Polynomial;
        op->Execute = Fields.Bit(word, 12) ? &Crc32C : &Crc32;
    }

    private static Op* DivideUnsigned64(CpuState* s, Op* op)
    {
        ulong divisor = s->X[op->Rm];
        s->X[op->Rd] = divisor == 0 ? 0 : s->X[op->Rn] / divisor;
        return op[1].Execute(s, op + 1);
    }

    private static Op* DivideUnsigned32(CpuState* s, Op* op)
    {
        var divisor = (uint)s->X[op->Rm];
        s->X[op->Rd] = divisor == 0 ? 0 : (uint)s->X[op->Rn] / divisor;
        return op[1].Execute(s, op + 1);
    }

    private static Op* DivideSigned64(CpuState* s, Op* op)
    {
        // The host traps where the quotient does not fit; the guest gets it wrapped.
        var divisor = (long)s->X[op->Rm];
        var dividend = (long)s->X[op->Rn];
        s->X[op->Rd] = divisor switch
        {
            0 => 0,
            -1 => (ulong)-dividend,
            _ => (ulong)(dividend / divisor),
        };
        return op[1].Execute(s, op + 1);
    }

    private static Op* DivideSigned32(CpuState* s, Op* op)
    {
        var divisor = (int)s->X[op->Rm];
        long dividend = (int)s->X[op->Rn];
        s->X[op->Rd] = divisor == 0 ? 0 : (uint)(dividend / divisor);
        return op[1].Execute(s, op + 1);
    }

    private static Op* ShiftLeft64(CpuState* s, Op* op)
    {
        s->X[op->Rd] = s->X[op->Rn] << (int)s->X[op->Rm];
        return op[1].Execute(s, op + 1);
    }

    private static Op* ShiftLeft32(CpuState* s, Op* op)
    {
        s->X[op->Rd] = (uint)s->X[op->Rn] << (int)s->X[op->Rm];
        return op[1].Execute(s, op + 1);
    }

    private static Op* ShiftRight64(CpuState* s, Op* op)
    {
        s->X[op->Rd] = s->X[op->Rn] >> (int)s->X[op->Rm];
        return op[1].Execute(s, op + 1);
    }

    private static Op* ShiftRight32(CpuState* s, Op* op)
    {
        s->X[op->Rd] = (uint)s->X[op->Rn] >> (int)s->X[op->Rm];
        return op[1].Execute(s, op + 1);
    }

    private static Op* ShiftArithmetic64(CpuState* s, Op* op)
    {
        s->X[op->Rd] = (ulong)((long)s->X[op->Rn] >> (int)s->X[op->Rm]);
        return op[1].Execute(s, op + 1);
    }

    private static Op* ShiftArithmetic32(CpuState* s, Op* op)
    {
        s->X[op->Rd] = (uint)((int)s->X[op->Rn] >> (int)s->X[op->Rm]);
        return op[1].Execute(s, op + 1);
    }

    private static Op* Rotate64(CpuState* s, Op* op)
    {
        s->X[op->Rd] = BitOperations.RotateRight(s->X[op->Rn], (int)s->X[op->Rm]);
        return op[1].Execute(s, op + 1);
    }

    private static Op* Rotate32(CpuState* s, Op* op)
    {
        s->X[op->Rd] = BitOperations.RotateRight((uint)s->X[op->Rn], (int)s->X[op->Rm]);
        return op[1].Execute(s, op + 1);
    }

    private static Op* Crc32(CpuState* s, Op* op)
    {
        var crc = (uint)s->X[op->Rn];
        ulong value = s->X[op->Rm];
        for (int bits = op->Ra; bits > 0; bits -= 8, value >>= 8)
        {
            crc ^= (byte)value;
            for (int i = 0; i < 8; i++) crc = (crc >> 1) ^ (Crc32Polynomial & (0 - (crc & 1)));
        }

        s->X[op->Rd] = crc;
        return op[1].Execute(s, op + 1);
    }

    private static Op* Crc32C(CpuState* s, Op* op)
    {
        var crc = (uint)s->X[op->Rn];
        ulong value = s->X[op->Rm];
        s->X[op->Rd] = op->Ra switch
        {
            8 => BitOperations.Crc32C(crc, (byte)value),
            16 => BitOperations.Crc32C(crc, (ushort)value),
            32 => BitOperations.Crc32C(crc, (uint)value),
            _ => BitOperations.Crc32C(crc, value),
        };
        return op[1].Execute(s, op + 1);
    }

    private static ulong ReverseBits(ulong value)
    {
        value = ((value >> 1) & 0x5555_5555_5555_5555) | ((value & 0x5555_5555_5555_5555) << 1);
        value = ((value >> 2) & 0x3333_3333_3333_3333) | ((value & 0x3333_3333_3333_3333) << 2);
        value = ((value >> 4) & 0x0f0f_0f0f_0f0f_0f0f) | ((value & 0x0f0f_0f0f_0f0f_0f0f) << 4);
        return BinaryPrimitives.ReverseEndianness(value);
    }

    private static ulong ReverseHalves(ulong value) =>
        ((value >> 8) & 0x00ff_00ff_00ff_00ff) | ((value & 0x00ff_00ff_00ff_00ff) << 8);

    private static Op* ReverseBits64(CpuState* s, Op* op)
    {
        s->X[op->Rd] = ReverseBits(s->X[op->Rn]);
        return op[1].Execute(s, op + 1);
    }

    private static Op* ReverseBits32(CpuState* s, Op* op)
    {
        s->X[op->Rd] = ReverseBits(s->X[op->Rn]) >> 32;
        return op[1].Execute(s, op + 1);
    }

    private static Op* ReverseHalves64(CpuState* s, Op* op)
    {
        s->X[op->Rd] = ReverseHalves(s->X[op->Rn]);
        return op[1].Execute(s, op + 1);
    }

    private static Op* ReverseHalves32(CpuState* s, Op* op)
    {
        s->X[op->Rd] = (uint)ReverseHalves(s->X[op->Rn]);
        return op[1].Execute(s, op + 1);
    }

    private static Op* ReverseWords(CpuState* s, Op* op)
    {
        s->X[op->Rd] = BitOperations.RotateRight(BinaryPrimitives.ReverseEndianness(s->X[op->Rn]), 32);
        return op[1].Execute(s, op + 1);
    }

    private static Op* Reverse32(CpuState* s, Op* op)
    {
        s->X[op->Rd] = BinaryPrimitives.ReverseEndianness((uint)s->X[op->Rn]);
        return op[1].Execute(s, op + 1);
    }

    private static Op* Reverse64(CpuState* s, Op* op)
    {
        s->X[op->Rd] = BinaryPrimitives.ReverseEndianness(s->X[op->Rn]);
        return op[1].Execute(s, op + 1);
    }

    private static Op* CountZeros64(CpuState* s, Op* op)
    {
        s->X[op->Rd] = (ulong)BitOperations.LeadingZeroCount(s->X[op->Rn]);
        return op[1].Execute(s, op + 1);
    }

    private static Op* CountZeros32(CpuState* s, Op* op)
    {
        s->X[op->Rd] = (ulong)BitOperations.LeadingZeroCount((uint)s->X[op->Rn]);
        return op[1].Execute(s, op + 1);
    }

    private static Op* CountSigns64(CpuState* s, Op* op)
    {
        var value = (long)s->X[op->Rn];
        s->X[op->Rd] = (ulong)BitOperations.LeadingZeroCount((ulong)(value ^ (value >> 63))) - 1;
        return op[1].Execute(s, op + 1);
    }

    private static Op* CountSigns32(CpuState* s, Op* op)
    {
        var value = (int)s->X[op->Rn];
        s->X[op->Rd] = (ulong)BitOperations.LeadingZeroCount((uint)(value ^ (value >> 31))) - 1;
        return op[1].Execute(s, op + 1);
    }
}
