using System.Buffers.Binary;
using Squib.Machine.Boot;

namespace Squib.Machine.Tests.Boot;

/// <summary>Kernels without code.</summary>
internal static class Images
{
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

    public static KernelImage Kernel(ulong imageSize = 4096, ulong textOffset = 0) =>
        KernelImage.Parse(Bytes(imageSize, textOffset));
}
