using System.Buffers.Binary;
using Squib.Fuzz.Engine;
using Squib.Virtio.Devices.Vsock;
using Squib.Virtio.Testing;

namespace Squib.Fuzz.Devices;

/// <summary>Packets of every operation with any field, and a host that accepts, connects, reads, writes and gives up.</summary>
internal sealed class VsockTarget : IFuzzTarget, IVsockBackend
{
    private const int MostActions = 96;
    private const uint Cid = 3;
    private const int PacketBytes = 44;
    private const int MostStreams = 8;

    private static readonly int[] PieceBytes = [0, 1, 2, 3, 7, 64, 600, 1024];

    private readonly ManualTime time = new();
    private readonly DeviceBench bench;
    private readonly VsockDevice device;
    private readonly List<VsockStream> streams = [];
    private readonly List<VsockRequest> requests = [];
    private readonly List<(Task<VsockStream> Task, CancellationTokenSource End)> asked = [];
    private readonly byte[] buffer = new byte[1024];
    private CancellationTokenSource operationsEnd = new();
    private VsockRequest? answered;
    private int answers;
    private uint lastHostPort;
    private uint lastGuestPort;

    internal VsockTarget()
    {
        device = new(new() { BufferBytes = 4096, MaxConnections = 6, MaxPendingResets = 4, QueueSize = 32, Time = time }) { Backend = this };
        bench = new(_ => device)
        {
            Returned = OnReturned,
            // The stories of connections are the longest.
            PairBits = 12,
            KindOf = (_, readable) => readable.Length < PacketBytes
                ? 0
                : 1 + Math.Min((int)readable[30], 9) + (Math.Min((int)readable[28], 3) << 4) + ((readable[32] & 3) << 6),
        };
    }

    public string Name => "vsock";

    public string Purpose => "packets of every operation with any field, a host that accepts, reads, writes and gives up";

    public int MaxInputBytes => 768;

    public void Run(Script script, Behaviour behaviour)
    {
        answers = 0;
        answered = null;
        bench.Begin(script, behaviour);
        using VsockListener listener = device.Listen(1000, script.Flag() ? VsockSocketType.SeqPacket : VsockSocketType.Stream, backlog: 2);
        VsockCounters before = device.Counters;
        for (int i = 0; i < MostActions && !script.IsAtEnd; i++) Act(script, listener);
        Note(before, behaviour);
        bench.End();
        CheckHealth(listener);
    }

    public void Connect(VsockRequest request)
    {
        int answer = answers & 3;
        answers >>= 2;
        bench.Step(50 + answer);
        switch (answer)
        {
            case 0: streams.Add(request.Accept()); break;
            case 1: request.Refuse(); break;
            case 2: requests.Add(request); break;
            default: throw new IOException("Nobody is there.");
        }
    }

    private void CheckHealth(VsockListener listener)
    {
        bench.Reset();
        bench.IsElsewhere = true;
        foreach ((Task<VsockStream> task, CancellationTokenSource end) in asked)
        {
            end.Cancel();
            bool ended = SpinWait.SpinUntil(() => task.IsCompleted, TimeSpan.FromSeconds(10));
            FindingException.ThrowIf(!ended, "Whoever asked for a connection waits for ever.");
            if (task.IsCompletedSuccessfully) streams.Add(task.Result);
            end.Dispose();
        }

        asked.Clear();
        foreach (VsockRequest request in requests) request.Refuse();
        requests.Clear();
        foreach (VsockStream stream in streams) stream.Dispose();
        streams.Clear();
        listener.Dispose();
        bench.IsElsewhere = false;
        FindingException.ThrowIf(device.Counters.Connections != 0, "A connection is left over.");
        FindingException.ThrowIf(time.Armed != 0, "A timer is left over.");
        FindingException.ThrowIf(!device.ConnectAsync(1).AsTask().IsFaulted, "A device without a driver has a connection.");
        answers = 0;
        device.ResetTransport(Cid);
        bench.Restart();
        long opened = device.Counters.Opened;
        bench.Post(0, [], 256, 0);
        bench.Kick(0);
        // What is left of a script does not spoil this one.
        Send(1, 5, 2000, 1, 0, default, 65_536, 0, 0, layout: 0);
        FindingException.ThrowIf(device.Counters.Opened != opened + 1, "A good request is not served after a reset.");
        bench.Reset();
        foreach (VsockStream stream in streams) stream.Dispose();
        streams.Clear();
    }

