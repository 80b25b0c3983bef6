namespace Squib.Machine.Tests.Differential;

/// <summary>
/// Adapts load and store words so that they access the window, and writes the code that sets their registers.
/// </summary>
internal sealed class MemoryForm(Random random)
{
    private const int LongestAccess = 64;

    /// <summary>
    /// Appends a load or store, after what sets its registers; or appends nothing where it cannot be placed.
    /// </summary>
    /// <param name="word">A word of a load or store.</param>
    /// <param name="mask">Its fixed bits.</param>
    /// <param name="code">Where to.</param>
    public void Append(uint word, uint mask, List<uint> code)
    {
        if (Bits(word, 24, 6) is 0b001100 or 0b001101)
            AppendAt(word, code, Target(1), offset: 0);
        else if (Bits(word, 24, 6) == 0b001000)
            AppendExclusive(word, mask, code);
        else if (Bits(word, 27, 3) == 0b011 && Bits(word, 24, 2) == 0)
            code.Add((word & ~(0x7ffffu << 5)) | ((uint)random.Next(-16, 16) & 0x7ffff) << 5);
        else if (Bits(word, 27, 3) == 0b101)
            AppendPair(word, code);
        else if (Bits(word, 27, 3) == 0b111)
            AppendSingle(word, code);
    }

    /// <summary>Whether a word is in the encoding space of loads and stores.</summary>
    public static bool Includes(uint word) => (Bits(word, 25, 4) & 0b0101) == 0b0100;

    private static int Bits(uint word, int position, int width) => (int)(word >> position) & ((1 << width) - 1);

    private static uint Set(uint word, int position, int width, int value)
    {
        uint field = ((1u << width) - 1) << position;
        return (word & ~field) | (((uint)value << position) & field);
    }

    /// <summary>An address in the window from which the longest access stays in it.</summary>
    private uint Target(int alignment) =>
        (Layout.WindowStart + (uint)random.Next(Layout.WindowLength - LongestAccess)) & ~((uint)alignment - 1);

    private void AppendExclusive(uint word, uint mask, List<uint> code)
    {
        bool isExclusive = Bits(word, 23, 1) == 0, isPair = isExclusive && Bits(word, 21, 1) == 1;
        bool isLoad = Bits(word, 22, 1) == 1;
        int size = 1 << Bits(word, 30, 2);
        int rn = Bits(word, 5, 5), rt = Bits(word, 0, 5), rt2 = isPair ? Bits(word, 10, 5) : rt, rs = Bits(word, 16, 5);
        if (!isPair)
            word |= (0x1fu << 10) & ~mask;
        if (!isExclusive || isLoad)
            word |= (0x1fu << 16) & ~mask;

        // These leave open what happens.
        if (isPair && isLoad && rt == rt2)
            return;
        bool isStoreExclusive = isExclusive && !isLoad;
        if (isStoreExclusive && (rs == rt || rs == rt2 || (rs == rn && rn != 31)))
            return;

        uint address = Target(isPair ? size * 2 : size);
        if (isStoreExclusive && random.Next(4) != 0)
        {
            int into = (rn + 1 + random.Next(14)) % 31, into2 = (into + 1) % 31;
            if (into != rn && into2 != rn)
            {
                uint load = Set(Set(word | (1u << 22), 16, 5, 31), 0, 5, into);
                AppendAt(isPair ? Set(load, 10, 5, into2) : load, code, address, 0);
                code.Add(word);
                return;
            }
        }

        AppendAt(word, code, address, 0);
    }

    private void AppendPair(uint word, List<uint> code)
    {
        bool isVector = Bits(word, 26, 1) == 1, isLoad = Bits(word, 22, 1) == 1, writesBack = Bits(word, 23, 1) == 1;
        int mode = Bits(word, 23, 2), scale = 2 + (isVector ? Bits(word, 30, 2) : Bits(word, 31, 1));
        int rt = Bits(word, 0, 5), rt2 = Bits(word, 10, 5), rn = Bits(word, 5, 5);
        bool changesBase = writesBack && mode != 2;
        if ((isLoad && rt == rt2) || (changesBase && !isVector && rn != 31 && (rn == rt || rn == rt2)))
            return;
        int offset = (Bits(word, 15, 7) << 25 >> 25) << scale;
        AppendAt(word, code, Target(1), mode == 1 ? 0 : offset);
    }

    private void AppendSingle(uint word, List<uint> code)
    {
        bool isVector = Bits(word, 26, 1) == 1;
        int scale = Bits(word, 30, 2) | (isVector ? Bits(word, 23, 1) << 2 : 0);
        if (Bits(word, 24, 1) == 1)
        {
            AppendAt(word, code, Target(1), Bits(word, 10, 12) << scale);
            return;
        }

        int mode = Bits(word, 10, 2), rt = Bits(word, 0, 5), rn = Bits(word, 5, 5);
        if (Bits(word, 21, 1) == 1)
        {
            if (mode == 2)
                AppendRegisterOffset(word, code, scale);
            return;
        }

        bool changesBase = mode is 1 or 3;
        if (changesBase && !isVector && rn == rt && rn != 31)
            return;
        AppendAt(word, code, Target(1), mode == 1 ? 0 : Bits(word, 12, 9) << 23 >> 23);
    }

    private void AppendRegisterOffset(uint word, List<uint> code, int scale)
    {
        int rn = Bits(word, 5, 5), rm = Bits(word, 16, 5), option = Bits(word, 13, 3);
        if (rm == rn && rn != 31)
            word = Set(word, 16, 5, rm = (rn + 1) & 31);
        bool isSigned = option != 2;
        int index = rm == 31 ? 0 : random.Next(isSigned ? -600 : 0, 600);
        ulong register = (ulong)index;

        // The upper half counts only if the register is used as a whole.
        if ((option & 1) == 0)
            register = (uint)index | ((ulong)random.Next() << 32);
        for (int half = 0; half < 4 && rm != 31; half++)
        {
            ushort part = (ushort)(register >> (16 * half));
            code.Add(half == 0 ? Assembler.MoveWide(rm, part) : Assembler.MoveKeep(rm, part, half));
        }

        int offset = Bits(word, 12, 1) == 1 ? index << scale : index;
        AppendAt(word, code, Target(1), offset, rm);
    }

    /// <summary>Sets the base register so that base and offset make the target, then appends the word.</summary>
    private static void AppendAt(uint word, List<uint> code, uint target, int offset, int untouched = 31)
    {
        int rn = Bits(word, 5, 5), temporary = rn == 31 ? (untouched + 1) % 31 : rn;
        uint address = target - (uint)offset;
        code.Add(Assembler.MoveWide(temporary, (ushort)address));
        code.Add(Assembler.MoveKeep(temporary, (ushort)(address >> 16), 1));
        if (rn == 31)
            code.Add(0x9100_001f | ((uint)temporary << 5)); // mov sp, temporary
        code.Add(word);
    }
}
