using System.Buffers.Binary;
using Squib.Virtio.Memory;

namespace Squib.Machine.Mmu;

/// <summary>The walk through the translation tables of stage 1 with the 4 KiB granule.</summary>
internal static class PageWalk
{
    private const ulong AddressMask = 0x0000_ffff_ffff_f000;
    private const int LastLevel = 3;

    /// <summary>Finds the translation of the page that an address lies in.</summary>
    /// <param name="memory">Where the tables are.</param>
    /// <param name="control">The control of the address's half of the address space.</param>
    /// <param name="tableBase">TTBR0_EL1 or TTBR1_EL1.</param>
    /// <param name="va">The virtual address.</param>
    public static Translation Walk(GuestMemory memory, in TranslationControl control, ulong tableBase, ulong va)
    {
        if (control.Disabled || !control.Covers(va)) return Translation.Faulted(FaultStatus.Translation);
        int level = control.AddressBits > 39 ? 0 : control.AddressBits > 30 ? 1 : 2;
        int indexBits = control.AddressBits - Shift(level);
        ulong table = tableBase & 0x0000_ffff_ffff_fffe & ~((8ul << indexBits) - 1);
        if (table >= control.OutputLimit) return Translation.Faulted(FaultStatus.AddressSize);
        PageAttributes inherited = PageAttributes.None;
        for (; ; level++, indexBits = 9)
        {
            ulong index = (va >> Shift(level)) & ((1ul << indexBits) - 1);
            if (!TryRead(memory, table + (index * 8), out ulong descriptor))
                return Translation.Faulted(FaultStatus.ExternalOnWalk + level);
            bool isTable = (descriptor & 2) != 0;
            bool valid = (descriptor & 1) != 0 && (isTable || level is 1 or 2);
            if (!valid) return Translation.Faulted(FaultStatus.Translation + level);
            if (!isTable || level == LastLevel) return Leaf(control, descriptor, va, level, inherited);
            table = descriptor & AddressMask;
            if (table >= control.OutputLimit) return Translation.Faulted(FaultStatus.AddressSize + level);
            inherited |= TableAttributes(descriptor);
        }
    }

    private static int Shift(int level) => 39 - (9 * level);

    private static PageAttributes TableAttributes(ulong descriptor)
    {
        PageAttributes attributes = PageAttributes.None;
        if ((descriptor & (1ul << 59)) != 0) attributes |= PageAttributes.PrivilegedNoExecute;
        if ((descriptor & (1ul << 60)) != 0) attributes |= PageAttributes.UserNoExecute;
        if ((descriptor & (1ul << 61)) != 0) attributes |= PageAttributes.User; // APTable[0]: takes the right away
        if ((descriptor & (1ul << 62)) != 0) attributes |= PageAttributes.ReadOnly;
        return attributes;
    }

    private static Translation Leaf(
        in TranslationControl control,
        ulong descriptor,
        ulong va,
        int level,
        PageAttributes inherited)
    {
        ulong offsetMask = (1ul << Shift(level)) - 1;
        ulong start = descriptor & AddressMask & ~offsetMask;
        if (start >= control.OutputLimit) return Translation.Faulted(FaultStatus.AddressSize + level);
        if ((descriptor & (1 << 10)) == 0) return Translation.Faulted(FaultStatus.AccessFlag + level);
        PageAttributes attributes = PageAttributes.None;
        if ((descriptor & (1 << 6)) != 0 && (inherited & PageAttributes.User) == 0) attributes |= PageAttributes.User;
        if ((descriptor & (1 << 7)) != 0) attributes |= PageAttributes.ReadOnly;
        if ((descriptor & (1 << 11)) != 0) attributes |= PageAttributes.NotGlobal;
        if ((descriptor & (1ul << 53)) != 0) attributes |= PageAttributes.PrivilegedNoExecute;
        if ((descriptor & (1ul << 54)) != 0) attributes |= PageAttributes.UserNoExecute;
        attributes |= inherited & ~PageAttributes.User;
        return new(
            start | (va & offsetMask & ~0xffful), attributes, (int)(descriptor >> 2) & 7, level, FaultStatus.None);
    }

    private static bool TryRead(GuestMemory memory, ulong address, out ulong descriptor)
    {
        descriptor = 0;
        if (!memory.TryGetSpan(address, sizeof(ulong), out Span<byte> bytes)) return false;
        return BinaryPrimitives.TryReadUInt64LittleEndian(bytes, out descriptor);
    }
}
