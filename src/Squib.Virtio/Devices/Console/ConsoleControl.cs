using System.Text;
using Squib.Virtio.Queues;

namespace Squib.Virtio.Devices.Console;

/// <summary>What the driver of one session knows of the ports, and what it has yet to be told.</summary>
/// <remarks>
/// Virtio 1.2, 5.3.6.2. What is to be told is a set of flags per port and no list of messages: however often things
/// change while the driver lends no buffers, there is never more to say than how they are.
/// </remarks>
internal sealed class ConsoleControl
{
    internal const int LongestMessage = ConsoleMessage.Size + ConsolePortOptions.MaxNameBytes;

    private readonly Lock gate = new();
    private readonly ConsoleSlot[] slots;
    private readonly ConsolePort?[] announced;
    private readonly ConsolePort?[] ready;
    private readonly ConsolePortNews[] news;
    private bool started;
    private bool answered;

    internal ConsoleControl(ConsoleSlot[] slots)
    {
        this.slots = slots;
        announced = new ConsolePort?[slots.Length];
        ready = new ConsolePort?[slots.Length];
        news = new ConsolePortNews[slots.Length];
    }

    /// <summary>Rings when there may be something to tell.</summary>
    internal Doorbell Bell { get; } = new(inline: true);

    /// <summary>Something about a port has changed on the host's side.</summary>
    internal void Tell(ConsolePort port, ConsolePortNews what)
    {
        lock (gate)
        {
            if (ReferenceEquals(ready[port.Id], port)) news[port.Id] |= what;
        }

        Bell.Ring();
    }

    /// <summary>Hears a message of the driver.</summary>
    /// <returns>Whether it makes sense.</returns>
    internal bool Hear(in ConsoleMessage message)
    {
        bool understood;
        lock (gate)
        {
            understood = message.Event switch
            {
                ConsoleEvent.DeviceReady => HearDeviceReady(message.Value),
                _ when message.Port >= (uint)slots.Length => false,
                ConsoleEvent.PortReady => HearPortReady((int)message.Port, message.Value),
                ConsoleEvent.PortOpen => HearPortOpen((int)message.Port, message.Value),
                _ => false,
            };
        }

        // Outside the lock: whoever waits goes on from here.
        if (understood && message.Event == ConsoleEvent.PortOpen) slots[message.Port].Arrived.Ring();
        Bell.Ring();
        return understood;
    }

    /// <summary>Whether there is something to tell the driver.</summary>
    internal bool HasNext
    {
        get
        {
            lock (gate) return TryFindNext(out _);
        }
    }

    /// <summary>Composes the next message, which counts as told.</summary>
    /// <param name="destination">At least <see cref="LongestMessage"/> bytes.</param>
    /// <returns>The length of the message; 0 if there is none.</returns>
    internal int Compose(Span<byte> destination)
    {
        lock (gate) return TryFindNext(out int id) ? Compose(id, destination) : 0;
    }

    private bool HearDeviceReady(ushort value)
    {
        if (answered || value > 1) return false;
        answered = true;
        started = value == 1;
        return true;
    }

    private bool HearPortReady(int id, ushort value)
    {
        if (announced[id] is not { } port || ready[id] is not null || value > 1) return false;
        if (value == 0) return true;
        ready[id] = port;
        if (port.IsConsole) news[id] |= ConsolePortNews.Console | ConsolePortNews.Size;
        if (port.Name.Length > 0) news[id] |= ConsolePortNews.Name;
        if (port.IsHostOpen) news[id] |= ConsolePortNews.Open;
        return true;
    }

    private bool HearPortOpen(int id, ushort value)
    {
        if (announced[id] is not { } port || value > 1) return false;
        port.IsGuestOpen = value == 1;
        return true;
    }

    private bool TryFindNext(out int id)
    {
        for (id = 0; id < slots.Length && started; id++)
        {
            if (!ReferenceEquals(announced[id], slots[id].Port) || news[id] != ConsolePortNews.None) return true;
        }

        return false;
    }

    private int Compose(int id, Span<byte> destination)
    {
        if (announced[id] is { } known && !ReferenceEquals(known, slots[id].Port))
        {
            // MUST NOT (5.3.6.2.1): only ports that were added are removed, and a port is not added twice.
            announced[id] = null;
            ready[id] = null;
            news[id] = ConsolePortNews.None;
            return Write(destination, id, ConsoleEvent.PortRemove, 0);
        }

        if (announced[id] is not { } port)
        {
            announced[id] = slots[id].Port;
            return Write(destination, id, ConsoleEvent.PortAdd, 0);
        }

        ConsolePortNews one = news[id] & (ConsolePortNews)(-(int)news[id]);
        news[id] &= ~one;
        switch (one)
        {
            case ConsolePortNews.Console:
                return Write(destination, id, ConsoleEvent.ConsolePort, 1);
            case ConsolePortNews.Name:
                Write(destination, id, ConsoleEvent.PortName, 1);
                return ConsoleMessage.Size + Encoding.UTF8.GetBytes(port.Name, destination[ConsoleMessage.Size..]);
            case ConsolePortNews.Open:
                return Write(destination, id, ConsoleEvent.PortOpen, port.IsHostOpen ? (ushort)1 : (ushort)0);
            default:
                Write(destination, id, ConsoleEvent.Resize, 0);
                ConsoleConfig.WriteSize(destination[ConsoleMessage.Size..], port.Columns, port.Rows);
                return ConsoleMessage.Size + ConsoleConfig.SizeBytes;
        }
    }

    private static int Write(Span<byte> destination, int id, ConsoleEvent what, ushort value)
    {
        new ConsoleMessage((uint)id, what, value).WriteTo(destination);
        return ConsoleMessage.Size;
    }
}
