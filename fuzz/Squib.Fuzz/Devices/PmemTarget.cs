using Squib.Fuzz.Engine;
using Squib.Virtio.Devices.Pmem;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;

namespace Squib.Fuzz.Devices;

/// <summary>Flush requests, and a backend that is done at once, later, or fails.</summary>
internal sealed class PmemTarget : IFuzzTarget, IPmemBackend
{
    private const int MostActions = 64;

    private readonly DeviceBench bench;
    private readonly PmemDevice device;
    private TaskCompletionSource? pending;
    private int answers;

    internal PmemTarget()
    {
        device = new(this, new() { Address = 1 << 30, Length = 2 << 20, QueueSize = 32 });
        bench = new(_ => device) { Returned = OnReturned };
    }

    public string Name => "pmem";

    public string Purpose => "flush requests, a backend that answers late or fails";

    public void Run(Script script, Behaviour behaviour)
    {
        answers = 0;
        bench.Begin(script, behaviour);
        PmemCounters before = device.Counters;
        for (int i = 0; i < MostActions && !script.IsAtEnd; i++) Act(script);
        PmemCounters after = device.Counters;
        behaviour.SawAbout((ulong)(after.Flushes - before.Flushes));
        behaviour.SawAbout((ulong)(after.Failures - before.Failures));
        behaviour.SawAbout((ulong)(after.Unknown - before.Unknown));
        behaviour.SawAbout((ulong)(after.Malformed - before.Malformed));
        behaviour.Saw(pending is null ? 0 : 1);
        bench.End();
        answers = 0;
        bench.Restart();
        long requests = device.Counters.Requests;
        bench.Post(0, new byte[4], 4, 0);
        bench.Kick(0);
        FindingException.ThrowIf(device.Counters.Requests != requests + 1 || bench.InFlight(0) != 0, "A good request is not served after a reset.");
        bench.Reset();
    }

    public ValueTask FlushAsync(CancellationToken cancel)
    {
        int answer = answers & 3;
        answers >>= 2;
        bench.Step(100 + answer);
        bench.Require(pending is null, "Two flushes are under way.");
        switch (answer)
        {
            case 0: return ValueTask.CompletedTask;
            case 1: throw new IOException("The disk is gone.");
            case 2: return ValueTask.FromException(new IOException("The disk is full."));
            default:
                TaskCompletionSource begun = pending = new();
                cancel.Register(() => Finish(begun, fails: true));
                return new(begun.Task);
        }
    }

    private void Act(Script script)
    {
        switch (script.Below(8))
        {
            case 0: bench.ActGenerally(); break;
            case 1: answers = script.Word(); break;
            case 2:
                if (pending is not { } begun) break;
                bool fails = script.Flag();
                bench.Observe(() => Finish(begun, fails));
                break;
            case 3:
                byte[] any = new byte[script.Below(12)];
                script.Fill(any);
                bench.Post(0, any, script.Below(9));
                break;
            case 4:
                bench.Driver.WriteRegister(MmioRegister.ShmSel, (uint)script.Number());
                bench.Behaviour.Saw(bench.Driver.ReadRegister(MmioRegister.ShmLenLow) + (long)bench.Driver.ReadRegister(MmioRegister.ShmBaseLow));
                bench.Behaviour.Saw(bench.Driver.ReadRegister(MmioRegister.ShmLenHigh) ^ bench.Driver.ReadRegister(MmioRegister.ShmBaseHigh));
                break;
            default:
                bench.Post(0, new byte[4], 4);
                bench.Kick(0);
                break;
        }
    }

    private static void OnReturned(int queue, UsedBuffer used) =>
        FindingException.ThrowIf(used.Length is not (0 or 4), "An answer is not 4 bytes long.");

    private void Finish(TaskCompletionSource begun, bool fails)
    {
        if (ReferenceEquals(pending, begun)) pending = null;
        if (fails) begun.TrySetException(new IOException("The disk does not answer."));
        else begun.TrySetResult();
    }
}
