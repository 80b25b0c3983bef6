using Squib.Virtio.Devices.Balloon;
using Squib.Virtio.Devices.Mem;

namespace Squib.Cli.Boot;

/// <summary>Does to the devices of a running guest what the guest's script asks for, as an embedding program would.</summary>
/// <param name="balloon">The balloon, or null.</param>
/// <param name="mem">The memory that can be plugged, or null.</param>
internal sealed class MemoryRequests(BalloonDevice? balloon, MemDevice? mem)
{
    /// <summary>How much the balloon takes, in bytes.</summary>
    public const long BalloonBytes = 64 << 20;

    /// <summary>How much memory is plugged, in bytes.</summary>
    public const long PlugBytes = 256 << 20;

    private long residentBefore;

    /// <summary>By how much this process' memory became less while the balloon was filled, in bytes.</summary>
    public long ResidentFell { get; private set; }

    /// <summary>How much was in the balloon when it was full, in bytes.</summary>
    public long Inflated { get; private set; }

    /// <summary>How much was plugged when the guest had used it, in bytes.</summary>
    public long Plugged { get; private set; }

    /// <summary>Looks at a line of the guest.</summary>
    /// <param name="line">The line.</param>
    public void Look(string line)
    {
        switch (line)
        {
            case "READY balloon inflate" when balloon is not null:
                residentBefore = Environment.WorkingSet;
                balloon.SetTarget(BalloonBytes);
                break;
            case "READY balloon deflate" when balloon is not null:
                ResidentFell = residentBefore - Environment.WorkingSet;
                Inflated = balloon.InflatedBytes;
                balloon.SetTarget(0);
                break;
            case "READY mem plug" when mem is not null:
                mem.SetRequested(PlugBytes);
                break;
            case "READY mem unplug" when mem is not null:
                Plugged = mem.PluggedBytes;
                mem.SetRequested(0);
                break;
        }
    }
}
