using System.Buffers.Binary;
using Squib.Fuzz.Engine;
using Squib.Virtio.Devices.Net;
using Squib.Virtio.Testing;

namespace Squib.Fuzz.Devices;

/// <summary>Frames in both directions with headers of any kind, and commands of the control queue.</summary>
internal sealed class NetTarget : IFuzzTarget
{
    private readonly Card[] cards =
    [
        new(queues: 1, NetOffloads.All, new() { QueuePairs = 3, Mtu = 1500 }),
        new(queues: 1, NetOffloads.None, new() { Mtu = 9000 }),
        new(queues: 2, NetOffloads.All, new() { QueuePairs = 2 }),
        new(queues: 1, NetOffloads.Checksum, new() { ControlQueue = false, MergeBuffers = false, LinkUp = false }),
    ];

    public string Name => "net";

    public string Purpose => "frames in both directions, headers of any kind, commands";

    public int MaxInputBytes => 768;

    public void Run(Script script, Behaviour behaviour)
    {
        int which = script.Byte() is var choice && choice < 128 ? 0 : choice % cards.Length;
        behaviour.Saw(which);
        cards[which].Run(script, behaviour);
    }

    /// <summary>One device.</summary>
    private sealed class Card
    {
        private const int MostActions = 64;
        private const int Room = 1000;
        private const int LongestFrame = 0x3000;

        private const ulong OwnAddress = 0x0200_0000_0001;

        private static readonly MacAddress Own = MacAddress.Read([2, 0, 0, 0, 0, 1]);

        private readonly ScriptedWire wire;
        private readonly DeviceBench bench;
        private readonly NetDevice device;
        private readonly int controlQueue;
        private readonly int queues;

        internal Card(int queues, NetOffloads offloads, NetOptions options)
        {
            this.queues = queues;
            wire = new(queues, offloads);
            device = new(wire, options with { Mac = Own, QueueSize = 32 });
            controlQueue = options.ControlQueue ? 2 * options.QueuePairs : -1;
            bench = new(_ => device) { Returned = OnReturned, KindOf = KindOf };
            wire.Bench = bench;
        }

        internal void Run(Script script, Behaviour behaviour)
        {
            wire.Clear();
            wire.Room = Room;
            bench.Begin(script, behaviour);
            NetCounters before = device.Counters;
            for (int i = 0; i < MostActions && !script.IsAtEnd; i++) Act(script);
            Note(before, behaviour);
            bench.End();
            bench.Reset();
            device.SetLink(true);
            wire.Plug(true);
            wire.Clear();
            wire.Room = Room;
            bench.Restart();
            long sent = wire.Sent;
            bench.Post(1, new byte[NetHeader.Size + 64], 0, 0);
            bench.Kick(1);
            FindingException.ThrowIf(wire.Sent != sent + 1, "A good frame is not sent after a reset.");
            long received = device.Counters.FramesReceived;
            bench.Post(0, [], 2048, 0);
            bench.Kick(0);
            byte[] frame = new byte[64];
            Own.Write(frame);
            bench.Observe(() => wire.Arrive(0, default, frame));
            FindingException.ThrowIf(device.Counters.FramesReceived != received + 1, "A good frame is not received after a reset.");
            bench.Reset();
        }

        private int KindOf(int queue, ReadOnlySpan<byte> readable)
        {
            // A command, or the header of a frame.
            if (queue == controlQueue || (queue == 2 && readable.Length is > 0 and < 64))
            {
                int command = readable.Length < 2 ? 1 : Math.Min((int)readable[0], 7) + (Math.Min((int)readable[1], 7) << 3);
                return command + (readable.Length > 2 ? (readable[2] & 1) << 6 : 0);
            }

            return readable.Length < 12 ? 0 : 256 + (readable[0] & 3) + ((readable[1] & 0x87) << 2);
        }

        private static void OnReturned(int queue, UsedBuffer used) =>
            FindingException.ThrowIf(queue % 2 == 1 && used.Length != 0, "Something was written to a frame that is sent.");

        private void Act(Script script)
        {
            switch (script.Below(16))
            {
                case 0: bench.ActGenerally(); break;
                case 1: ActAsHost(script); break;
                case <= 5: Send(script); break;
                case <= 8: Lend(script); break;
                case <= 11: Receive(script); break;
                default: Command(script); break;
            }
        }

        private static int Pair(Script script) => script.Byte() is var choice && choice < 160 ? 0 : choice % 3;

        private void Send(Script script)
        {
            byte[] frame = Frame(script, out NetHeader header);
            byte[] bytes = new byte[NetHeader.Size + frame.Length];
            header.Write(bytes);
            frame.CopyTo(bytes, NetHeader.Size);
            int queue = (2 * Pair(script)) + 1;
            int cut = script.Byte();
            bench.Post(queue, bytes.AsSpan(0, cut < 240 ? bytes.Length : Math.Min(bytes.Length, cut - 236)), cut == 239 ? 8 : 0);
            if ((cut & 3) != 0) bench.Kick(queue);
        }

