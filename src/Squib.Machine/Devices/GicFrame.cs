using System.Buffers.Binary;
using Squib.Virtio.Bus;

namespace Squib.Machine.Devices;

/// <summary>A frame of 32-bit registers on the bus, and what accesses of other widths mean to it.</summary>
/// <remarks>
/// 64-bit accesses are two registers, the lower first. Narrow reads cut out of a register; narrow writes exist for
/// priorities alone, which are one byte each. Unaligned accesses read as zero and write nothing.
/// </remarks>
/// <param name="read">Reads the register at an offset that is a multiple of 4.</param>
/// <param name="write">Writes the register at an offset that is a multiple of 4.</param>
internal sealed class GicFrame(Func<uint, uint> read, Action<uint, uint> write) : IBusDevice
{
    public void Read(ulong offset, Span<byte> data)
    {
        data.Clear();
        if (!IsAligned(offset, data.Length)) return;
        uint at = (uint)offset & ~3u;
        Span<byte> registers = stackalloc byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(registers, read(at));
        if (data.Length == 8) BinaryPrimitives.WriteUInt32LittleEndian(registers[4..], read(at + 4));
        registers.Slice((int)offset & 3, data.Length).CopyTo(data);
    }

    public void Write(ulong offset, ReadOnlySpan<byte> data)
    {
        if (!IsAligned(offset, data.Length)) return;
        uint at = (uint)offset & ~3u;
        switch (data.Length)
        {
            case 4:
                write(at, BinaryPrimitives.ReadUInt32LittleEndian(data));
                break;
            case 8:
                write(at, BinaryPrimitives.ReadUInt32LittleEndian(data));
                write(at + 4, BinaryPrimitives.ReadUInt32LittleEndian(data[4..]));
                break;
            case var _ when (offset & 0xFFFF) is >= 0x400 and < 0x800:
                Span<byte> register = stackalloc byte[4];
                BinaryPrimitives.WriteUInt32LittleEndian(register, read(at));
                data.CopyTo(register[((int)offset & 3)..]);
                write(at, BinaryPrimitives.ReadUInt32LittleEndian(register));
                break;
        }
    }

    private static bool IsAligned(ulong offset, int width) =>
        width is 1 or 2 or 4 or 8 && (offset & (ulong)(width - 1)) == 0;
}
