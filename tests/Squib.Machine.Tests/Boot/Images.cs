using System.Buffers.Binary;
using Squib.Machine.Boot;

namespace Squib.Machine.Tests.Boot;

/// <summary>Kernels without code.</summary>
internal static class Images
{
    /// <summary>Where a program's exception vectors are, from the start of its image.</summary>
    public const int VectorsOffset = 0x800;

    public static byte[] Bytes(ulong imageSize = 4096, ulong textOffset = 0, ulong flags = 0xA, int length = 256)
    {
        byte[] image = new byte[length];
        BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(8), textOffset);
        BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(16), imageSize);
        BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(24), flags);
        "ARM\x64"u8.CopyTo(image.AsSpan(56));
        image[^1] = 0x77;
        return image;
    }

    /// <summary>A kernel that jumps over its header to some code, with more code in its IRQ vector.</summary>
    public static KernelImage Program(ReadOnlySpan<uint> code, ReadOnlySpan<uint> irq = default)
    {
        const uint JumpOverHeader = 0x1400_0010;
        const int CodeOffset = 0x40;
        const int IrqOffset = VectorsOffset + 0x280;
        byte[] image = Bytes(length: 4096);
        BinaryPrimitives.WriteUInt32LittleEndian(image, JumpOverHeader);
        for (int i = 0; i < code.Length; i++)
            BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(CodeOffset + (4 * i)), code[i]);
        for (int i = 0; i < irq.Length; i++)
            BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(IrqOffset + (4 * i)), irq[i]);
        return KernelImage.Parse(image);
    }

    public static KernelImage Kernel(ulong imageSize = 4096, ulong textOffset = 0) =>
        KernelImage.Parse(Bytes(imageSize, textOffset));
}