        private void Lend(Script script)
        {
            int queue = 2 * Pair(script);
            int size = script.Byte() switch { < 32 and var few => few, < 160 and var some => some * 4, < 250 => 2048, _ => LongestFrame };
            int count = 1 + script.Below(8);
            for (int i = 0; i < count; i++) bench.Post(queue, script.Below(32) == 0 ? new byte[4] : [], size, i == 0 ? script.Byte() : 0);
            if (script.Below(8) != 0) bench.Kick(queue);
        }

        private void Receive(Script script)
        {
            byte[] frame = Frame(script, out NetHeader header);
            int queue = script.Below(queues);
            long received = device.Counters.FramesReceived;
            bench.Observe(() => wire.Arrive(queue, header, frame));
            bool taken = device.Counters.FramesReceived != received;
            bench.Step(1000 + (taken ? 1 : 0) + (header.Flags & 3) * 2 + (header.GsoType & 7) * 8 + (frame.Length > 0 ? (frame[0] & 1) * 64 : 128));
        }

        /// <summary>A frame with more or less sense in it, and what is left to do to it.</summary>
        private static byte[] Frame(Script script, out NetHeader header)
        {
            int shape = script.Byte();
            int length = (shape & 15) switch
            {
                0 => script.Below(20),
                < 10 => 60 + script.Byte(),
                < 14 => 1500 + script.Below(40),
                _ => LongestFrame - script.Byte(),
            };
            byte[] frame = new byte[length];
            if (length > 64)
            {
                WriteAddress(frame, Address(script));
                int at = 12;
                if (script.Below(4) == 0)
                {
                    BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(at), 0x8100);
                    BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(at + 2), (ushort)(script.Below(4) + (script.Byte() << 8)));
                    at += 4;
                }

