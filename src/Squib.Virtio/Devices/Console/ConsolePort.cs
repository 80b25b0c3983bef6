using Squib.Virtio.Limits;
using Squib.Virtio.Queues;

namespace Squib.Virtio.Devices.Console;

/// <summary>One line between host and guest.</summary>
/// <remarks>All members may be called by any thread.</remarks>
public sealed class ConsolePort
{
    private readonly ConsoleInput input;
    private readonly ConsoleOutput output;
    private readonly Action<ConsolePort, ConsolePortNews> changed;
    private long inputBytes;
    private volatile bool guestOpen;
    private volatile bool hostOpen = true;

    internal ConsolePort(
        int id,
        ConsolePortOptions port,
        ConsoleOptions device,
        Doorbell arrived,
        Action<ConsolePort, ConsolePortNews> changed)
    {
        Id = id;
        Name = port.Name;
        IsConsole = port.IsConsole;
        Columns = device.Columns;
        Rows = device.Rows;
        this.changed = changed;
        input = new(device.InputBufferBytes, arrived);
        output = new(port.Output, device.OutputBufferBytes, device.Time);
    }

    /// <summary>The number of the port, from 0.</summary>
    public int Id { get; }

    /// <summary>The name, which may be empty.</summary>
    public string Name { get; }

    /// <summary>Whether the guest should use the port as a terminal.</summary>
    public bool IsConsole { get; }

    /// <summary>Whether somebody in the guest has opened the port; input waits until then.</summary>
    public bool IsGuestOpen
    {
        get => guestOpen;
        internal set => guestOpen = value;
    }

    /// <summary>Whether the port is open on the host's side, as the guest is told; at first it is.</summary>
    public bool IsHostOpen => hostOpen;

    /// <summary>The number of bytes that the guest has taken.</summary>
    public long InputBytes => Volatile.Read(ref inputBytes);

    /// <summary>The number of bytes that the stream has taken.</summary>
    public long OutputBytes => output.Written;

    /// <summary>The number of bytes from the guest that were lost because the stream failed.</summary>
    public long DroppedBytes => output.Dropped;

    /// <summary>The width of the window, in characters.</summary>
    internal ushort Columns { get; private set; }

    /// <summary>The height of the window, in characters.</summary>
    internal ushort Rows { get; private set; }

    /// <summary>Whether there is input that the guest may have.</summary>
    internal bool HasInput => guestOpen && !input.IsEmpty;

    /// <summary>Rings when there is room for output again.</summary>
    internal Doorbell OutputRoom => output.Room;

    /// <summary>Sends bytes to the guest, in order; writers take turns.</summary>
    /// <param name="bytes">The bytes, not to be changed until the task is done.</param>
    /// <param name="cancel">Gives up waiting for the guest; some of the bytes may have been taken.</param>
    /// <returns>
    /// Done when all bytes are in the port's bounded buffer, so a guest that does not read holds the writer back.
    /// </returns>
    /// <exception cref="InvalidOperationException">The port has been removed.</exception>
    /// <exception cref="OperationCanceledException">Waiting was given up.</exception>
    public ValueTask WriteInputAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancel = default) =>
        input.WriteAsync(bytes, cancel);

    /// <summary>Waits until all that the guest has written so far is with the stream.</summary>
    /// <param name="cancel">Gives up waiting.</param>
    public Task DrainAsync(CancellationToken cancel = default) => output.DrainAsync().WaitAsync(cancel);

    /// <summary>Tells the guest that the host's side of the port has been opened or closed (with MULTIPORT).</summary>
    /// <param name="open">Whether it is open.</param>
    public void SetHostOpen(bool open)
    {
        if (hostOpen == open) return;
        hostOpen = open;
        changed(this, ConsolePortNews.Open);
    }

    /// <summary>
    /// Changes the size of the window and tells the guest (with MULTIPORT; otherwise only port 0 has a size).
    /// </summary>
    /// <param name="columns">The width in characters.</param>
    /// <param name="rows">The height in characters.</param>
    public void Resize(ushort columns, ushort rows)
    {
        (Columns, Rows) = (columns, rows);
        changed(this, ConsolePortNews.Size);
    }

    /// <summary>Fills a buffer of the guest with input.</summary>
    /// <returns>The number of bytes.</returns>
    internal int Fill(WritableSegments destination)
    {
        int count = input.Fill(destination);
        inputBytes += count;
        return count;
    }

    /// <summary>
    /// Takes output as far as there is room and the limit allows; <see cref="Send"/> has it written. A chain may be
    /// much longer than the limit, so each piece of it has to pass.
    /// </summary>
    /// <returns>Whether all was taken.</returns>
    internal bool TryTake(ReadableSegments source, RateGate gate)
    {
        while (source.Length > 0)
        {
            int taken = output.Write(source.First);
            if (taken == 0) return false;
            source.Advance(taken);
            gate.Charge(taken, requests: 0);
            if (source.Length > 0 && !gate.MayPass()) return false;
        }

        return true;
    }

    /// <summary>Takes a byte of output, if there is room.</summary>
    internal bool TryTake(ReadOnlySpan<byte> single) => output.Write(single) == 1;

    /// <summary>Why the stream has failed, once for each failure; null: it has not.</summary>
    internal Exception? TakeFailure() => output.TakeFailure();

    /// <summary>Sees to it that output is written to the stream.</summary>
    internal void Send() => output.Start();

    /// <summary>The port has been removed: nobody waits for it any more.</summary>
    internal void Close()
    {
        input.Close();
        output.Room.Ring();
    }
}
