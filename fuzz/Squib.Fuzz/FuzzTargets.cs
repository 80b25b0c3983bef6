using Squib.Fuzz.Engine;
using Squib.Fuzz.Rings;

namespace Squib.Fuzz;

/// <summary>All targets.</summary>
internal static class FuzzTargets
{
    private static readonly Func<IFuzzTarget>[] Factories =
    [
        () => new RingTarget(packed: false),
        () => new RingTarget(packed: true),
    ];

    internal static IEnumerable<IFuzzTarget> CreateAll() => Factories.Select(create => create());

    internal static IFuzzTarget? TryCreate(string name) => CreateAll().FirstOrDefault(target => target.Name == name);
}
