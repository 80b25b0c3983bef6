namespace Squib.Virtio.Limits;

/// <summary>How much a <see cref="RateLimiter"/> lets pass.</summary>
public sealed record RateLimits
{
    /// <summary>The bytes of a second, not 0; null for no limit.</summary>
    public long? BytesPerSecond { get; init; }

    /// <summary>The requests of a second, not 0; null for no limit.</summary>
    public long? OperationsPerSecond { get; init; }

    /// <summary>The bytes that may pass at once after a rest; null for those of a tenth of a second.</summary>
    public long? BurstBytes { get; init; }

    /// <summary>The requests that may pass at once after a rest; null for those of a tenth of a second, one at least.</summary>
    public long? BurstOperations { get; init; }

    /// <summary>Refuses what cannot be.</summary>
    internal void Validate()
    {
        Check(BytesPerSecond, nameof(BytesPerSecond), BurstBytes, nameof(BurstBytes));
        Check(OperationsPerSecond, nameof(OperationsPerSecond), BurstOperations, nameof(BurstOperations));
    }

    private static void Check(long? rate, string rateName, long? burst, string burstName)
    {
        if (rate is <= 0) throw new ArgumentOutOfRangeException(rateName, rate, "A rate is not 0; null is no limit.");
        if (burst is <= 0) throw new ArgumentOutOfRangeException(burstName, burst, "A burst is not 0; null is the usual one.");
        if (burst is not null && rate is null) throw new ArgumentException($"It means nothing without {rateName}.", burstName);
    }
}
