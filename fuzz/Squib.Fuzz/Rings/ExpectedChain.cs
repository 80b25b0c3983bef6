namespace Squib.Fuzz.Rings;

/// <summary>A chain as the model of the ring reads it, and what is to become of it.</summary>
internal sealed class ExpectedChain
{
    internal ushort Id { get; set; }

    /// <summary>The number of descriptors of the ring that it takes; used with packed rings.</summary>
    internal int Slots { get; set; } = 1;

    internal bool IsMalformed { get; set; }

    internal List<Piece> Pieces { get; } = [];

    /// <summary>Whether the device has returned it.</summary>
    internal bool IsReturned { get; set; }

    internal uint UsedLength { get; set; }

    internal bool HasStatus { get; set; }

    internal uint ReadBytes => Sum(writable: false);

    internal uint WriteBytes => Sum(writable: true);

    /// <summary>Whether the driver may take it as filled when a later one is reported instead of it (IN_ORDER).</summary>
    internal bool IsFull => !IsMalformed && UsedLength == WriteBytes;

    private uint Sum(bool writable)
    {
        uint sum = 0;
        foreach (Piece piece in Pieces)
        {
            if (piece.IsWritable == writable) sum += piece.Length;
        }

        return sum;
    }
}
