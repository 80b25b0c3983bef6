using System.Globalization;
using Squib.Virtio.Devices.Balloon;
using Squib.Virtio.Devices.Block;
using Squib.Virtio.Devices.Console;
using Squib.Virtio.Devices.Mem;
using Squib.Virtio.Devices.Net;
using Squib.Virtio.Devices.Rng;
using Squib.Virtio.Devices.Vsock;
using Squib.Virtio.Transport;

namespace Squib.Cli.Boot;

/// <summary>Prints what a machine did.</summary>
internal static class RunStatistics
{
    /// <summary>Prints the machine's figures and a line for each device.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="assembly">The machine, at its end.</param>
    /// <param name="elapsed">How long it ran.</param>
    public static void Write(TextWriter output, MachineAssembly assembly, TimeSpan elapsed)
    {
        long instructions = assembly.Machine.Instructions;
        double rate = instructions / Math.Max(elapsed.TotalSeconds, 1e-6);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"instructions {instructions}, {rate / 1e6:0.0} million/s in {elapsed.TotalSeconds:0.00} s"));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"MMIO exits {assembly.Machine.MmioExits}"));
        foreach (AttachedDevice device in assembly.Devices)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{device.Name}: notifications {device.Transport.Notifications}, requests {device.Transport.ChainsTaken}, "
                + $"bytes {CountBytes(device.Device)}, interrupts {device.Transport.Interrupts}"));
        }
    }

    private static long CountBytes(IVirtioDevice device) => device switch
    {
        BlockDevice block => block.Counters.BytesRead + block.Counters.BytesWritten,
        NetDevice net => net.Counters.BytesSent + net.Counters.BytesReceived,
        RngDevice rng => rng.Bytes,
        VsockDevice vsock => vsock.Counters.BytesFromGuest + vsock.Counters.BytesToGuest,
        ConsoleDevice console => console.Ports.Sum(port => port.InputBytes + port.OutputBytes),
        BalloonDevice balloon => balloon.Counters.DiscardedBytes,
        MemDevice mem => mem.PluggedBytes,
        _ => 0,
    };
}
