using System.Diagnostics;
using System.Reflection;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Tests.Devices;

/// <summary>
/// How the library was built: a debug build makes objects of the state of async methods, even of those that do not
/// wait.
/// </summary>
internal static class Optimization
{
    internal static bool IsOn =>
        typeof(IVirtioDevice).Assembly.GetCustomAttribute<DebuggableAttribute>()
            is not { IsJITOptimizerDisabled: true };
}
