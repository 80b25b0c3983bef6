using System.Buffers.Binary;
using Squib.Fuzz.Engine;
using Squib.Virtio.Devices.Console;

namespace Squib.Fuzz.Devices;

/// <summary>Output, input and control messages of a console, with one port and with several that come and go.</summary>
internal sealed class ConsoleTarget : IFuzzTarget
{
    private readonly Terminal[] terminals = [new(ports: 4), new(ports: 1)];

    public string Name => "console";

    public string Purpose => "output, input and control messages, ports that come and go, streams that fail";

    public void Run(Script script, Behaviour behaviour)
    {
        int which = script.Byte() < 176 ? 0 : 1;
        behaviour.Saw(which);
        terminals[which].Run(script, behaviour);
    }

    /// <summary>One device.</summary>
    private sealed class Terminal
    {
        private const int MostActions = 96;
        private const int BufferBytes = 512;

        private readonly ManualTime time = new();
        private readonly ScriptedStream stream = new();
        private readonly DeviceBench bench;
        private readonly ConsoleDevice device;
        private readonly int ports;

        internal Terminal(int ports)
        {
            this.ports = ports;
            ConsoleOptions options = new()
            {
                MaxPorts = ports,
                InputBufferBytes = BufferBytes,
                OutputBufferBytes = BufferBytes,
                QueueSize = 8,
                Time = time,
            };
            device = new(stream, options);
            bench = new(_ => device)
            {
                KindOf = (queue, readable) => queue == 3 && readable.Length == 8 && ports > 1
                    ? readable[0] % 8 + (readable[4] % 16 * 8) + (readable[6] % 4 * 128)
                    : 0,
            };
        }

        internal void Run(Script script, Behaviour behaviour)
        {
            stream.Answers = 0;
            bench.Begin(script, behaviour);
            long ignored = device.IgnoredMessages;
            for (int i = 0; i < MostActions && !script.IsAtEnd; i++) Act(script);
            behaviour.SawAbout((ulong)(device.IgnoredMessages - ignored));
            behaviour.SawAbout((ulong)device.EmergencyDropped & 0xf);
            foreach (ConsolePort port in device.Ports)
            {
                behaviour.Saw(port.Id + (port.IsGuestOpen ? 8 : 0) + (port.IsHostOpen ? 16 : 0));
                behaviour.SawAbout((ulong)port.DroppedBytes & 0xf);
            }

            behaviour.Saw(stream.IsPending ? 1 : 0);
            bench.End();
            CheckHealth();
        }

        private void CheckHealth()
        {
            stream.Answers = 0;
            bench.Observe(() => stream.Finish(fails: false));
            bench.Reset();
            // A stream that has failed is left alone for a while.
            bench.Observe(() => time.Advance(TimeSpan.FromSeconds(5)));
            foreach (ConsolePort port in device.Ports.Where(port => port.Id != 0)) bench.Observe(() => device.RemovePort(port));
            bench.Restart();
            long written = stream.Written;
            bench.Post(1, "hello"u8, 0, 0);
            bench.Kick(1);
            FindingException.ThrowIf(stream.Written != written + 5 || bench.InFlight(1) != 0, "Good output is not written after a reset.");
            bench.Reset();
        }

        private void Act(Script script)
        {
            switch (script.Below(14))
            {
                case 0: bench.ActGenerally(); break;
                case 1: ActAsHost(script); break;
                case 2 or 3: WriteInput(script); break;
                case 4: stream.Answers = script.Word(); break;
                case 5:
                    bool fails = script.Below(3) == 0;
                    bench.Observe(() => stream.Finish(fails));
                    break;
                case 6: EmergencyWrite(script); break;
                case <= 9: Send(script, 1 + PortQueue(script), 1 + script.Byte(), 0); break;
                case 10: Send(script, PortQueue(script), 0, 1 + script.Byte()); break;
                case 11: Send(script, 2, 0, script.Below(8) == 0 ? 4 : 160); break;
                default: SendControl(script); break;
            }
        }

        private int PortQueue(Script script)
        {
            int choice = script.Byte();
            return choice < 160 || ports == 1 ? 0 : 4 + (2 * (choice % (ports - 1)));
        }

        private void Send(Script script, int queue, int readable, int writable)
        {
            byte[] bytes = new byte[readable];
            if (readable > 0) script.Paint(bytes);
            bench.Post(queue, bytes, writable);
            if (script.Below(4) != 0) bench.Kick(queue);
        }

        private void SendControl(Script script)
        {
            int choice = script.Byte();
            uint port = choice < 224 ? (uint)(choice % (ports + 1)) : (uint)script.Number();
            int kind = script.Below(4) switch { 0 => 0, 1 => 3, 2 => 6, _ => script.Below(9) };
            ushort value = script.Below(8) == 0 ? (ushort)script.Number() : (ushort)(kind == 6 ? script.Below(2) : 1);
            Tell(port, kind, value, script.Below(8) != 0, script.Below(16) == 0 ? script.Below(8) : 8);
        }

        private void Tell(uint port, int kind, ushort value, bool kick, int bytes = 8)
        {
            byte[] message = new byte[8];
            BinaryPrimitives.WriteUInt32LittleEndian(message, port);
            BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(4), (ushort)kind);
            BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(6), value);
            bench.Post(3, message.AsSpan(0, bytes), 0, 0);
            if (kick) bench.Kick(3);
        }

        private void EmergencyWrite(Script script)
        {
            int count = script.Below(32) == 0 ? 17_000 : 1;
            byte value = script.Byte();
            bench.Observe(() =>
            {
                for (int i = 0; i < count; i++) bench.Driver.WriteConfig(8, value, 0, 0, 0);
            });
        }

        /// <summary>Writes what the guest will read; what there is no room for is given up again.</summary>
        private void WriteInput(Script script)
        {
            byte[] bytes = new byte[1 + script.Byte()];
            script.Paint(bytes);
            ConsolePort port = device.Ports[script.Below(device.Ports.Count)];
            bench.Observe(() =>
            {
                using CancellationTokenSource end = new();
                Task written = port.WriteInputAsync(bytes, end.Token).AsTask();
                if (written.IsCompleted) return;
                end.Cancel();
                SpinWait.SpinUntil(() => written.IsCompleted);
            });
        }

        private void ActAsHost(Script script)
        {
            int choice = script.Byte();
            bench.Step(100 + (choice % 8));
            bench.Observe(() =>
            {
                IReadOnlyList<ConsolePort> now = device.Ports;
                ConsolePort port = now[choice / 8 % now.Count];
                switch (choice % 8)
                {
                    case 0: port.Resize((ushort)choice, 24); break;
                    case 1 when now.Count < ports:
                        device.AddPort(new() { Output = stream, Name = choice < 64 ? "" : "port", IsConsole = choice > 128 });
                        break;
                    case 2 when port.Id != 0: device.RemovePort(port); break;
                    case 3: time.Advance(TimeSpan.FromMilliseconds(choice * 8)); break;
                    case 4: port.SetHostOpen(choice < 128); break;
                    case 5: _ = device.DrainAsync(); break;
                }
            });
        }
    }
}
