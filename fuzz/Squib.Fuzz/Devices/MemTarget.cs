using System.Buffers.Binary;
using Squib.Fuzz.Engine;
using Squib.Virtio.Devices.Mem;
using Squib.Virtio.Testing;

namespace Squib.Fuzz.Devices;

/// <summary>Requests to plug and unplug blocks, a host that wants more or less, and a backend that fails.</summary>
internal sealed class MemTarget : IFuzzTarget, IMemBackend
{
    private const int MostActions = 96;
    private const long BlockBytes = 1 << 21;
    private const int Blocks = 64;
    private const ulong Address = 0x1_0000_0000;

    private readonly DeviceBench bench;
    private readonly MemDevice device;
    private readonly bool[] plugged = new bool[Blocks];
    private int failing;
    private bool wasUndone;

    internal MemTarget()
    {
        device = new(this, new() { Address = Address, RegionBytes = Blocks * BlockBytes, Node = 0, QueueSize = 32 });
        bench = new(_ => device)
        {
            Returned = OnReturned,
            KindOf = (_, readable) => (readable.Length < 24 ? 99 : Math.Min((int)readable[0], 8)) + (failing != 0 ? 16 : 0),
        };
    }

    public string Name => "mem";

    public string Purpose => "requests to plug and unplug, a host that changes its mind, a backend that fails";

    public void Run(Script script, Behaviour behaviour)
    {
        failing = 0;
        wasUndone = false;
        bench.Begin(script, behaviour);
        bench.Observe(() => device.SetRequested((8 + script.Below(Blocks - 8)) * BlockBytes));
        MemCounters before = device.Counters;
        for (int i = 0; i < MostActions && !script.IsAtEnd; i++) Act(script);
        MemCounters after = device.Counters;
        behaviour.SawAbout((ulong)(after.Plugs - before.Plugs));
        behaviour.SawAbout((ulong)(after.Unplugs - before.Unplugs));
        behaviour.SawAbout((ulong)(after.States - before.States));
        behaviour.SawAbout((ulong)(after.Refused - before.Refused));
        behaviour.SawAbout((ulong)(after.Busy - before.Busy));
        behaviour.SawAbout((ulong)(after.Errors - before.Errors));
        behaviour.SawAbout((ulong)(after.Malformed - before.Malformed));
        behaviour.SawAbout((ulong)(device.PluggedBytes / BlockBytes));
        bench.End();
        // A backend that fails to undo what it did leaves blocks that are neither; only then may the two disagree.
        if (!wasUndone) FindingException.ThrowIf(plugged.Count(p => p) * BlockBytes != device.PluggedBytes, "Device and backend disagree.");
        failing = 0;
        bench.Restart();
        FindingException.ThrowIf(!device.UnplugAll() || device.PluggedBytes != 0, "Not all can be unplugged.");
        FindingException.ThrowIf(plugged.Contains(true) && !wasUndone, "The backend has blocks that are not plugged.");
        Array.Clear(plugged);
        long plugs = device.Counters.Plugs;
        bench.Observe(() => device.SetRequested(8 * BlockBytes));
        bench.Post(0, Request(0, 0, 1), 10, 0);
        bench.Kick(0);
        FindingException.ThrowIf(device.Counters.Plugs != plugs + 1, "A good request is not served after a reset.");
        bench.Reset();
        device.UnplugAll();
    }

    public bool TryPlug(long offset, long length) => TryChange(offset, length, to: true);

    public bool TryUnplug(long offset, long length) => TryChange(offset, length, to: false);

    private static byte[] Request(int type, int first, int count)
    {
        byte[] request = new byte[24];
        request[0] = (byte)type;
        BinaryPrimitives.WriteUInt64LittleEndian(request.AsSpan(8), Address + (ulong)(first * BlockBytes));
        BinaryPrimitives.WriteUInt16LittleEndian(request.AsSpan(16), (ushort)count);
        return request;
    }

    private static void OnReturned(int queue, UsedBuffer used) =>
        FindingException.ThrowIf(used.Length is not (0 or 10), "An answer is not 10 bytes long.");

    private void Act(Script script)
    {
        switch (script.Below(10))
        {
            case 0: bench.ActGenerally(); break;
            case 1:
                failing = script.Byte();
                bench.Step(100 + (failing & 15));
                break;
            case 2: bench.Observe(() => device.SetRequested(script.Below(Blocks + 1) * BlockBytes)); break;
            case 3:
                byte[] request = Request(script.Below(5), 0, script.Word());
                script.Number(request.AsSpan(8, 8));
                bench.Post(0, request.AsSpan(0, script.Below(4) == 0 ? script.Below(24) : 24), script.Below(12));
                bench.Kick(0);
                break;
            case 4:
                int at = script.Below(Blocks);
                bench.Behaviour.Saw((long)device.StateOf(at * BlockBytes, (Blocks - at) * BlockBytes));
                break;
            default:
                int type = script.Below(16) == 0 ? 2 : script.Below(2) + (script.Below(3) == 0 ? 2 : 0);
                bench.Post(0, Request(type, script.Below(Blocks), 1 + script.Below(8)), 10);
                bench.Kick(0);
                break;
        }
    }

    private bool TryChange(long offset, long length, bool to)
    {
        bool good = offset >= 0 && length > 0 && offset % BlockBytes == 0 && length % BlockBytes == 0 && offset + length <= Blocks * BlockBytes;
        bench.Require(good, "The backend is asked for what is not in the region.");
        if (!good) return false;
        int fails = failing & 3;
        failing >>= 2;
        if (fails != 0) wasUndone = true;
        if (fails == 1) return false;
        if (fails == 2) throw new IOException("The host has no memory.");
        plugged.AsSpan((int)(offset / BlockBytes), (int)(length / BlockBytes)).Fill(to);
        return true;
    }
}
