using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Squib.Virtio.Devices.Net;

namespace Squib.Virtio.Host;

/// <summary>The calls by which Linux makes and changes TAP interfaces.</summary>
internal static class TapInterface
{
    /// <summary>The most bytes of an interface's name.</summary>
    public const int MaxNameBytes = 15;

    private const string ControlPath = "/dev/net/tun";

    private const nuint SetInterface = 0x400454ca;
    private const nuint SetOffload = 0x400454d0;
    private const nuint SetHeaderSize = 0x400454d8;
    private const nuint SetQueue = 0x400454d9;
    private const nuint SetLittleEndian = 0x400454dc;

    private const ushort Tap = 0x0002;
    private const ushort MultiQueue = 0x0100;
    private const ushort AttachQueue = 0x0200;
    private const ushort DetachQueue = 0x0400;
    private const ushort NoPacketInformation = 0x1000;
    private const ushort VirtioHeader = 0x4000;

    private const int RequestBytes = 40;
    private const int FlagsOffset = 16;

    /// <summary>Opens one queue of an interface, which is made if it is not there.</summary>
    /// <param name="name">The name.</param>
    /// <param name="severalQueues">Whether the interface can have several queues.</param>
    /// <exception cref="Win32Exception">The system refuses.</exception>
    public static SafeFileHandle OpenQueue(string name, bool severalQueues)
    {
        int fd = Libc.Open(ControlPath, Libc.OpenReadWrite | Libc.OpenNonBlocking | Libc.OpenCloseOnExec);
        if (fd < 0) throw LastError();
        SafeFileHandle queue = new(fd, ownsHandle: true);
        try
        {
            Attach(queue, name, severalQueues);
            // The header is the one of virtio 1, in its byte order.
            Control(queue, SetHeaderSize, NetHeader.Size);
            Control(queue, SetLittleEndian, 1);
            return queue;
        }
        catch
        {
            queue.Dispose();
            throw;
        }
    }

    /// <summary>Says what frames from the interface may be like.</summary>
    /// <returns>Whether it can do all of that.</returns>
    public static bool TrySetOffloads(SafeFileHandle queue, NetOffloads offloads)
    {
        // The bits of NetOffloads are those of TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6, TUN_F_TSO_ECN and TUN_F_UFO.
        return Libc.Control(queue, SetOffload, (int)offloads) == 0;
    }

    /// <summary>Lets a queue take part in the traffic, or not.</summary>
    public static bool TryUseQueue(SafeFileHandle queue, bool use)
    {
        Span<byte> request = stackalloc byte[RequestBytes];
        request.Clear();
        MemoryMarshal.Write(request[FlagsOffset..], use ? AttachQueue : DetachQueue);
        return Libc.Control(queue, SetQueue, request) == 0;
    }

    private static void Attach(SafeFileHandle queue, string name, bool severalQueues)
    {
        Span<byte> request = stackalloc byte[RequestBytes];
        request.Clear();
        Encoding.ASCII.GetBytes(name, request[..MaxNameBytes]);
        ushort flags = Tap | NoPacketInformation | VirtioHeader;
        if (severalQueues) flags |= MultiQueue;
        MemoryMarshal.Write(request[FlagsOffset..], flags);
        if (Libc.Control(queue, SetInterface, request) == 0) return;
        Win32Exception error = LastError();
        // An interface that was made for several queues wants to be asked as one, for a single queue too.
        if (severalQueues || error.NativeErrorCode != Libc.ErrorInvalid) throw error;
        MemoryMarshal.Write(request[FlagsOffset..], (ushort)(flags | MultiQueue));
        if (Libc.Control(queue, SetInterface, request) != 0) throw error;
    }

    private static void Control(SafeFileHandle queue, nuint command, int value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        MemoryMarshal.Write(bytes, value);
        if (Libc.Control(queue, command, bytes) != 0) throw LastError();
    }

    private static Win32Exception LastError() => new(Marshal.GetLastPInvokeError());
}