    private void Act(Script script, VsockListener listener)
    {
        bench.IsElsewhere = asked.Any(ask => !ask.Task.IsCompleted);
        switch (script.Below(18))
        {
            case 0: bench.ActGenerally(); break;
            case 1: answers = script.Byte(); break;
            case <= 5: ActAsHost(script, listener); break;
            case <= 8: Lend(script); break;
            case 9: Lend(2, 1 + script.Below(2), 8, script.Byte()); break;
            case <= 11: SendAny(script); break;
            case 12: Ask(script); break;
            case <= 15: SendLikely(script); break;
            case 16: ActInMessage(script); break;
            default: ActRarely(script, listener); break;
        }
    }

    private void Lend(Script script)
    {
        int size = script.Byte() switch { < 24 and var few => few + 30, < 128 and var some => some * 4, _ => 1024 };
        Lend(0, 1 + script.Below(24), size, script.Byte());
    }

    private void Lend(int queue, int count, int size, int layout)
    {
        for (int i = 0; i < count; i++) bench.Post(queue, [], size, i == 0 ? layout : 0);
        bench.Kick(queue);
    }

    private void SendAny(Script script)
    {
        byte[] packet = new byte[PacketBytes + script.Below(8)];
        script.Fill(packet);
        if (script.Flag()) packet[0] = (byte)Cid;
        bench.Post(1, packet.AsSpan(0, script.Below(8) == 0 ? script.Below(PacketBytes) : packet.Length), script.Below(16) == 0 ? 4 : 0);
        bench.Kick(1);
    }

    /// <summary>A packet that could belong to a connection.</summary>
    private void SendLikely(Script script)
    {
        int choice = script.Byte();
        ushort operation = (choice % 12) switch { < 3 => 5, 3 or 4 => 1, 5 => 2, 6 => 4, 7 => 6, 8 => 7, 9 => 3, _ => (ushort)script.Below(10) };
        bool back = (choice & 0x40) != 0;
        uint guestPort = back ? lastGuestPort : 1 + (uint)script.Below(4);
        uint hostPort = back ? lastHostPort : script.Below(3) == 0 ? 1000u : 2000;
        ushort type = script.Byte() switch { < 128 => 1, < 240 => 2, var wrong => wrong };
        byte[] payload = operation == 5 ? new byte[script.Byte() switch { < 40 => 0, < 200 and var few => few, var many => many * 8 }] : [];
        uint flags = script.Below(3) != 0 ? (uint)script.Below(4) : (uint)script.Number();
        uint credit = script.Byte() is var room && room < 192 ? 4096u * (1 + ((uint)room % 16)) : (uint)script.Number();
        uint forwarded = script.Byte() is var progress && progress < 192 ? 0 : progress < 240 ? (uint)(progress * 4) : (uint)script.Number();
        int lie = script.Byte() is var any && any < 240 ? 0 : any - 240;
        (lastGuestPort, lastHostPort) = (guestPort, hostPort);
        Send(operation, guestPort, hostPort, type, flags, payload, credit, forwarded, lie);
    }

    private void Send(
        ushort operation,
        uint guestPort,
        uint hostPort,
        ushort type,
        uint flags,
        byte[]? payload,
        uint credit,
        uint forwarded,
        int lie,
        int? layout = null)
    {
        payload ??= [];
        byte[] packet = new byte[PacketBytes + payload.Length];
        BinaryPrimitives.WriteUInt64LittleEndian(packet, lie == 1 ? 7 : device.GuestCid);
        BinaryPrimitives.WriteUInt64LittleEndian(packet.AsSpan(8), lie == 2 ? 9u : 2u);
        BinaryPrimitives.WriteUInt32LittleEndian(packet.AsSpan(16), guestPort);
        BinaryPrimitives.WriteUInt32LittleEndian(packet.AsSpan(20), hostPort);
        BinaryPrimitives.WriteUInt32LittleEndian(packet.AsSpan(24), (uint)(payload.Length + (lie == 3 ? 5 : 0)));
        BinaryPrimitives.WriteUInt16LittleEndian(packet.AsSpan(28), type);
        BinaryPrimitives.WriteUInt16LittleEndian(packet.AsSpan(30), operation);
        BinaryPrimitives.WriteUInt32LittleEndian(packet.AsSpan(32), flags);
        BinaryPrimitives.WriteUInt32LittleEndian(packet.AsSpan(36), credit);
        BinaryPrimitives.WriteUInt32LittleEndian(packet.AsSpan(40), forwarded);
        bench.Post(1, packet, 0, layout ?? bench.Script.Byte());
        bench.Kick(1);
    }

