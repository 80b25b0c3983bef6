using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Squib.Virtio.Memory;

namespace Squib.Virtio.Queues;

/// <summary>A queue of requests as a device sees it; the format of the ring does not show.</summary>
/// <remarks>
/// <para>One owner, a loop, takes chains: wait, begin a batch, take, return, dispose.</para>
/// <code>
/// while (await queue.WaitAsync())
/// {
///     using QueueBatch batch = queue.BeginBatch();
///     while (batch.TryTake(out DescriptorChain? chain))
///     {
///         // serve the chain
///         batch.Return(chain);
///     }
/// }
/// </code>
/// <para>
/// A chain may also stay with the device after its batch and be returned later by any thread with <see cref="Return"/>, in any
/// order. Whatever is taken must be returned, and a reset waits for it.
/// </para>
/// </remarks>
public sealed class Virtqueue
{
    private readonly GuestMemory memory;
    private readonly IQueueEvents events;
    private readonly Doorbell doorbell;
    private readonly bool inline;
    private readonly bool inOrder;
    private readonly long[] dropped = new long[Enum.GetValues<ChainFault>().Length];

    // Who touches the ring: the owner within a batch or a look, or whoever finishes a stop. 0: nobody.
    private int busy;
    private volatile bool ended;
    private volatile bool stopRequested;
    private volatile bool stopped = true;
    private IRing? ring;

    private DescriptorChain current;
    private DescriptorChain[] free = [];
    private int freeCount;
    private int outstanding;
    private ulong[] inFlight = [];
    private DescriptorChain? returned;
    private DescriptorChain? oldestTaken;
    private DescriptorChain? newestTaken;

    // The driver has been asked to notify.
    private bool listening;

    // Since then nothing was there to take, and the owner has not waited: whatever comes rings.
    private bool drained;
    private int takenThisTurn;
    private long taken;
    private long interrupts;
    private long notifications;
    private long invalidNotifications;

    internal Virtqueue(int index, GuestMemory memory, in RingFeatures features, bool inline, IQueueEvents events)
    {
        Index = index;
        this.memory = memory;
        this.events = events;
        this.inline = inline;
        inOrder = features.InOrder;
        doorbell = new(inline);
        current = new(memory) { Owner = ChainOwner.Device };
    }

    /// <summary>The index of the queue, from 0.</summary>
    public int Index { get; }

    /// <summary>The number of entries of the ring, or 0 while the driver has not enabled the queue.</summary>
    public int Size => ring?.Size ?? 0;

    /// <summary>Whether the ring could not be trusted any more and is left alone until the device is reset.</summary>
    public bool IsBroken => ring is { Broken: not ChainFault.None };

    /// <summary>The number of chains taken in this session.</summary>
    public long ChainsTaken => Volatile.Read(ref taken);

    /// <summary>The number of notifications (kicks) of the driver in this session.</summary>
    public long Notifications => Volatile.Read(ref notifications);

    /// <summary>The number of notifications whose data no ring position can have.</summary>
    public long InvalidNotifications => Volatile.Read(ref invalidNotifications);

    /// <summary>The number of interrupts for used buffers in this session.</summary>
    public long Interrupts => Volatile.Read(ref interrupts);

    /// <summary>Whether the queue has come to rest: no ring, and no chain with the device.</summary>
    internal bool IsStopped => stopped;

    /// <summary>Whether the queue is on its way to rest.</summary>
    internal bool IsStopping => stopRequested && !stopped;

    internal bool IsPacked => ring is PackedRing;

    /// <summary>The number of chains with one fault that were returned unserved in this session.</summary>
    /// <param name="fault">The fault.</param>
    public long Dropped(ChainFault fault) => Volatile.Read(ref dropped[(int)fault]);

