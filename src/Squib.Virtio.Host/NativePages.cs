using System.Buffers;

namespace Squib.Virtio.Host;

/// <summary>Lends a piece of unmanaged memory as <see cref="Memory{T}"/>.</summary>
/// <remarks>
/// SAFETY: the pointer and the length come from <see cref="MappedMemory"/>, which keeps the pages mapped until it
/// forgets the address here, so that every span made before covers mapped bytes only. The owner must not release the
/// pages while a span is in use.
/// </remarks>
internal sealed unsafe class NativePages(nint address, int length) : MemoryManager<byte>
{
    private nint address = address;

    /// <inheritdoc/>
    public override Span<byte> GetSpan()
    {
        ObjectDisposedException.ThrowIf(address == 0, this);
        return new((void*)address, length);
    }

    /// <inheritdoc/>
    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)length, nameof(elementIndex));
        ObjectDisposedException.ThrowIf(address == 0, this);
        return new((byte*)address + elementIndex);
    }

    /// <inheritdoc/>
    public override void Unpin()
    {
    }

    /// <summary>Makes every later use throw <see cref="ObjectDisposedException"/>.</summary>
    public void Forget() => address = 0;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => Forget();
}
