using Xunit;

namespace Squib.Virtio.Tests.Queues;

/// <summary>Another CPU of the guest, or a thread of the host: code that runs beside the test.</summary>
internal static class Vcpu
{
    public static Task Start(Action action) => Task.Run(action, TestContext.Current.CancellationToken);

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