    /// <summary>Waits until there may be something to take.</summary>
    /// <returns>True: look. False: the session is over, and nothing that was taken is outstanding.</returns>
    public ValueTask<bool> WaitAsync()
    {
        for (bool sure = drained, again = false; !ended; sure = false, again = true)
        {
            if (!sure && LookForWork()) return ProceedAsync();
            if (TryWaitForRing(out ValueTask<bool> ring)) return ring;
            // The first ring may well be of a chain that the owner itself has returned.
            if (again && IsTurnOver) return YieldAsync();
        }

        return WaitForEndAsync();
    }

    /// <summary>Waits for news of any kind: the owner may take nothing although there may be something.</summary>
    /// <returns>What <see cref="WaitAsync"/> says; a batch publishes what has come back meanwhile.</returns>
    internal ValueTask<bool> RestAsync()
    {
        if (ended) return WaitForEndAsync();
        if (Volatile.Read(ref returned) is not null) return new(true);
        return TryWaitForRing(out ValueTask<bool> ring) ? ring : ProceedAsync();
    }

    /// <summary>Waits for a bell of the owner's own; what is taken after that is a new turn.</summary>
    internal ValueTask<bool> RestAsync(Doorbell bell) => TryWait(bell, out ValueTask<bool> ring) ? ring : new(true);

    /// <summary>Wakes the owner, whatever it waits for.</summary>
    internal void Wake() => doorbell.Ring();

    /// <summary>Begins a batch: the ring is looked up once, and what is returned in the batch is published at its end.</summary>
    /// <param name="maximum">The most chains to take, so that results do not wait for too many others; at most 256.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public QueueBatch BeginBatch(int maximum = ChainLimits.ChainsPerBatch) => new(this, Math.Min(maximum, ChainLimits.ChainsPerBatch));

    /// <summary>Returns a chain after its batch; any thread may.</summary>
    /// <param name="chain">The chain; it must not be touched any more.</param>
    /// <exception cref="InvalidOperationException">The chain is not taken, or was returned already.</exception>
    public void Return(DescriptorChain chain)
    {
        ArgumentNullException.ThrowIfNull(chain);
        GiveBack(chain);
        if (stopRequested) TryFinishStop();
        doorbell.Ring();
    }

    /// <summary>Returns a chain without a word to the owner, who is about to end a batch.</summary>
    internal void GiveBack(DescriptorChain chain)
    {
        if (Interlocked.CompareExchange(ref chain.Owner, ChainOwner.Returned, ChainOwner.Device) != ChainOwner.Device)
            throw new InvalidOperationException("The chain has been returned already.");
        DescriptorChain? head = Volatile.Read(ref returned);
        while (true)
        {
            chain.Next = head;
            DescriptorChain? seen = Interlocked.CompareExchange(ref returned, chain, head);
            if (ReferenceEquals(seen, head)) return;
            head = seen;
        }
    }

    /// <summary>The driver has notified the queue.</summary>
    internal void Notify()
    {
        Interlocked.Increment(ref notifications);
        doorbell.Ring();
    }

    /// <summary>The driver has notified the queue and said how far it is (NOTIFICATION_DATA, 2.9.1).</summary>
    internal void Notify(ushort position)
    {
        Interlocked.Increment(ref notifications);
        // A position that has been taken already needs no look. Should it be a lie, it is the driver's own requests that wait.
        if (ring is not { } now) return;
        bool news = now.IsNews(position, out bool valid);
        if (!valid) Interlocked.Increment(ref invalidNotifications);
        if (news) doorbell.Ring();
    }

    /// <summary>Gives the queue the ring that the driver has enabled.</summary>
    internal void Start(IRing newRing)
    {
        Enter();
        ring = newRing;
        inFlight = [];
        listening = true;
        stopRequested = false;
        stopped = false;
        Interlocked.Exchange(ref busy, 0);
        doorbell.Ring();
    }

    /// <summary>Asks for the ring back; <see cref="IsStopped"/> tells when nothing can touch it any more.</summary>
    internal void Stop()
    {
        stopRequested = true;
        TryFinishStop();
        doorbell.Ring();
    }

