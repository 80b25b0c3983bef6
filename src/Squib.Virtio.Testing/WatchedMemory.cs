using System.Buffers;

namespace Squib.Virtio.Testing;

/// <summary>
/// Host memory for a region, between guard bytes. It calls back whenever it is looked up, so that a test can change
/// what a driver has
/// written between two looks of a device.
/// </summary>
public sealed class WatchedMemory : MemoryManager<byte>
{
    private const int Guard = 4096;
    private const byte Canary = 0xc7;

    private readonly byte[] host;
    private readonly int length;
    private bool inCallback;

    /// <summary>Creates memory filled with zeros.</summary>
    /// <param name="length">Its length in bytes.</param>
    public WatchedMemory(int length)
    {
        this.length = length;
        host = new byte[Guard + length + Guard];
        host.AsSpan(0, Guard).Fill(Canary);
        host.AsSpan(Guard + length).Fill(Canary);
    }

    /// <summary>Called before each look-up, but not for look-ups that it makes itself.</summary>
    public Action? LookedUp { get; set; }

    /// <summary>The number of look-ups so far.</summary>
    public long LookUps { get; private set; }

    /// <summary>The bytes, without a look-up that counts.</summary>
    public Span<byte> Bytes => host.AsSpan(Guard, length);

    /// <summary>Whether nobody has written beside the memory.</summary>
    public bool GuardsAreIntact =>
        !host.AsSpan(0, Guard).ContainsAnyExcept(Canary) && !host.AsSpan(Guard + length).ContainsAnyExcept(Canary);

    /// <inheritdoc/>
    public override Span<byte> GetSpan()
    {
        LookUps++;
        if (LookedUp is { } callback && !inCallback)
        {
            inCallback = true;
            callback();
            inCallback = false;
        }

        return Bytes;
    }

    /// <inheritdoc/>
    public override MemoryHandle Pin(int elementIndex = 0) => host.AsMemory(Guard + elementIndex).Pin();

    /// <inheritdoc/>
    public override void Unpin()
    {
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
    }
}
