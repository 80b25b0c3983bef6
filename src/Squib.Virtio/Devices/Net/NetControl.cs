using System.Buffers.Binary;
using Squib.Virtio.Queues;

namespace Squib.Virtio.Devices.Net;

/// <summary>The loop of the control queue in one session (virtio 1.2, 5.1.6.5).</summary>
internal sealed class NetControl
{
    private const byte Ok = 0;
    private const byte Error = 1;

    private const byte ReceiveClass = 0;
    private const byte MacClass = 1;
    private const byte VlanClass = 2;
    private const byte AnnounceClass = 3;
    private const byte PairsClass = 4;
    private const byte OffloadsClass = 5;

    private const int CommandBytes = 2;

    private readonly NetSession session;
    private readonly NetDevice device;
    private readonly Virtqueue queue;

    internal NetControl(NetSession session, NetDevice device, Virtqueue queue)
    {
        this.session = session;
        this.device = device;
        this.queue = queue;
    }

    internal async Task RunAsync()
    {
        while (await queue.WaitAsync().ConfigureAwait(false)) ServeBatch();
    }

    private void ServeBatch()
    {
        using QueueBatch batch = queue.BeginBatch();
        while (batch.TryTake(out DescriptorChain? chain))
        {
            // Without room for the answer the command is not carried out: the driver could not know.
            bool done = chain.Writable.Length != 0 && TryServe(chain.Readable);
            chain.Writable.TryWrite([done ? Ok : Error]);
            device.CountCommand(done);
            batch.Return(chain);
        }
    }

    private bool TryServe(ReadableSegments source)
    {
        Span<byte> command = stackalloc byte[CommandBytes];
        if (!source.TryRead(command)) return false;
        return command[0] switch
        {
            ReceiveClass => TrySetMode(command[1], source),
            MacClass => TrySetMac(command[1], source),
            VlanClass => TrySetVlan(command[1], source),
            AnnounceClass => Has(NetFeature.GuestAnnounce) && command[1] == 0 && device.EndAnnouncement(),
            PairsClass => Has(NetFeature.MultiQueue) && command[1] == 0 && TrySetPairs(source),
            OffloadsClass => Has(NetFeature.ControlGuestOffloads) && command[1] == 0 && TrySetOffloads(source),
            _ => false,
        };
    }

    private bool Has(ulong feature) => (session.Features & feature) != 0;

    private bool TrySetMode(byte command, ReadableSegments source)
    {
        Span<byte> value = stackalloc byte[1];
        if (!source.TryRead(value) || value[0] > 1) return false;
        bool on = value[0] == 1;
        NetFilter now = session.Filter;
        NetFilter? next = command switch
        {
            0 when Has(NetFeature.ControlReceive) => now with { Promiscuous = on },
            1 when Has(NetFeature.ControlReceive) => now with { AllMulticast = on },
            2 when Has(NetFeature.ControlReceiveExtra) => now with { AllUnicast = on },
            3 when Has(NetFeature.ControlReceiveExtra) => now with { NoMulticast = on },
            4 when Has(NetFeature.ControlReceiveExtra) => now with { NoUnicast = on },
            5 when Has(NetFeature.ControlReceiveExtra) => now with { NoBroadcast = on },
            _ => null,
        };
        if (next is null) return false;
        session.Filter = next;
        return true;
    }

    private bool TrySetMac(byte command, ReadableSegments source)
    {
        switch (command)
        {
            case 0 when Has(NetFeature.ControlReceive):
                // Both tables are read before either is used: a command that fails changes nothing.
                if (!TryReadTable(source, NetOptions.MaxFilterAddresses, out ulong[] unicast)
                    || !TryReadTable(source, NetOptions.MaxFilterAddresses - unicast.Length, out ulong[] multicast)
                    || source.Length != 0)
                    return false;
                ulong[] all = [.. unicast, .. multicast];
                Array.Sort(all);
                session.Filter = session.Filter with { Addresses = all };
                return true;
            case 1 when Has(NetFeature.ControlMacAddress):
                Span<byte> bytes = stackalloc byte[MacAddress.Size];
                if (source.Length != bytes.Length || !source.TryRead(bytes)) return false;
                MacAddress mac = MacAddress.Read(bytes);
                if (!mac.IsUnicast) return false;
                device.UseMac(mac);
                session.UseMac(mac);
                return true;
            default:
                return false;
        }
    }

    private static bool TryReadTable(ReadableSegments source, int most, out ulong[] table)
    {
        table = [];
        Span<byte> bytes = stackalloc byte[MacAddress.Size];
        if (!source.TryRead(bytes[..sizeof(uint)])) return false;
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        // The number is the driver's: it is compared before anything is multiplied by it or allocated for it.
        if (count > (uint)most || count * MacAddress.Size > source.Length) return false;
        table = new ulong[count];
        for (int i = 0; i < table.Length; i++)
        {
            source.TryRead(bytes);
            table[i] = MacAddress.Read(bytes).Value;
        }

        return true;
    }

    private bool TrySetVlan(byte command, ReadableSegments source)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ushort)];
        if (!Has(NetFeature.ControlVlan) || command > 1 || !source.TryRead(bytes)) return false;
        ushort id = BinaryPrimitives.ReadUInt16LittleEndian(bytes);
        if (id >= NetFilter.VlanCount) return false;
        session.Filter = session.Filter.WithVlan(id, wanted: command == 0);
        return true;
    }

    private bool TrySetPairs(ReadableSegments source)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ushort)];
        if (!source.TryRead(bytes)) return false;
        ushort count = BinaryPrimitives.ReadUInt16LittleEndian(bytes);
        if (count == 0 || count > session.MaxPairs) return false;
        session.UsePairs(count);
        return true;
    }

    private bool TrySetOffloads(ReadableSegments source)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        if (!source.TryRead(bytes)) return false;
        ulong wanted = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        // MUST NOT (5.1.6.5.7.1 for drivers): nothing is switched on that was not negotiated.
        if ((wanted & ~(session.Features & NetFeature.GuestOffloads)) != 0) return false;
        session.UseOffloads(wanted);
        return true;
    }
}
