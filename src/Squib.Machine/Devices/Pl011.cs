using System.Buffers.Binary;
using Squib.Virtio.Bus;
using Squib.Virtio.Interrupts;

namespace Squib.Machine.Devices;

/// <summary>A PL011 UART (r1p1: FIFOs of 16 bytes) whose line is infinitely fast.</summary>
/// <remarks>
/// What is sent is gone at once, so the transmit FIFO is always empty; it is sent even while the UART is disabled,
/// because no firmware has enabled it for an early console. What comes in waits in a bounded queue, of which the driver
/// sees as much as the FIFO holds; nothing is seen, and nothing is lost, while the receiver is disabled.
/// </remarks>
/// <param name="line">The combined interrupt, level-triggered.</param>
/// <param name="output">Where sent bytes go.</param>
internal sealed class Pl011(IrqLine line, SerialOutput output) : IBusDevice
{
    /// <summary>The number of received bytes that wait at most before writers have to.</summary>
    public const int MaxWaitingBytes = 4096;

    private const int FifoBytes = 16;
    private const uint ReceiveInterrupt = 1 << 4;
    private const uint TransmitInterrupt = 1 << 5;
    private const uint ReceiveTimeout = 1 << 6;
    private const uint FifosEnabled = 1 << 4;
    private const uint Loopback = 1 << 7;
    private const uint ReceiverOn = (1 << 9) | (1 << 0);

    private readonly object gate = new(); // A Monitor: writers wait on it.
    private readonly Queue<byte> waiting = new(MaxWaitingBytes);
    private uint lineControl;
    private uint control = 0x300;
    private uint fifoLevels = 0x12;
    private uint integerDivisor;
    private uint fractionalDivisor;
    private uint lowPowerDivisor;
    private uint dmaControl;
    private uint mask;
    private uint raw;
    private bool raised;
    private bool closed;

    private static ReadOnlySpan<byte> Ids => [0x11, 0x10, 0x14, 0x00, 0x0D, 0xF0, 0x05, 0xB1];

    private bool FifosOn => (lineControl & FifosEnabled) != 0;

    // What the driver can see of what has come in.
    private int Visible => (control & ReceiverOn) == ReceiverOn ? Math.Min(waiting.Count, FifosOn ? FifoBytes : 1) : 0;

    private int ReceiveTrigger => !FifosOn ? 1 : ((fifoLevels >> 3) & 7) switch
    {
        0 => FifoBytes / 8,
        1 => FifoBytes / 4,
        2 => FifoBytes / 2,
        3 => FifoBytes * 3 / 4,
        _ => FifoBytes * 7 / 8,
    };

    /// <summary>Gives the guest input, as much as there is room for.</summary>
    /// <param name="input">The bytes.</param>
    /// <returns>How many were taken.</returns>
    public int TryReceive(ReadOnlySpan<byte> input)
    {
        lock (gate)
        {
            int taken = Math.Min(input.Length, MaxWaitingBytes - waiting.Count);
            foreach (byte value in input[..taken]) waiting.Enqueue(value);
            UpdateReceiver();
            return taken;
        }
    }

    /// <summary>Gives the guest input and waits until there was room for all of it, or the UART is closed.</summary>
    /// <param name="input">The bytes.</param>
    public void Receive(ReadOnlySpan<byte> input)
    {
        lock (gate)
        {
            while (!closed)
            {
                input = input[TryReceive(input)..];
                if (input.IsEmpty) return;
                Monitor.Wait(gate);
            }
        }
    }

