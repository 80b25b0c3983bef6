using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Squib.Virtio.Queues;
using Squib.Virtio.Transport;

namespace Squib.Benchmarks.Ring;

/// <summary>The device's half of the workloads, through the library's public surface.</summary>
internal sealed class RingDevice : IVirtioDevice
{
    // A method with both stackalloc and a loop is compiled once, without what the JIT learns while it runs.
    private readonly byte[] headerBytes = new byte[16];

    // Where the host's buffer lies in its page decides whether loads of frames wait for unrelated stores (4 KiB aliasing), a matter of
    // 10 to 20 ns. So it begins where the C program's does: with a page when frames are copied to it, 512 bytes later from it.
    private readonly Memory<byte> page = AllocatePage();
    private Virtqueue? queue;
    private ulong counter;

    public DeviceType Type => DeviceType.Entropy;

    public ulong Features => 0;

    public IReadOnlyList<ushort> QueueSizes { get; } = [256];

    public ConfigSpace Config { get; } = new();

    internal ulong Sum { get; private set; }

    public Task RunAsync(DriverSession session, CancellationToken reset)
    {
        queue = session.Queues[0];
        TaskCompletionSource ended = new();
        reset.Register(ended.SetResult);
        return ended.Task;
    }

    internal void Reset()
    {
        Sum = 0;
        counter = 0;
        page.Span.Fill(0x5a);
    }

    internal void Step(int workload)
    {
        switch (workload)
        {
            case 1: Step1(); break;
            case 2: case 3: Step2(); break;
            case 4: Step4(); break;
            default: Step5(); break;
        }
    }

    private static unsafe Memory<byte> AllocatePage()
    {
        const int Page = 4096;
        byte[] bytes = GC.AllocateArray<byte>(2 * Page, pinned: true);
        fixed (byte* start = bytes) return bytes.AsMemory((int)(-(nint)start & (Page - 1)), Page);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Step1()
    {
        ulong sum = Sum;
        using QueueBatch batch = queue!.BeginBatch();
        while (batch.TryTake(out DescriptorChain? chain))
        {
            foreach (ref readonly GuestSegment segment in chain.Readable.Segments) sum += segment.Address + (ulong)segment.Length;
            batch.Return(chain);
        }

        Sum = sum;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Step2()
    {
        ulong sum = Sum;
        Span<byte> header = headerBytes.AsSpan(0, 16);
        using QueueBatch batch = queue!.BeginBatch();
        while (batch.TryTake(out DescriptorChain? chain))
        {
            if (!chain.Readable.TryRead(header) || !chain.Writable.TryReserveStatus()) throw new InvalidDataException();
            ulong sector = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
            sum += BinaryPrimitives.ReadUInt32LittleEndian(header) + sector + (ulong)chain.Writable.Length;
            while (chain.Writable.Length > 0)
            {
                Span<byte> data = chain.Writable.First;
                data.Fill((byte)sector);
                chain.Writable.Advance(data.Length);
            }

            chain.Writable.WriteStatus(0);
            batch.Return(chain);
        }

        Sum = sum;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Step4()
    {
        ulong sum = Sum;
        Span<byte> header = headerBytes.AsSpan(0, 12);
        Span<byte> host = page.Span;
        using QueueBatch batch = queue!.BeginBatch();
        while (batch.TryTake(out DescriptorChain? chain))
        {
            if (!chain.Readable.TryRead(header)) throw new InvalidDataException();
            if (!chain.Readable.TryRead(host[..(int)chain.Readable.Length])) throw new InvalidDataException();
            sum += BinaryPrimitives.ReadUInt32LittleEndian(header[8..]) + BinaryPrimitives.ReadUInt64LittleEndian(host);
            batch.Return(chain);
        }

        Sum = sum;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Step5()
    {
        ulong sum = Sum;
        Span<byte> header = headerBytes.AsSpan(0, 12);
        Span<byte> host = page.Span[512..];
        header.Clear();
        header[10] = 1;
        using QueueBatch batch = queue!.BeginBatch();
        while (batch.TryTake(out DescriptorChain? chain))
        {
            BinaryPrimitives.WriteUInt64LittleEndian(host, ++counter);
            sum += chain.Writable.Segments[0].Address;
            if (!chain.Writable.TryWrite(header) || !chain.Writable.TryWrite(host[..1514])) throw new InvalidDataException();
            batch.Return(chain);
        }

        Sum = sum;
    }
}
