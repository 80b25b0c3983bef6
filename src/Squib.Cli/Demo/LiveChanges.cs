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
    private readonly SocketTransfer sockets;

    /// <summary>Gets ready for the guest.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="sockets">What goes through its socket device.</param>
    public LiveChanges(MachineAssembly machine, SocketTransfer sockets)
    {
        this.machine = machine;
        this.sockets = sockets;
        EchoPort.AddTo(machine.Console!);
    }

    /// <summary>Whether as much came back through the sockets as was sent, and the figures.</summary>
    public (bool Ok, string Finding) Sockets { get; private set; }

    /// <summary>The sum of what was sent through them, as the guest tells it.</summary>
    public string SocketSum => sockets.Sum;

    /// <summary>The resident memory of this process while the guest used much of its memory, in bytes.</summary>
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
            case "vsock connect": sockets.Begin(); break;
            case "balloon used": ResidentBefore = Environment.WorkingSet; break;
            case "balloon inflate": machine.MemoryDevices.Balloon!.SetTarget(BalloonBytes); break;
            case "balloon deflate":
                ResidentInflated = Environment.WorkingSet;
                machine.MemoryDevices.Balloon!.SetTarget(0);
                break;
            case "mem plug": machine.MemoryDevices.Mem!.SetRequested(PluggedBytes); break;
            case "mem unplug": machine.MemoryDevices.Mem!.SetRequested(0); break;
        }
    }

    /// <summary>Ends what is under way; the machine has stopped.</summary>
    public void Finish() => Sockets = sockets.Finish();
}
