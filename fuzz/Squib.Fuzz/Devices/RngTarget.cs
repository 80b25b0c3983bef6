using Squib.Fuzz.Engine;
using Squib.Virtio.Devices.Rng;
using Squib.Virtio.Testing;

namespace Squib.Fuzz.Devices;

/// <summary>Requests to the entropy device, with a source that fails when the script says so.</summary>
internal sealed class RngTarget : IFuzzTarget
{
    private const int MostActions = 64;
    private const int MostBytes = 2048;

    private readonly DeviceBench bench;
    private readonly SeededEntropySource source = new(1);
    private readonly RngDevice device;
    private int failing;

    internal RngTarget()
    {
        device = new(new() { Source = Fill, MaxRequestBytes = MostBytes, QueueSize = 32 });
        bench = new(_ => device) { Returned = OnReturned, KindOf = (_, readable) => readable.Length > 0 ? 1 : failing != 0 ? 2 : 0 };
    }

    public string Name => "rng";

    public string Purpose => "requests for random bytes, a source that fails";

    public void Run(Script script, Behaviour behaviour)
    {
        failing = 0;
        bench.Begin(script, behaviour);
        (long failures, long bytes) = (device.Failures, device.Bytes);
        for (int i = 0; i < MostActions && !script.IsAtEnd; i++)
        {
            switch (script.Below(8))
            {
                case 0: bench.ActGenerally(); break;
                case 1: failing = script.Byte(); break;
                case 2: bench.Post(0, new byte[script.Below(64)], script.Below(64)); break;
                case 3: bench.Post(0, [], script.Word() % 0x4000); break;
                default:
                    bench.Post(0, [], 1 + script.Byte());
                    bench.Kick(0);
                    break;
            }
        }

        behaviour.SawAbout((ulong)(device.Failures - failures));
        behaviour.SawAbout((ulong)(device.Bytes - bytes));
        bench.End();
        failing = 0;
        bench.Restart();
        long before = device.Bytes;
        bench.Post(0, [], 16, 0);
        bench.Kick(0);
        FindingException.ThrowIf(device.Bytes != before + 16, "A good request is not served after a reset.");
        bench.Reset();
    }

    private void OnReturned(int queue, UsedBuffer used) =>
        FindingException.ThrowIf(used.Length > MostBytes, "A request is given more than the most bytes.");

    private void Fill(Span<byte> destination)
    {
        if ((failing & 1) != 0) throw new IOException("No random bytes.");
        failing >>= 1;
        source.Fill(destination);
    }
}