    /// <summary>Lets waiting writers go; their input and all later one is dropped.</summary>
    public void Close()
    {
        lock (gate)
        {
            closed = true;
            Monitor.PulseAll(gate);
        }
    }

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> data)
    {
        Span<byte> register = stackalloc byte[8];
        lock (gate) BinaryPrimitives.WriteUInt32LittleEndian(register, ReadRegister((uint)offset & ~3u));
        int from = (int)offset & 3;
        data.Clear();
        register[from..Math.Min(8, from + data.Length)].CopyTo(data);
    }

    /// <inheritdoc/>
    public void Write(ulong offset, ReadOnlySpan<byte> data)
    {
        // Registers are 16 bits at most and begin at multiples of 4; the bytes above them do not exist.
        if ((offset & 3) != 0) return;
        uint value = data.Length == 1 ? data[0] : BinaryPrimitives.ReadUInt16LittleEndian(data);
        // The host's stream may block: whoever gives input must not wait for it.
        if (offset == 0 && (Volatile.Read(ref control) & Loopback) == 0) output.Write((byte)value);
        lock (gate) WriteRegister((uint)offset, value);
    }

    private uint ReadRegister(uint offset) => offset switch
    {
        0x00 => TakeReceived(),
        0x04 => 0, // RSR: no receive errors happen on this line.
        0x18 => ReadFlags(),
        0x20 => lowPowerDivisor,
        0x24 => integerDivisor,
        0x28 => fractionalDivisor,
        0x2C => lineControl,
        0x30 => control,
        0x34 => fifoLevels,
        0x38 => mask,
        0x3C => raw,
        0x40 => raw & mask,
        0x48 => dmaControl,
        >= 0xFE0 and < 0x1000 => Ids[(int)(offset - 0xFE0) >> 2],
        _ => 0,
    };

    private void WriteRegister(uint offset, uint value)
    {
        switch (offset)
        {
            case 0x00: HaveSent((byte)value); break;
            case 0x20: lowPowerDivisor = value & 0xFF; break;
            case 0x24: integerDivisor = value; break;
            case 0x28: fractionalDivisor = value & 0x3F; break;
            case 0x2C: lineControl = value & 0xFF; break;
            case 0x30: control = value & 0xFF87; break;
            case 0x34: fifoLevels = value & 0x3F; break;
            case 0x38: mask = value & 0x7FF; break;
            case 0x44: raw &= ~value; break;
            case 0x48: dmaControl = value & 7; break;
            default: return;
        }

        // Clearing an interrupt must not bring it back at once; it comes back with the next byte in or out.
        if (offset == 0x44) UpdateLine();
        else UpdateReceiver();
    }

    private void HaveSent(byte value)
    {
        if ((control & Loopback) != 0 && waiting.Count < MaxWaitingBytes) waiting.Enqueue(value);

        // The FIFO has drained past its trigger level already.
        raw |= TransmitInterrupt;
    }

    private uint TakeReceived()
    {
        if (Visible == 0) return 0;
        uint value = waiting.Dequeue();
        UpdateReceiver();
        Monitor.PulseAll(gate);
        return value;
    }

    private uint ReadFlags()
    {
        const uint CableConnected = 0x007; // CTS, DSR, DCD
        const uint ReceiveEmpty = 1 << 4;
        const uint ReceiveFull = 1 << 6;
        const uint TransmitEmpty = 1 << 7;
        int visible = Visible;
        uint flags = CableConnected | TransmitEmpty;
        if (visible == 0) flags |= ReceiveEmpty;
        else if (visible == (FifosOn ? FifoBytes : 1)) flags |= ReceiveFull;
        return flags;
    }

    // The receive timeout, 32 bit times without another byte, has passed as soon as there is a byte: it is that fast.
    private void UpdateReceiver()
    {
        int visible = Visible;
        raw = visible >= ReceiveTrigger ? raw | ReceiveInterrupt : raw & ~ReceiveInterrupt;
        raw = visible > 0 ? raw | ReceiveTimeout : raw & ~ReceiveTimeout;
        UpdateLine();
    }

    private void UpdateLine()
    {
        bool wanted = (raw & mask) != 0;
        if (wanted == raised) return;
        raised = wanted;
        if (wanted) line.Raise();
        else line.Lower();
    }
}