    /// <summary>From now on nothing is taken any more, and the owner's loop ends when all chains are back; it is to be woken.</summary>
    internal void End() => ended = true;

    // --- the batch's side -------------------------------------------------------------------------------------------------------

    /// <summary>The ring, while a batch has it.</summary>
    internal IRing Ring => ring!;

    /// <summary>The object that the next chain is read into.</summary>
    internal DescriptorChain Current => current;

    internal bool TryBeginBatch([NotNullWhen(true)] out IRing? now)
    {
        now = null;
        if (!TryEnter())
        {
            // Whoever finishes a stop holds the ring for a moment. What the last ring announced is still to be looked for.
            doorbell.Ring();
            return false;
        }

        DrainReturned();
        if (!CanTake(out now))
        {
            Leave();
            return false;
        }

        StopListening(now);
        return true;
    }

    /// <summary>Whether the device has chains from before the one that it was given last.</summary>
    internal bool HasOutstanding => outstanding != 0;

    /// <summary>Whether chains must be used in the order in which they were made available (IN_ORDER).</summary>
    internal bool MustKeepOrder => inOrder;

    internal bool IsInFlight(ushort id) => outstanding != 0 && (inFlight[id >> 6] & (1UL << id)) != 0;

    internal void CountDropped(ChainFault fault)
    {
        dropped[(int)fault]++;
        takenThisTurn++;
    }

    /// <summary>Leaves a chain to the device beyond its batch, or beyond the next take.</summary>
    /// <returns>An object for the next chain.</returns>
    internal DescriptorChain Keep(DescriptorChain chain)
    {
        // A packed ring may use any buffer id, a split ring only heads.
        if (inFlight.Length == 0) inFlight = new ulong[1 + ((IsPacked ? ushort.MaxValue : Size - 1) / 64)];
        inFlight[chain.Id >> 6] |= 1UL << chain.Id;
        outstanding++;
        if (inOrder)
        {
            if (newestTaken is null) oldestTaken = chain;
            else newestTaken.NextTaken = chain;
            newestTaken = chain;
        }

        DescriptorChain next = freeCount > 0 ? free[--freeCount] : new(memory);
        next.Owner = ChainOwner.Device;
        return next;
    }

    internal void EndBatch(IRing now, DescriptorChain unused, int count)
    {
        current = unused;
        taken += count;
        takenThisTurn += count;
        try
        {
            DrainReturned();
            if (now.Broken != ChainFault.None) events.RingBroken(this, now.Broken);
            else Listen(now, now.Publish());
        }
        finally
        {
            // Whatever a log, an interrupt controller or a device does wrong, a reset must find the ring free.
            Leave();
        }
    }

    // --- ownership of the ring --------------------------------------------------------------------------------------------------

    private bool TryEnter() => Interlocked.CompareExchange(ref busy, 1, 0) == 0;

    private void Enter()
    {
        SpinWait wait = default;
        while (!TryEnter()) wait.SpinOnce();
    }

    private void Leave()
    {
        // Full fence: either the one who asks for a stop finds the ring free, or the request is seen here.
        Interlocked.Exchange(ref busy, 0);
        if (stopRequested) TryFinishStop();
    }

    private void TryFinishStop()
    {
        if (stopped || !TryEnter()) return;
        // Who comes late to a stop that is over may find the next ring already running: so the request is looked at again inside.
        if (stopRequested)
        {
            DrainReturned();
            if (outstanding == 0)
            {
                ring = null;
                stopped = true;
            }
        }

        Interlocked.Exchange(ref busy, 0);
        // A chain that came back while the ring was held is for the next call; the owner of that chain saw busy and left.
        if (stopRequested && !stopped && Volatile.Read(ref returned) is not null) TryFinishStop();
    }

    private bool CanTake([NotNullWhen(true)] out IRing? now)
    {
        now = ring;
        return now is { Broken: ChainFault.None } && !ended && !stopRequested;
    }

