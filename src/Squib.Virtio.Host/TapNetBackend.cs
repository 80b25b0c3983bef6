using System.ComponentModel;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Squib.Virtio.Devices.Net;

namespace Squib.Virtio.Host;

/// <summary>A TAP interface of the host: its frames go through the kernel of the host as if there were a cable. Linux only.</summary>
/// <remarks>
/// The interface may be there already (then a user who owns it needs no privilege) or is made, which needs CAP_NET_ADMIN, and is
/// gone when the backend is disposed of. Addresses, bridges and whether it is up are the host's own business. Checksums and
/// segmentation are left to the kernel as far as the guest has agreed.
/// </remarks>
public sealed class TapNetBackend : INetBackend
{
    /// <summary>The most queues that Linux gives an interface.</summary>
    public const int MaxQueues = 256;

    private readonly TapQueue[] queues;
    private Exception? failure;
    private INetPort? port;
    private int failureTold;

    private TapNetBackend(string name, SafeFileHandle[] handles, NetOffloads offloads)
    {
        Name = name;
        Offloads = offloads;
        queues = [.. handles.Select((handle, index) => new TapQueue(handle, index, this))];
    }

    /// <summary>The name of the interface.</summary>
    public string Name { get; }

    /// <summary>Why the interface cannot be used any more, or null.</summary>
    public Exception? Failure => Volatile.Read(ref failure);

    /// <summary>The number of frames that the host did not take, because the interface was down or the frame was wrong to it.</summary>
    public long RefusedSends => queues.Sum(queue => queue.RefusedSends);

    /// <inheritdoc/>
    public int QueueCount => queues.Length;

    /// <inheritdoc/>
    public NetOffloads Offloads { get; }

    internal INetPort? Port => port;

    /// <summary>Opens an interface.</summary>
    /// <param name="name">Its name, 1 to 15 ASCII characters.</param>
    /// <param name="queueCount">The number of queues, 1 to <see cref="MaxQueues"/>.</param>
    /// <exception cref="ArgumentException">The name or the number cannot be.</exception>
    /// <exception cref="IOException">The system refuses.</exception>
    /// <exception cref="PlatformNotSupportedException">This is not Linux.</exception>
    public static TapNetBackend Open(string name, int queueCount = 1)
    {
        if (string.IsNullOrEmpty(name) || name.Length > TapInterface.MaxNameBytes || !Ascii.IsValid(name)
            || name.Contains('/', StringComparison.Ordinal))
            throw new ArgumentException($"'{name}' is not a name of 1 to {TapInterface.MaxNameBytes} characters.", nameof(name));
        if (queueCount is < 1 or > MaxQueues)
            throw new ArgumentOutOfRangeException(nameof(queueCount), queueCount, $"There are 1 to {MaxQueues} queues.");
        if (!OperatingSystem.IsLinux()) throw new PlatformNotSupportedException("TAP interfaces are there on Linux only.");
        List<SafeFileHandle> handles = [];
        try
        {
            for (int i = 0; i < queueCount; i++) handles.Add(TapInterface.OpenQueue(name, queueCount > 1));
            NetOffloads offloads = FindOffloads(handles[0]);
            return new(name, [.. handles], offloads);
        }
        catch (Win32Exception error)
        {
            foreach (SafeFileHandle handle in handles) handle.Dispose();
            throw new IOException(Explain(error), error);
        }
    }

    /// <inheritdoc/>
    public void Attach(INetPort port) => this.port = port;

    /// <inheritdoc/>
    public void Configure(NetOffloads offloads, int queues)
    {
        try
        {
            TapInterface.TrySetOffloads(this.queues[0].Handle, offloads);
            for (int i = 1; i < this.queues.Length; i++) this.queues[i].Use(i < queues);
        }
        catch (ObjectDisposedException)
        {
            // The end of the machine came first.
        }
    }

    /// <inheritdoc/>
    public bool TryPeek(int queue, out NetHeader header, out ReadOnlySpan<byte> frame) =>
        queues[queue].TryPeek(out header, out frame);

    /// <inheritdoc/>
    public void Consume(int queue) => queues[queue].Consume();

    /// <inheritdoc/>
    public void EndReceive(int queue) => TellFailure();

    /// <inheritdoc/>
    public bool CanSend(int queue) => queues[queue].CanSend;

    /// <inheritdoc/>
    public void Send(int queue, in NetFrame frame) => queues[queue].Send(frame);

    /// <inheritdoc/>
    public void EndSend(int queue) => TellFailure();

    /// <summary>Closes the interface.</summary>
    public ValueTask DisposeAsync()
    {
        foreach (TapQueue queue in queues) queue.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Remembers that the interface cannot be used any more.</summary>
    internal void Fail(Exception why) => Interlocked.CompareExchange(ref failure, why, null);

    /// <summary>Tells the device of it, once.</summary>
    internal void TellFailure()
    {
        if (Failure is not null && Interlocked.Exchange(ref failureTold, 1) == 0) port?.LinkChanged(false);
    }

    private static NetOffloads FindOffloads(SafeFileHandle handle)
    {
        NetOffloads offloads = NetOffloads.All;
        if (!TapInterface.TrySetOffloads(handle, offloads)) offloads &= ~NetOffloads.Ufo;
        if (!TapInterface.TrySetOffloads(handle, offloads)) offloads = NetOffloads.Checksum;
        // Until there is a driver that has agreed, frames are complete.
        TapInterface.TrySetOffloads(handle, NetOffloads.None);
        return offloads;
    }

    private static string Explain(Win32Exception error) => error.NativeErrorCode switch
    {
        Libc.ErrorNotPermitted => "the permission is missing: the interface is not this user's, or cannot be made without CAP_NET_ADMIN",
        Libc.ErrorAccess => "the permission to open /dev/net/tun is missing",
        Libc.ErrorNoEntry or Libc.ErrorNoDevice => "there is no /dev/net/tun: the host's kernel has no TAP interfaces",
        Libc.ErrorBusy => "it is in use by another program",
        Libc.ErrorInvalid => "it is no TAP interface, or was made for another number of queues",
        _ => error.Message,
    };
}
