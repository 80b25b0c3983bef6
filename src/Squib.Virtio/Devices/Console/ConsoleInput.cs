using System.Diagnostics.CodeAnalysis;
using Squib.Virtio.Queues;

namespace Squib.Virtio.Devices.Console;

/// <summary>Bytes on their way to the guest: bounded, and whoever writes waits for room.</summary>
[SuppressMessage("Design", "CA1001", Justification = "A semaphore without its wait handle holds nothing.")]
internal sealed class ConsoleInput
{
    private readonly ByteRing ring;
    private readonly Doorbell arrived;
    private readonly Doorbell room = new(inline: false);
    private readonly SemaphoreSlim writer = new(1, 1);
    private volatile bool closed;

    /// <param name="capacity">The most bytes that wait.</param>
    /// <param name="arrived">Rings when bytes have come.</param>
    internal ConsoleInput(int capacity, Doorbell arrived)
    {
        ring = new(capacity);
        this.arrived = arrived;
    }

    internal bool IsEmpty => ring.IsEmpty;

    /// <summary>Appends all bytes; they stay in order and none is lost, however long the guest takes.</summary>
    internal async ValueTask WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancel)
    {
        await writer.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            while (!source.IsEmpty)
            {
                if (closed) throw new InvalidOperationException("The port has been removed.");
                int taken = ring.Write(source.Span);
                source = source[taken..];
                if (taken > 0) arrived.Ring();
                else await WaitForRoomAsync(cancel).ConfigureAwait(false);
            }
        }
        finally
        {
            writer.Release();
        }
    }

    /// <summary>Fills a buffer of the guest as far as there are bytes.</summary>
    /// <returns>The number of bytes.</returns>
    internal int Fill(WritableSegments destination)
    {
        int total = 0;
        while (destination.Length > 0)
        {
            int count = ring.Read(destination.First);
            if (count == 0) break;
            destination.Advance(count);
            total += count;
        }

        // A guest that reads byte by byte must not wake the writer for each of them.
        if (total > 0 && ring.IsHalfEmpty) room.Ring();
        return total;
    }

    /// <summary>Turns away who waits and who comes.</summary>
    internal void Close()
    {
        closed = true;
        room.Ring();
    }

    private async ValueTask WaitForRoomAsync(CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        using CancellationTokenRegistration wake = cancel.UnsafeRegister(static bell => ((Doorbell)bell!).Ring(), room);
        await room.WaitAsync().ConfigureAwait(false);
        cancel.ThrowIfCancellationRequested();
    }
}