    /// <summary>Asks the guest for a connection, which happens on another thread when it has answered.</summary>
    private void Ask(Script script)
    {
        if (asked.Count == MostStreams) return;
        VsockSocketType type = script.Below(3) == 0 ? VsockSocketType.SeqPacket : VsockSocketType.Stream;
        uint port = 1 + (uint)script.Below(4);
        CancellationTokenSource end = new();
        bench.Observe(() => asked.Add((device.ConnectAsync(port, type, end.Token).AsTask(), end)));
    }

    private void ActAsHost(Script script, VsockListener listener)
    {
        int choice = script.Byte();
        VsockStream? stream = streams.Count > 0 ? streams[script.Below(streams.Count)] : null;
        bool known = streams.Count < MostStreams;
        CancellationToken end = operationsEnd.Token;
        bench.Step(100 + (choice % 12) + (stream is null ? 16 : 0) + (stream?.Type == VsockSocketType.SeqPacket ? 32 : 0));
        bench.Observe(() =>
        {
            switch (choice % 12)
            {
                case 0 when known: Accept(listener); break;
                case 1 when requests.Count > 0:
                    VsockRequest request = answered = requests[0];
                    requests.RemoveAt(0);
                    if (choice < 160) streams.Add(request.Accept());
                    else request.Refuse();
                    break;
                case 2: time.Advance(TimeSpan.FromMilliseconds(choice * 16)); break;
                case 3 when choice > 160: device.ResetTransport(choice > 200 ? 4u : null); break;
                case 4 when choice < 160: TakeAnswered(); break;
                case 4: GiveUp(); break;
                case 5 or 6 when stream is not null: Try(() => stream.ReadAsync(buffer.AsMemory(0, choice * 4), end).AsTask()); break;
                case 7 or 8 when stream is not null: Try(() => stream.WriteAsync(buffer.AsMemory(0, choice * 4), end).AsTask()); break;
                case 9 when stream is not null:
                    Try(() => stream.SendAsync(buffer.AsMemory(0, choice), choice < 128, choice % 5 == 0, end).AsTask());
                    break;
                case 10 when stream is not null && choice < 128: stream.CompleteWrites(); break;
                case 10 when stream is not null: Try(() => stream.ReceiveAsync(buffer.AsMemory(0, choice * 2), end).AsTask()); break;
                case 11 when stream is not null:
                    stream.Dispose();
                    streams.Remove(stream);
                    break;
            }
        });
    }

    /// <summary>Pieces of a message, from either side, reads of some bytes of it, and giving up in the middle.</summary>
    private void ActInMessage(Script script)
    {
        if (streams.Count == 0) return;
        VsockStream stream = streams[script.Below(streams.Count)];
        int choice = script.Byte();
        int size = PieceBytes[choice >> 3 & 7];
        int ends = choice >> 6;
        CancellationToken end = script.Below(16) == 15 ? new(canceled: true) : operationsEnd.Token;
        bench.Step(400 + (choice & 7) + (stream.Type == VsockSocketType.SeqPacket ? 8 : 0));
        switch (choice & 7)
        {
            case <= 1: Send(5, stream.GuestPort, stream.HostPort, (ushort)stream.Type, (uint)ends, new byte[size], 4096, 0, 0); break;
            // A smaller buffer than what is on its way.
            case 2: Send(6, stream.GuestPort, stream.HostPort, (ushort)stream.Type, 0, null, (uint)size, script.Byte(), 0); break;
            case 3 or 4: bench.Observe(() => Try(() => stream.ReceiveAsync(buffer.AsMemory(0, size), end).AsTask())); break;
            case 5: bench.Observe(() => Try(() => stream.ReadAsync(buffer.AsMemory(0, size), end).AsTask())); break;
            case 6: bench.Observe(() => Try(() => stream.SendAsync(buffer.AsMemory(0, size), (ends & 1) != 0, (ends & 2) != 0, end).AsTask())); break;
            default: bench.Observe(GiveUp); break;
        }
    }

