using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Squib.Virtio.Memory;

namespace Squib.Virtio.Queues;

/// <summary>Walks the table that an indirect descriptor names (virtio 1.2, 2.7.5.3 and 2.8.7).</summary>
internal static class IndirectTable
{
    /// <summary>Checks the address and length that the ring names, and resolves them to the table.</summary>
    internal static ChainFault TryOpen(GuestMemory memory, ulong address, uint length, int queueSize, out Table table)
    {
        table = default;
        uint entries = length / Descriptor.Size;
        if (length == 0 || length % Descriptor.Size != 0) return ChainFault.BadIndirect;
        if (entries > (uint)Math.Max(queueSize, ChainLimits.IndirectDescriptors)) return ChainFault.BadIndirect;
        if (!memory.TryGetSpan(address, (int)length, out Span<byte> bytes)) return ChainFault.OutsideMemory;
        if (bytes.Length < length && !memory.Contains(address, length)) return ChainFault.OutsideMemory;
        table = new(memory, address, bytes, (int)entries);
        return ChainFault.None;
    }

    /// <summary>A split table: entries name the next one.</summary>
    internal static ChainFault WalkSplit(in Table table, DescriptorChain chain, ChainBuilder builder)
    {
        int at = 0;
        // Each entry can be part of a chain once, so a chain with more steps than entries is a loop.
        for (int steps = 0; steps < table.Count; steps++)
        {
            Descriptor entry = table.Copy(at);
            ushort flags = entry.FlagsOrId;
            // MUST NOT (2.7.5.3.1 for drivers): no table in a table.
            if ((flags & Descriptor.Indirect) != 0) return ChainFault.BadIndirect;
            ChainFault fault = chain.Add(ref builder, entry.Address, entry.Length, flags);
            if (fault != ChainFault.None) return fault;
            if ((flags & Descriptor.Next) == 0) return chain.Finish(builder);
            at = entry.NextOrFlags;
            if (at >= table.Count) return ChainFault.NextOutOfRange;
        }

        return ChainFault.TooLong;
    }

    /// <summary>A packed table: entries follow each other, and only WRITE counts.</summary>
    internal static ChainFault WalkPacked(in Table table, DescriptorChain chain)
    {
        ChainBuilder builder = new();
        for (int at = 0; at < table.Count; at++)
        {
            Descriptor entry = table.Copy(at);
            ushort flags = entry.NextOrFlags;
            if ((flags & Descriptor.Indirect) != 0) return ChainFault.BadIndirect;
            ChainFault fault = chain.Add(ref builder, entry.Address, entry.Length, flags);
            if (fault != ChainFault.None) return fault;
        }

        return chain.Finish(builder);
    }

    /// <summary>A table in guest memory. Entries are copied one at a time, each once; a table has no alignment.</summary>
    internal readonly ref struct Table
    {
        private readonly GuestMemory memory;
        private readonly ulong address;
        private readonly ReadOnlySpan<byte> first;

        internal Table(GuestMemory memory, ulong address, ReadOnlySpan<byte> first, int count)
        {
            this.memory = memory;
            this.address = address;
            this.first = first;
            Count = count;
        }

        internal int Count { get; }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal Descriptor Copy(int index)
        {
            int offset = index * Descriptor.Size;
            if (offset + Descriptor.Size > first.Length) return CopyAcross(offset);
            ReadOnlySpan<byte> entry = first.Slice(offset, Descriptor.Size);
            return new(BinaryPrimitives.ReadUInt64LittleEndian(entry), BinaryPrimitives.ReadUInt64LittleEndian(entry[8..]));
        }

        // The table runs on in the next region of memory.
        private Descriptor CopyAcross(int offset)
        {
            Span<byte> bytes = stackalloc byte[Descriptor.Size];
            memory.TryRead(address + (ulong)offset, bytes);
            return MemoryMarshal.Read<Descriptor>(bytes);
        }
    }
}
