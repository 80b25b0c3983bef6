// An emulator of your own gets an entropy and a block device: its RAM is a byte[], its interrupt controller an IGic of two methods, and
// it passes the guest's loads and stores between 0x0F00_0000 and 0x0F02_0000 to the bus. Run it: dotnet run --project samples/Embedding
using System.Text;
using Squib.Virtio.Bus;
using Squib.Virtio.Devices.Block;
using Squib.Virtio.Devices.Rng;
using Squib.Virtio.Interrupts;
using Squib.Virtio.Memory;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;

byte[] ram = new byte[16 << 20];
byte[] disk = new byte[1 << 20];
"Hello from sector 7"u8.CopyTo(disk.AsSpan(7 * 512));

GuestMemory memory = new(new GuestRegion(0x8000_0000, ram));
MmioBus bus = new();
SlotAllocator slots = new();
MyInterruptController gic = new();

Slot rngSlot = Attach(new RngDevice());
Slot blockSlot = Attach(new BlockDevice(new MemoryBlockBackend(disk)));

// From here on the sample plays the guest. Yours is a CPU whose loads and stores end in bus.Read and bus.Write.
GuestDriver rngDriver = new(new Window(bus, rngSlot.Range.Start), memory, 0x8000_0000);
DriverQueue entropy = rngDriver.Start()!;
entropy.Submit([], [16]);
Console.WriteLine($"{rngSlot.DeviceTreeName}: 16 random bytes {Convert.ToHexString(entropy.Reap()[0].Written)}");

GuestDriver blockDriver = new(new Window(bus, blockSlot.Range.Start), memory, 0x8080_0000);
DriverQueue requests = blockDriver.Start()!;
byte[] readSector7 = [0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0];
requests.Submit([readSector7], [512, 1]);
UsedBuffer answer = requests.Reap()[0];
Console.WriteLine($"{blockSlot.DeviceTreeName}: status {answer.Written[512]}, \"{Encoding.ASCII.GetString(answer.Written, 0, 19)}\"");
Console.WriteLine($"interrupts: {gic.Pulses}");

Slot Attach(IVirtioDevice device)
{
    Slot slot = slots.Allocate();
    bus.Add(slot.Range, new VirtioMmioTransport(device, memory, new IrqLine(gic, slot.Interrupt)));
    return slot;
}

/// <summary>Where the library's interrupts end; yours sets a pending bit and wakes the CPU.</summary>
internal sealed class MyInterruptController : IGic
{
    public int Pulses { get; private set; }

    public void PulseSpi(IntId id) => Pulses++;

    public void SetSpiLevel(IntId id, bool asserted)
    {
    }
}

/// <summary>What the guest's loads and stores see at one address.</summary>
internal sealed class Window(MmioBus bus, ulong start) : IBusDevice
{
    public void Read(ulong offset, Span<byte> data) => bus.Read(start + offset, data);

    public void Write(ulong offset, ReadOnlySpan<byte> data) => bus.Write(start + offset, data);
}