    /// <summary>What a host does seldom, and its own mistakes.</summary>
    private void ActRarely(Script script, VsockListener listener)
    {
        VsockStream? stream = streams.Count > 0 ? streams[script.Below(streams.Count)] : null;
        int choice = script.Below(6);
        bench.Step(1000 + choice);
        bench.Observe(() => Try(() =>
        {
            switch (choice)
            {
                case 0: listener.Dispose(); break;
                case 1: device.Listen(listener.Port).Dispose(); break;
                case 2: device.ResetTransport(0); break;
                case 3: answered?.Refuse(); break;
                case 4 when stream is not null:
                    // On a stream that is done with, reads and writes that hold the thread up end at once.
                    stream.Dispose();
                    streams.Remove(stream);
                    stream.Write(buffer, 0, 1);
                    break;
                case 5 when stream is not null:
                    stream.Dispose();
                    streams.Remove(stream);
                    stream.ReadExactly(buffer, 0, 1);
                    break;
            }

            return Task.CompletedTask;
        }));
    }

    private void GiveUp()
    {
        operationsEnd.Cancel();
        operationsEnd.Dispose();
        operationsEnd = new();
    }

    private void Accept(VsockListener listener)
    {
        using CancellationTokenSource end = new();
        Task<VsockStream> accepting = listener.AcceptAsync(end.Token).AsTask();
        end.Cancel();
        SpinWait.SpinUntil(() => accepting.IsCompleted);
        if (accepting.IsCompletedSuccessfully) streams.Add(accepting.Result);
    }

    private void TakeAnswered()
    {
        for (int i = asked.Count - 1; i >= 0; i--)
        {
            if (!asked[i].Task.IsCompleted) continue;
            if (asked[i].Task.IsCompletedSuccessfully) streams.Add(asked[i].Task.Result);
            asked[i].End.Dispose();
            asked.RemoveAt(i);
        }
    }

    /// <summary>Begins something that may fail or last.</summary>
    private void Try(Func<Task> operation)
    {
        try
        {
            Task begun = operation();
            int count = begun is Task<int> { IsCompletedSuccessfully: true } read ? Math.Min(2, read.Result) : 3;
            bench.Step(300 + (int)begun.Status + (count * 16));
        }
        catch (Exception error) when (error is InvalidOperationException or ArgumentException)
        {
            bench.Step(error is ArgumentException or ObjectDisposedException ? 298 : 299);

            // Two reads at once, a write after the last one, a second answer: the host's own mistake.
        }
    }

    private void OnReturned(int queue, UsedBuffer used)
    {
        if (queue != 0 || used.Written.Length < PacketBytes) return;
        // What the device says last is what a guest would answer.
        lastHostPort = BinaryPrimitives.ReadUInt32LittleEndian(used.Written.AsSpan(16));
        lastGuestPort = BinaryPrimitives.ReadUInt32LittleEndian(used.Written.AsSpan(20));
        bench.Step(0x100_0000 + used.Written[30] + (used.Written[28] << 8) + (used.Written[32] << 16));
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(used.Written.AsSpan(24));
        bool isWrong = length != used.Length - PacketBytes && !bench.IsLentAgain(used);
        FindingException.ThrowIf(isWrong, "A packet to the guest has another length than it says.");
    }

    private void Note(VsockCounters before, Behaviour behaviour)
    {
        VsockCounters after = device.Counters;
        behaviour.SawAbout((ulong)(after.PacketsFromGuest - before.PacketsFromGuest));
        behaviour.SawAbout((ulong)(after.PacketsToGuest - before.PacketsToGuest));
        behaviour.SawAbout((ulong)(after.BytesFromGuest - before.BytesFromGuest));
        behaviour.SawAbout((ulong)(after.BytesToGuest - before.BytesToGuest));
        behaviour.SawAbout((ulong)(after.Opened - before.Opened));
        behaviour.SawAbout((ulong)(after.Refused - before.Refused));
        behaviour.SawAbout((ulong)(after.Malformed - before.Malformed));
        behaviour.SawAbout((ulong)(after.Foreign - before.Foreign));
        behaviour.SawAbout((ulong)(after.Ignored - before.Ignored));
        behaviour.SawAbout((ulong)(after.Violations - before.Violations));
        behaviour.SawAbout((ulong)(after.TimedOut - before.TimedOut));
        behaviour.SawAbout((ulong)(after.ShortBuffers - before.ShortBuffers));
        behaviour.Saw(after.Connections);
    }
}
