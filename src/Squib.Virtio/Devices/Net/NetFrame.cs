using Squib.Virtio.Queues;

namespace Squib.Virtio.Devices.Net;

/// <summary>A frame on its way from the driver to a backend, where the driver has put it; nothing is copied until someone asks.</summary>
/// <remarks>
/// The driver may change the bytes at any time, so whoever checks some of them copies first. The first piece holds all headers that
/// the frame's <see cref="Header"/> speaks of, and at least the addresses and the type.
/// </remarks>
public readonly ref struct NetFrame
{
    /// <summary>The number of bytes of the Ethernet header: two addresses and the type.</summary>
    public const int EthernetHeaderBytes = 14;

    /// <summary>The largest frame in bytes: a 65,536-byte payload behind an Ethernet header (virtio 1.2, 5.1.6.3.1).</summary>
    public const int MaxLength = 65_550;

    private readonly DescriptorChain? chain;

    /// <summary>Describes a frame that is in one piece.</summary>
    /// <param name="header">What is left to do to it.</param>
    /// <param name="bytes">The frame from its destination address on.</param>
    public NetFrame(scoped in NetHeader header, ReadOnlySpan<byte> bytes)
    {
        Header = header;
        First = bytes;
        Length = bytes.Length;
    }

    internal NetFrame(scoped in NetHeader header, DescriptorChain chain)
    {
        Header = header;
        First = chain.Readable.First;
        Length = (int)chain.Readable.Length;
        if (First.Length < Length) this.chain = chain;
    }

    private NetFrame(scoped in NetHeader header, NetFrame frame)
    {
        chain = frame.chain;
        Header = header;
        First = frame.First;
        Length = frame.Length;
    }

    /// <summary>What is left to do to the frame.</summary>
    public NetHeader Header { get; }

    /// <summary>The number of bytes.</summary>
    public int Length { get; }

    /// <summary>The first piece.</summary>
    public ReadOnlySpan<byte> First { get; }

    /// <summary>Whether the first piece is the whole frame.</summary>
    public bool IsWhole => chain is null;

    /// <summary>Copies the frame.</summary>
    /// <param name="destination">Where to; at least <see cref="Length"/> bytes.</param>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public void CopyTo(Span<byte> destination)
    {
        First.CopyTo(destination);
        if (chain is not null) CopyRest(chain, destination[First.Length..]);
    }

    /// <summary>The same frame with another header.</summary>
    internal NetFrame With(scoped in NetHeader header) => new(header, this);

    private static void CopyRest(DescriptorChain chain, Span<byte> destination)
    {
        ReadableSegments pieces = chain.Readable;
        foreach (ref readonly GuestSegment piece in pieces.Segments[1..])
        {
            ReadOnlySpan<byte> bytes = chain.Slice(piece, piece.Length);
            bytes.CopyTo(destination);
            destination = destination[bytes.Length..];
        }
    }
}
