using Xunit;

namespace Squib.Virtio.Tests.Queues;

/// <summary>Another CPU of the guest, or a thread of the host: code that runs beside the test.</summary>
internal static class Vcpu
{
    // A thread of its own: those of the pool are few and may all be busy with other tests, and a CPU does not wait for its turn.
    public static Task Start(Action action) => Task.Factory.StartNew(
        action, TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>Does something again and again until told to end.</summary>
    public static Task Repeat(Action action, CancellationToken end) => Start(() =>
    {
        while (!end.IsCancellationRequested)
        {
            action();
            Thread.Yield();
        }
    });

    /// <summary>Waits for what should come soon, and fails when it does not.</summary>
    public static Task Soon(this Task task) =>
        task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
}
