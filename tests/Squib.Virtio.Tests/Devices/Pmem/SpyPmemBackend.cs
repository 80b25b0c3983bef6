using Squib.Virtio.Devices.Pmem;

namespace Squib.Virtio.Tests.Devices.Pmem;

/// <summary>A backend whose flushes end when a test says so, or at once.</summary>
internal sealed class SpyPmemBackend : IPmemBackend
{
    private readonly List<TaskCompletionSource> held = [];

    public bool Holds { get; set; }

    public Exception? Failure { get; set; }

    public int Flushes { get; private set; }

    public int Held => held.Count;

    public ValueTask FlushAsync(CancellationToken cancel)
    {
        Flushes++;
        if (Failure is not null && !Holds) throw Failure;
        if (!Holds) return ValueTask.CompletedTask;
        TaskCompletionSource pending = new();
        held.Add(pending);
        return new(pending.Task);
    }

    public void Complete()
    {
        TaskCompletionSource[] all = [.. held];
        held.Clear();
        foreach (TaskCompletionSource pending in all)
        {
            if (Failure is null) pending.SetResult();
            else pending.SetException(Failure);
        }
    }
}
