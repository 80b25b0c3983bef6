using Squib.Virtio.Queues;

namespace Squib.Virtio.Devices.Net;

/// <summary>Buffers of a receive queue that wait until there are enough of them for a large frame (MRG_RXBUF).</summary>
/// <remarks>They are taken in one batch or several, and go back all together, so that the driver sees a whole frame or nothing.</remarks>
internal sealed class NetGathering(Virtqueue queue)
{
    private readonly List<DescriptorChain> chains = [];
    private readonly byte[] headerBytes = new byte[NetHeader.Size];

    internal bool IsEmpty => chains.Count == 0;

    internal int Count => chains.Count;

    /// <summary>The number of bytes that there is room for.</summary>
    internal long Bytes { get; private set; }

    internal void Add(DescriptorChain chain)
    {
        chains.Add(chain);
        Bytes += chain.Writable.Length;
    }

    /// <summary>Puts a frame into the first buffers, as many as it needs; call <see cref="Publish"/> afterwards, outside a batch.</summary>
    /// <returns>Whether there was room.</returns>
    internal bool TryFill(in NetHeader header, ReadOnlySpan<byte> frame)
    {
        int needed = NetHeader.Size + frame.Length;
        if (Bytes < needed) return false;
        long room = 0;
        int count = 0;
        while (room < needed) room += chains[count++].Writable.Length;
        // MUST (5.1.6.4.1): num_buffers is the number of buffers that the frame with its header covers.
        (header with { Buffers = (ushort)count }).Write(headerBytes);
        chains[0].Writable.TryWrite(headerBytes);
        for (int i = 0; i < count; i++)
        {
            WritableSegments buffer = chains[i].Writable;
            int here = (int)Math.Min(buffer.Length, frame.Length);
            buffer.TryWrite(frame[..here]);
            frame = frame[here..];
        }

        Return(count);
        Bytes -= room;
        return true;
    }

    /// <summary>Returns all buffers without anything in them.</summary>
    internal void GiveBack()
    {
        Return(chains.Count);
        Bytes = 0;
    }

    /// <summary>Lets the driver see what was returned.</summary>
    internal void Publish() => queue.BeginBatch(0).Dispose();

    private void Return(int count)
    {
        // What is returned outside a batch goes onto a stack, from which the queue takes it when the next batch begins.
        for (int i = count - 1; i >= 0; i--) queue.Return(chains[i]);
        chains.RemoveRange(0, count);
    }
}
