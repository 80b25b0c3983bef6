using System.Buffers.Binary;
using Squib.Machine.Mmu;

namespace Squib.Machine.Cpu;

/// <summary>
/// The accesses to guest memory that miss the look-aside tables: unknown pages, page crossings, devices, faults.
/// </summary>
internal static unsafe class MemSlow
{
    // SAFETY: host addresses come from GuestRam and are used within one page of pinned memory.
    private const int PageBytes = 0x1000;

    /// <summary>Loads into <see cref="CpuState.Loaded"/>.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    /// <param name="va">The virtual address.</param>
    /// <param name="size">The number of bytes: 1, 2, 4 or 8.</param>
    /// <returns>False if the guest's exception was taken.</returns>
    internal static bool Load(CpuState* s, Op* op, ulong va, int size)
    {
        if (!MayBe(s, op, va, size, write: false)) return false;
        SoftwareCpu cpu = SoftwareCpu.Of(s);
        int first = FirstPart(va, size);
        if (!TryTranslate(s, op, va, write: false, out ulong physical)) return false;
        Span<byte> bytes = stackalloc byte[8];
        bytes.Clear();
        byte* host = cpu.Ram.Find(physical);
        if (first == size)
        {
            if (host != null)
            {
                cpu.Lines.AddRead(s, va, host);
                new ReadOnlySpan<byte>(host, size).CopyTo(bytes);
            }
            else if ((va & (uint)(size - 1)) != 0)
            {
                Exceptions.DataAbort(s, op, va, FaultStatus.Alignment, write: false);
                return false;
            }
            else
            {
                cpu.Bus.Read(physical, bytes[..size]);
            }
        }
        else
        {
            if (!TryTranslate(s, op, va + (uint)first, write: false, out ulong second)) return false;
            ReadPart(cpu, physical, bytes[..first]);
            ReadPart(cpu, second, bytes[first..size]);
        }

        s->Loaded = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        return true;
    }

    /// <summary>Stores.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    /// <param name="va">The virtual address.</param>
    /// <param name="value">The value; its low bytes are stored.</param>
    /// <param name="size">The number of bytes: 1, 2, 4 or 8.</param>
    /// <returns>False if the guest's exception was taken; memory is untouched then.</returns>
    internal static bool Store(CpuState* s, Op* op, ulong va, ulong value, int size)
    {
        if (!MayBe(s, op, va, size, write: true)) return false;
        SoftwareCpu cpu = SoftwareCpu.Of(s);
        int first = FirstPart(va, size);
        if (!TryTranslate(s, op, va, write: true, out ulong physical)) return false;
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        if (first != size)
        {
            if (!TryTranslate(s, op, va + (uint)first, write: true, out ulong second)) return false;
            WritePart(cpu, physical, bytes[..first]);
            WritePart(cpu, second, bytes[first..size]);
            return true;
        }

        byte* host = cpu.Ram.Find(physical, out bool readOnly);
        if (host != null)
        {
            if (readOnly) return true;
            cpu.Lines.AddWrite(s, va, host);
            bytes[..size].CopyTo(new Span<byte>(host, size));
            return true;
        }

        if ((va & (uint)(size - 1)) != 0)
        {
            Exceptions.DataAbort(s, op, va, FaultStatus.Alignment, write: true);
            return false;
        }

        cpu.Bus.Write(physical, bytes[..size]);
        return true;
    }

    /// <summary>
    /// Loads two times 64 bits into <see cref="CpuState.LoadedLow"/> and <see cref="CpuState.Loaded"/>.
    /// </summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    /// <param name="va">The virtual address.</param>
    /// <returns>False if the guest's exception was taken.</returns>
    internal static bool Load128(CpuState* s, Op* op, ulong va)
    {
        if (!Load(s, op, va, 8)) return false;
        s->LoadedLow = s->Loaded;
        return Load(s, op, va + 8, 8);
    }

