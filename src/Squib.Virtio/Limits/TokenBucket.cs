namespace Squib.Virtio.Limits;

/// <summary>So many tokens come in a second, and at most so many stay. What is taken may leave a debt.</summary>
/// <remarks>
/// That a request is paid for after it has passed is what bounds the host's state: nothing is held back half done, the
/// cost is what was really moved, and a request that is larger than the bucket passes and is paid off.
/// </remarks>
internal struct TokenBucket
{
    private const double UsualBurstSeconds = 0.1;

    private double perSecond;
    private double capacity;
    private double level;

    /// <summary>Whether a request may pass.</summary>
    internal readonly bool HasToken => perSecond == 0 || level >= 1;

    /// <summary>The time until a request may pass, in seconds.</summary>
    internal readonly double SecondsToToken => HasToken ? 0 : (1 - level) / perSecond;

    /// <summary>Changes the rate; a debt stays, and a bucket that had no limit before is full.</summary>
    internal void Set(double? rate, long? burst)
    {
        bool hadLimit = perSecond != 0;
        perSecond = rate ?? 0;
        capacity = Math.Max(1, burst ?? (perSecond * UsualBurstSeconds));
        level = hadLimit ? Math.Min(level, capacity) : capacity;
    }

    internal void Refill(double seconds) => level = Math.Min(capacity, level + (seconds * perSecond));

    internal void Take(long tokens)
    {
        if (perSecond != 0) level -= tokens;
    }
}
