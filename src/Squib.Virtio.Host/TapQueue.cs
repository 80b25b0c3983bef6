using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Squib.Virtio.Devices.Net;

namespace Squib.Virtio.Host;

/// <summary>One queue of a TAP interface: a file from which each read brings a frame, and to which each write sends one.</summary>
/// <remarks>
/// SAFETY: the addresses given to <c>writev</c> are those of pinned bytes, which stay pinned until the call has returned.
/// </remarks>
internal sealed class TapQueue : IThreadPoolWorkItem, IDisposable
{
    private const int RecordBytes = NetHeader.Size + NetFrame.MaxLength;

    private readonly TapNetBackend owner;
    private readonly TapWatch.Registration registration;
    private readonly int index;
    private byte[]? received;
    private int receivedBytes;
    private byte[]? unsent;
    private volatile int unsentBytes;
    private volatile bool used = true;
    private int ready;
    private long refusedSends;

    internal TapQueue(SafeFileHandle handle, int index, TapNetBackend owner)
    {
        Handle = handle;
        this.index = index;
        this.owner = owner;
        registration = TapWatch.Add(handle, OnReady);
    }

    internal SafeFileHandle Handle { get; }

    internal long RefusedSends => Volatile.Read(ref refusedSends);

    internal bool CanSend => unsentBytes == 0;

    /// <summary>Lets the queue take part in the traffic, or not.</summary>
    internal void Use(bool use)
    {
        if (use == used || !TapInterface.TryUseQueue(Handle, use)) return;
        used = use;
    }

    internal bool TryPeek(out NetHeader header, out ReadOnlySpan<byte> frame)
    {
        header = default;
        frame = default;
        if (receivedBytes == 0 && !TryRead()) return false;
        header = NetHeader.Read(received);
        frame = received.AsSpan(NetHeader.Size, receivedBytes - NetHeader.Size);
        return true;
    }

    internal void Consume() => receivedBytes = 0;

    internal unsafe void Send(in NetFrame frame)
    {
        Span<byte> header = stackalloc byte[NetHeader.Size];
        frame.Header.Write(header);
        if (!frame.IsWhole)
        {
            Copy(header, frame);
            Write(unsent.AsSpan(0, NetHeader.Size + frame.Length));
            return;
        }

        nint sent;
        fixed (byte* first = header, second = frame.First)
        {
            Libc.IoVector* pieces = stackalloc Libc.IoVector[2];
            pieces[0] = new() { Address = first, Length = NetHeader.Size };
            pieces[1] = new() { Address = second, Length = (nuint)frame.Length };
            sent = TryWriteVector(pieces);
        }

        if (sent >= 0) return;
        if (Marshal.GetLastPInvokeError() == Libc.ErrorAgain) Keep(header, frame);
        else OnWriteError(Marshal.GetLastPInvokeError());
    }

    /// <summary>Runs on a thread of the pool after the file has become ready.</summary>
    public void Execute()
    {
        int events = Interlocked.Exchange(ref ready, 0);
        if ((events & TapWatch.Writable) != 0 && unsentBytes != 0)
        {
            Write(unsent.AsSpan(0, unsentBytes));
            if (unsentBytes == 0) owner.Port?.RoomAvailable(index);
        }

        if ((events & TapWatch.Readable) != 0) owner.Port?.FramesWaiting(index);
        owner.TellFailure();
    }

    public void Dispose()
    {
        registration.Dispose();
        Handle.Dispose();
    }

    private void OnReady(int events)
    {
        Interlocked.Or(ref ready, events);
        // The thread that watches all files must not be kept by one of them.
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    private bool TryRead()
    {
        if (!used || owner.Failure is not null) return false;
        received ??= GC.AllocateUninitializedArray<byte>(RecordBytes);
        try
        {
            while (true)
            {
                nint count = Libc.Read(Handle, received, RecordBytes);
                if (count > NetHeader.Size)
                {
                    receivedBytes = (int)count;
                    return true;
                }

                if (count >= 0) continue;
                int error = Marshal.GetLastPInvokeError();
                if (error == Libc.ErrorInterrupted) continue;
                if (error == Libc.ErrorAgain) registration.Arm(TapWatch.Readable);
                else if (used) owner.Fail(new IOException($"{owner.Name}: {new Win32Exception(error).Message}"));
                return false;
            }
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    private unsafe nint TryWriteVector(Libc.IoVector* pieces)
    {
        try
        {
            return Libc.WriteVector(Handle, pieces, 2);
        }
        catch (ObjectDisposedException)
        {
            return 0;
        }
    }

    private void Write(ReadOnlySpan<byte> record)
    {
        try
        {
            int error = Libc.Write(Handle, record, record.Length) >= 0 ? 0 : Marshal.GetLastPInvokeError();
            if (error == Libc.ErrorAgain)
            {
                Wait(record.Length);
                return;
            }

            // Only now: until then nobody else may use the buffer.
            unsentBytes = 0;
            if (error != 0) OnWriteError(error);
        }
        catch (ObjectDisposedException)
        {
            // The end of the machine came first.
        }
    }

    private void Keep(ReadOnlySpan<byte> header, in NetFrame frame)
    {
        Copy(header, frame);
        Wait(NetHeader.Size + frame.Length);
    }

    private void Wait(int bytes)
    {
        unsentBytes = bytes;
        registration.Arm(TapWatch.Writable);
    }

    private void Copy(ReadOnlySpan<byte> header, in NetFrame frame)
    {
        unsent ??= GC.AllocateUninitializedArray<byte>(RecordBytes);
        header.CopyTo(unsent);
        frame.CopyTo(unsent.AsSpan(NetHeader.Size));
    }

    private void OnWriteError(int error)
    {
        Interlocked.Increment(ref refusedSends);
        // The interface is gone. While it is only down (EIO), or a frame is wrong to it (EINVAL), the next one may pass.
        if (error == Libc.ErrorBadDescriptorState && used) owner.Fail(new IOException($"{owner.Name}: {new Win32Exception(error).Message}"));
    }
}