    /// <summary>Stores two times 64 bits.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    /// <param name="va">The virtual address.</param>
    /// <param name="low">What is stored first.</param>
    /// <param name="high">What is stored behind it.</param>
    /// <returns>False if the guest's exception was taken; memory is untouched then.</returns>
    internal static bool Store128(CpuState* s, Op* op, ulong va, ulong low, ulong high) =>
        Probe(s, op, va, 16, write: true) && Store(s, op, va, low, 8) && Store(s, op, va + 8, high, 8);

    /// <summary>Finds out whether all bytes of a range may be accessed.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    /// <param name="va">The virtual address of the first byte.</param>
    /// <param name="size">The number of bytes, 1 to 4096.</param>
    /// <param name="write">Whether they are to be written.</param>
    /// <returns>False if the guest's exception was taken.</returns>
    internal static bool Probe(CpuState* s, Op* op, ulong va, int size, bool write)
    {
        if (!TryTranslate(s, op, va, write, out _)) return false;
        int first = FirstPart(va, size);
        return first == size || TryTranslate(s, op, va + (uint)first, write, out _);
    }

    /// <summary>
    /// Finds the host's address of memory that one page holds whole, for accesses that must be single.
    /// </summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    /// <param name="va">The virtual address.</param>
    /// <param name="size">The number of bytes; the address must be a multiple of it.</param>
    /// <param name="write">Whether they may be written.</param>
    /// <param name="host">The address; null if it is not memory.</param>
    /// <returns>False if the guest's exception was taken.</returns>
    internal static bool TryPin(CpuState* s, Op* op, ulong va, int size, bool write, out byte* host)
    {
        host = null;
        if ((va & (uint)(size - 1)) != 0)
        {
            Exceptions.DataAbort(s, op, va, FaultStatus.Alignment, write);
            return false;
        }

        if (!TryTranslate(s, op, va, write, out ulong physical)) return false;
        host = SoftwareCpu.Of(s).Ram.Find(physical, out bool readOnly);
        if (readOnly && write) host = null;
        return true;
    }

    /// <summary>Translates the address of a load or store, or takes the exception.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    /// <param name="va">The virtual address.</param>
    /// <param name="write">Whether it is a store.</param>
    /// <param name="physical">The physical address.</param>
    /// <param name="maintenance">Whether it is cache maintenance.</param>
    /// <returns>False if the guest's exception was taken.</returns>
    internal static bool TryTranslate(
        CpuState* s,
        Op* op,
        ulong va,
        bool write,
        out ulong physical,
        bool maintenance = false)
    {
        bool user = s->El == 0 || s->Unprivileged;
        MemoryAccess access = write ? MemoryAccess.Write : MemoryAccess.Read;
        Translation found = SoftwareCpu.Of(s).Translation.Translate(va, access, user);
        physical = found.Page | (va & (PageBytes - 1));
        if (!found.Failed) return true;
        Exceptions.DataAbort(s, op, va, found.Fault, write | maintenance, maintenance);
        return false;
    }

    private static bool MayBe(CpuState* s, Op* op, ulong va, int size, bool write)
    {
        if (!s->System.ChecksAlignment || (va & (uint)(size - 1)) == 0) return true;
        Exceptions.DataAbort(s, op, va, FaultStatus.Alignment, write);
        return false;
    }

    private static int FirstPart(ulong va, int size) => Math.Min(size, PageBytes - (int)(va & (PageBytes - 1)));

    private static void ReadPart(SoftwareCpu cpu, ulong physical, Span<byte> bytes)
    {
        byte* host = cpu.Ram.Find(physical);
        if (host != null) new ReadOnlySpan<byte>(host, bytes.Length).CopyTo(bytes);
        else cpu.Bus.Read(physical, bytes);
    }

    private static void WritePart(SoftwareCpu cpu, ulong physical, ReadOnlySpan<byte> bytes)
    {
        byte* host = cpu.Ram.Find(physical, out bool readOnly);
        if (host == null) cpu.Bus.Write(physical, bytes);
        else if (!readOnly) bytes.CopyTo(new Span<byte>(host, bytes.Length));
    }
}
