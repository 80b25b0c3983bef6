using Squib.Cli.Boot;

namespace Squib.Cli.Demo;

/// <summary>Changes the machine while the guest runs, with the controls that any embedding program has, when the guest says READY.</summary>
internal sealed class LiveChanges
{
    private const string Mark = "READY ";
    private const long GrownDiskBytes = 80 << 20;
    private const long BalloonBytes = 64 << 20;
    private const long PluggedBytes = 256 << 20;

    private readonly MachineAssembly machine;

    /// <summary>Gets ready for the guest.</summary>
    /// <param name="machine">The machine.</param>
    public LiveChanges(MachineAssembly machine)
    {
        this.machine = machine;
        EchoPort.AddTo(machine.Console!);
    }

    /// <summary>The resident memory of this process before the balloon was inflated, in bytes.</summary>
    public long ResidentBefore { get; private set; }

    /// <summary>The resident memory of this process while the balloon was inflated, in bytes.</summary>
    public long ResidentInflated { get; private set; }

    /// <summary>Does what the guest asks for.</summary>
    /// <param name="line">A line of the guest's output.</param>
    public void React(string line)
    {
        if (!line.StartsWith(Mark, StringComparison.Ordinal)) return;
        switch (line[Mark.Length..])
        {
            case "resize vda":
                machine.Disks[0].Image.SetLength(GrownDiskBytes);
                machine.Disks[0].Device.Resize(GrownDiskBytes);
                break;
            case "resize console": machine.Console!.Resize(132, 50); break;
            case "link down": machine.Cards[0].SetLink(up: false); break;
            case "link up": machine.Cards[0].SetLink(up: true); break;
            case "balloon inflate":
                ResidentBefore = Environment.WorkingSet;
                machine.MemoryDevices.Balloon!.SetTarget(BalloonBytes);
                break;
            case "balloon deflate":
                ResidentInflated = Environment.WorkingSet;
                machine.MemoryDevices.Balloon!.SetTarget(0);
                break;
            case "mem plug": machine.MemoryDevices.Mem!.SetRequested(PluggedBytes); break;
            case "mem unplug": machine.MemoryDevices.Mem!.SetRequested(0); break;
        }
    }
}
