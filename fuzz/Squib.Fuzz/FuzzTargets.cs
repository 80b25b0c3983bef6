using Squib.Fuzz.Boot;
using Squib.Fuzz.Devices;
using Squib.Fuzz.Engine;
using Squib.Fuzz.Rings;
using Squib.Fuzz.Transport;

namespace Squib.Fuzz;

/// <summary>All targets.</summary>
internal static class FuzzTargets
{
    private static readonly (string Name, Func<IFuzzTarget> Create)[] All =
    [
        ("ring-split", () => new RingTarget(packed: false)),
        ("ring-packed", () => new RingTarget(packed: true)),
        ("transport", () => new TransportTarget()),
        ("block", () => new BlockTarget()),
        ("net", () => new NetTarget()),
        ("vsock", () => new VsockTarget()),
        ("balloon", () => new BalloonTarget()),
        ("rng", () => new RngTarget()),
        ("console", () => new ConsoleTarget()),
        ("pmem", () => new PmemTarget()),
        ("mem", () => new MemTarget()),
        ("device-tree", () => new DeviceTreeTarget()),
        ("kernel", () => new KernelTarget()),
    ];

    internal static IEnumerable<string> Names => All.Select(target => target.Name);

    internal static IEnumerable<IFuzzTarget> CreateAll() => All.Select(target => target.Create());

    internal static IFuzzTarget? TryCreate(string name) => All.FirstOrDefault(target => target.Name == name).Create?.Invoke();
}