    private bool LookForWork()
    {
        Enter();
        bool work = Volatile.Read(ref returned) is not null;
        if (!work && CanTake(out IRing? now))
        {
            Listen(now, published: false);
            work = !listening;
        }

        Leave();
        return work;
    }

    /// <summary>Interrupts the driver for what was published, and asks it to notify if there is nothing to take.</summary>
    private void Listen(IRing now, bool published)
    {
        if (now.HasAvailable())
        {
            StopListening(now);
            if (!published) return;
        }
        else
        {
            now.EnableNotifications();
            listening = true;
        }

        // Full fence, for two races. A driver that writes how far it has seen used buffers (used_event, 2.7.7.2; the packed suppression
        // structure, 2.8.10) and then looks for more either sees what was published or is seen here: else an interrupt would be lost. A
        // driver that made a buffer available before it saw the request to notify is seen by the second look: else both would wait.
        Thread.MemoryBarrier();
        if (published && now.WantsInterrupt()) Interrupt();
        if (listening && now.HasAvailable()) StopListening(now);
        drained = listening;
    }

    private void StopListening(IRing now)
    {
        if (listening) now.DisableNotifications();
        listening = false;
    }

    // A driver that refills as fast as the device drains must not keep the thread: after one ring's worth go on elsewhere.
    private bool IsTurnOver => takenThisTurn >= (inline ? Math.Max(Size, ChainLimits.ChainsPerBatch) : ChainLimits.ChainsPerBatch);

    private ValueTask<bool> ProceedAsync() => IsTurnOver ? YieldAsync() : new(true);

    private ValueTask<bool> YieldAsync()
    {
        takenThisTurn = 0;
        return doorbell.YieldAsync();
    }

    private bool TryWaitForRing(out ValueTask<bool> ring)
    {
        drained = false;
        return TryWait(doorbell, out ring);
    }

    private bool TryWait(Doorbell bell, out ValueTask<bool> ring)
    {
        bool waits = bell.TryWait(out ring);
        // A ring that came meanwhile counts as a chain does: a vCPU that kicks all the time must not keep another one, either.
        if (waits) takenThisTurn = 0;
        else takenThisTurn++;
        return waits;
    }

    private ValueTask<bool> WaitForEndAsync()
    {
        Enter();
        DrainReturned();
        bool over = outstanding == 0;
        Leave();
        return over ? new(false) : doorbell.WaitAsync();
    }

    private void Interrupt()
    {
        interrupts++;
        events.BuffersUsed();
    }

    // --- chains that outlive their batch ----------------------------------------------------------------------------------------

    private void DrainReturned()
    {
        if (Volatile.Read(ref returned) is null) return;
        DescriptorChain? chain = Interlocked.Exchange(ref returned, null);
        while (chain is not null)
        {
            DescriptorChain? next = chain.Next;
            chain.Next = null;
            if (inOrder) chain.Owner = ChainOwner.Waiting;
            else Retire(chain);
            chain = next;
        }

        // MUST (2.7.9): with IN_ORDER buffers are used in the order in which they were made available.
        while (oldestTaken is { } oldest && oldest.Owner == ChainOwner.Waiting)
        {
            oldestTaken = oldest.NextTaken;
            if (oldestTaken is null) newestTaken = null;
            oldest.NextTaken = null;
            Retire(oldest);
        }
    }

    private void Retire(DescriptorChain chain)
    {
        inFlight[chain.Id >> 6] &= ~(1UL << chain.Id);
        outstanding--;
        // What a broken, stopped or ended ring lent is taken back without a word: nobody reads the answer.
        if (CanTake(out IRing? now)) now.Complete(chain);

        chain.Owner = ChainOwner.Queue;
        if (freeCount == free.Length) Array.Resize(ref free, Math.Max(4, free.Length * 2));
        free[freeCount++] = chain;
    }
}