                bool isIp6 = (shape & 0x80) != 0;
                ushort type = script.Below(6) == 0 ? (ushort)0x806 : isIp6 ? (ushort)0x86dd : (ushort)0x800;
                BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(at), type);
                at += 2;
                frame[at] = (byte)(isIp6 ? 0x60 : script.Below(8) == 0 ? script.Byte() : 0x45);
                frame[at + (isIp6 ? 6 : 9)] = (byte)(script.Below(4) switch { 0 => 17, 1 => script.Byte(), _ => 6 });
                if (!isIp6 && script.Below(6) == 0) frame[at + 6] = script.Byte();
                // Ports and flags of TCP.
                int transport = at + (isIp6 ? 40 : 20);
                if (transport + 14 < length)
                {
                    frame[transport + 1] = script.Byte();
                    frame[transport + 12] = (byte)(script.Below(6) == 0 ? script.Byte() : 0x50);
                }
            }

            header = Header(script, shape, length);
            return frame;
        }

        private static ulong Address(Script script) => script.Below(8) switch
        {
            < 4 => OwnAddress,
            4 => 0xffff_ffff_ffff,
            5 => 0x0100_5e00_0000UL | script.Byte(),
            6 => 0x0200_0000_0000UL | script.Byte(),
            _ => script.Number() & 0xffff_ffff_ffff,
        };

        private static void WriteAddress(Span<byte> destination, ulong address)
        {
            for (int i = 0; i < MacAddress.Size; i++) destination[i] = (byte)(address >> (8 * (MacAddress.Size - 1 - i)));
        }

        private static NetHeader Header(Script script, int shape, int length)
        {
            if ((shape & 0x60) == 0) return default;
            int choice = script.Byte();
            byte type = (choice & 7) switch
            {
                < 3 => NetHeader.GsoNone,
                3 => NetHeader.GsoTcp4,
                4 => NetHeader.GsoTcp6,
                5 => NetHeader.GsoUdp,
                _ => script.Byte(),
            };
            if ((choice & 0x60) == 0x60) type |= NetHeader.GsoEcn;
            ushort start = (choice & 8) != 0 ? (ushort)34 : (ushort)script.Number();
            ushort offset = (choice & 16) != 0 ? (ushort)16 : (ushort)script.Number();
            byte flags = (byte)(script.Below(4) switch { 0 => 0, 3 => script.Byte(), _ => 1 });
            if (start % 8 == 7) start = (ushort)length;
            return new(flags, type, (ushort)script.Number(), (ushort)(1 + script.Byte()), start, offset, script.Byte());
        }

        private void Command(Script script)
        {
            int kind = script.Below(7);
            byte[] command = new byte[2 + script.Below(24)];
            command[0] = (byte)kind;
            switch (kind)
            {
                case 0:
                    command = [0, (byte)script.Below(7), (byte)script.Below(3)];
                    break;
                case 1 when script.Flag():
                    command = new byte[8];
                    (command[0], command[1]) = (1, 1);
                    WriteAddress(command.AsSpan(2), Address(script));
                    break;
                case 1:
                    command = Tables(script);
                    break;
                case 2:
                    command = [2, (byte)script.Below(3), script.Byte(), (byte)script.Below(20)];
                    break;
                case 4:
                    command = [4, (byte)(script.Below(8) == 0 ? 1 : 0), (byte)script.Below(5), (byte)(script.Below(16) == 0 ? 1 : 0)];
                    break;
                case 5:
                    command = new byte[10];
                    command[0] = 5;
                    command[1] = (byte)(script.Below(8) == 0 ? 1 : 0);
                    ulong some = bench.Driver.Features & ~(1UL << script.Below(12)) & 0x783;
                    BinaryPrimitives.WriteUInt64LittleEndian(command.AsSpan(2), script.Flag() ? some : script.Number());
                    break;
                default:
                    script.Fill(command.AsSpan(1));
                    break;
            }

            int cut = script.Byte();
            int queue = controlQueue >= 0 && (bench.Driver.Features & NetFeature.MultiQueue) == 0 && cut % 8 != 0 ? 2 : controlQueue;
            bench.Post(queue, command.AsSpan(0, cut < 240 ? command.Length : Math.Min(command.Length, cut - 240)), cut == 239 ? 0 : 1);
            bench.Kick(queue);
        }

        private static byte[] Tables(Script script)
        {
            int unicast = script.Below(6);
            int multicast = script.Below(4);
            byte[] command = new byte[2 + 4 + (6 * unicast) + 4 + (6 * multicast) + (script.Below(8) == 0 ? 1 : 0)];
            command[0] = 1;
            Span<byte> at = command.AsSpan(2);
            BinaryPrimitives.WriteUInt32LittleEndian(at, script.Below(16) == 0 ? (uint)script.Number() : (uint)unicast);
            at = at[4..];
            for (int i = 0; i < unicast; i++) WriteAddress(at[(6 * i)..], Address(script));
            at = at[(6 * unicast)..];
            BinaryPrimitives.WriteUInt32LittleEndian(at, script.Below(16) == 0 ? (uint)script.Number() : (uint)multicast);
            for (int i = 0; i < multicast; i++) WriteAddress(at[(4 + (6 * i))..], Address(script));
            return command;
        }

        private void ActAsHost(Script script)
        {
            int choice = script.Byte();
            bench.Step(100 + (choice % 6) + (device.IsLinkUp ? 8 : 0));
            bench.Observe(() =>
            {
                switch (choice % 6)
                {
                    case 0: device.SetLink(choice < 128); break;
                    case 1: wire.Plug(choice < 128); break;
                    case 2: wire.MakeRoom(choice / 6 % 4 == 0 ? 0 : choice); break;
                    case 3: bench.Behaviour.Saw(device.Announce() ? 1 : 0); break;
                    case 4 when !device.IsLinkUp: device.SetSpeed((uint)choice, choice < 128); break;
                    default: wire.Room = choice / 32; break;
                }
            });
        }

        private void Note(NetCounters before, Behaviour behaviour)
        {
            NetCounters after = device.Counters;
            behaviour.SawAbout((ulong)(after.FramesSent - before.FramesSent));
            behaviour.SawAbout((ulong)(after.FramesReceived - before.FramesReceived));
            behaviour.SawAbout((ulong)(after.BytesReceived - before.BytesReceived));
            behaviour.SawAbout((ulong)(after.MalformedSends - before.MalformedSends));
            behaviour.SawAbout((ulong)(after.SendsWithoutLink - before.SendsWithoutLink));
            behaviour.SawAbout((ulong)(after.SpoofedSends - before.SpoofedSends));
            behaviour.SawAbout((ulong)(after.Filtered - before.Filtered));
            behaviour.SawAbout((ulong)(after.BadLength - before.BadLength));
            behaviour.SawAbout((ulong)(after.BadOffload - before.BadOffload));
            behaviour.SawAbout((ulong)(after.NoBufferFits - before.NoBufferFits));
            behaviour.SawAbout((ulong)(after.ReceivesWithoutLink - before.ReceivesWithoutLink));
            behaviour.SawAbout((ulong)(after.ReceivesWithoutDriver - before.ReceivesWithoutDriver));
            behaviour.SawAbout((ulong)(after.BadBuffers - before.BadBuffers));
            behaviour.SawAbout((ulong)(after.Commands - before.Commands));
            behaviour.SawAbout((ulong)(after.FailedCommands - before.FailedCommands));
            behaviour.Saw(device.PairsInUse + (device.IsLinkUp ? 8 : 0));
            behaviour.SawAbout((ulong)wire.Waiting);
        }
    }
}
