namespace Squib.Virtio.Transport;

/// <summary>The configuration space of a device: bytes that the driver reads, and some that it writes.</summary>
/// <remarks>
/// Virtio 1.2, 2.5. Fields are little-endian. Accesses may have any width and alignment; what lies beyond the end reads as zero. All
/// members may be called by any thread.
/// </remarks>
public sealed class ConfigSpace
{
    private readonly Lock gate = new();
    private readonly byte[] bytes;
    private readonly List<Field> writable = [];
    private readonly List<Answer> answers = [];
    private uint generation;
    private long refusedWrites;
    private Action? changed;

    /// <summary>Creates a configuration space.</summary>
    /// <param name="initial">Its bytes, which are copied; their number is its length.</param>
    public ConfigSpace(params ReadOnlySpan<byte> initial) => bytes = initial.ToArray();

    /// <summary>The length in bytes.</summary>
    public int Length => bytes.Length;

    /// <summary>The value of ConfigGeneration; it changes with every <see cref="Update"/>.</summary>
    public uint Generation => Volatile.Read(ref generation);

    /// <summary>The number of bytes that drivers tried to write outside writable fields.</summary>
    public long RefusedWrites => Interlocked.Read(ref refusedWrites);

    /// <summary>Lets the driver write a field.</summary>
    /// <param name="offset">The offset of the field in bytes.</param>
    /// <param name="length">The length of the field in bytes.</param>
    /// <param name="written">Called with the new bytes of the field after the driver changed one or more of them.</param>
    /// <param name="enabled">Whether the field can be written at the moment; by default always.</param>
    /// <exception cref="ArgumentOutOfRangeException">The field is not inside the configuration space.</exception>
    public void AllowWrites(int offset, int length, Action<ReadOnlySpan<byte>> written, Func<bool>? enabled = null)
    {
        ArgumentNullException.ThrowIfNull(written);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length - offset);
        lock (gate) writable.Add(new(offset, length, written, enabled));
    }

    /// <summary>Has reads of a field answered by its value of the moment.</summary>
    /// <param name="offset">The offset of the field in bytes.</param>
    /// <param name="length">The length of the field in bytes.</param>
    /// <param name="answer">Called for each access of just this field, to fill it; other accesses see the bytes as they are.</param>
    /// <exception cref="ArgumentOutOfRangeException">The field is not inside the configuration space.</exception>
    public void AnswerReads(int offset, int length, Action<Span<byte>> answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length - offset);
        lock (gate) answers.Add(new(offset, length, answer));
    }

    /// <summary>Reads; bytes beyond the end are zero.</summary>
    /// <param name="offset">The offset in bytes.</param>
    /// <param name="data">The destination.</param>
    public void Read(ulong offset, Span<byte> data)
    {
        data.Clear();
        if (offset >= (ulong)bytes.Length) return;
        // The list only grows, before the driver can be there.
        foreach (Answer answer in answers)
        {
            if ((ulong)answer.Offset != offset || answer.Length != data.Length) continue;
            answer.Fill(data);
            return;
        }

        lock (gate)
        {
            ReadOnlySpan<byte> from = bytes.AsSpan((int)offset);
            from[..Math.Min(from.Length, data.Length)].CopyTo(data);
        }
    }

    /// <summary>Writes as the driver: only bytes of writable fields change, the others are ignored and counted.</summary>
    /// <param name="offset">The offset in bytes.</param>
    /// <param name="data">The bytes.</param>
    public void Write(ulong offset, ReadOnlySpan<byte> data)
    {
        int taken = 0;
        if (offset < (ulong)bytes.Length)
        {
            // The list only grows, before the driver can be there.
            foreach (Field field in writable) taken += Write(field, (int)offset, data);
        }

        if (taken < data.Length) Interlocked.Add(ref refusedWrites, data.Length - taken);
    }

    /// <summary>Changes bytes as the device: the generation changes and the driver gets a configuration interrupt.</summary>
    /// <param name="offset">The offset in bytes.</param>
    /// <param name="data">The new bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The bytes are not inside the configuration space.</exception>
    public void Update(int offset, ReadOnlySpan<byte> data)
    {
        Set(offset, data);
        changed?.Invoke();
    }

    /// <summary>Changes bytes as the device without an interrupt, for fields of which the specification wants none.</summary>
    /// <param name="offset">The offset in bytes.</param>
    /// <param name="data">The new bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The bytes are not inside the configuration space.</exception>
    public void Set(int offset, ReadOnlySpan<byte> data)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(data.Length, Length - offset, nameof(data));
        lock (gate)
        {
            data.CopyTo(bytes.AsSpan(offset));
            // MUST (2.5.1, 4.2.2.1): the generation changes when a reader could see some old and some new bytes.
            generation++;
        }
    }

    /// <summary>Connects the transport that interrupts the driver.</summary>
    internal void OnChanged(Action action) => changed = action;

    private int Write(in Field field, int offset, ReadOnlySpan<byte> data)
    {
        int from = Math.Max(offset, field.Offset);
        int count = Math.Min(offset + data.Length, field.Offset + field.Length) - from;
        if (count <= 0 || field.Enabled?.Invoke() == false) return 0;
        Span<byte> value = stackalloc byte[8];
        value = field.Length <= value.Length ? value[..field.Length] : new byte[field.Length];
        lock (gate)
        {
            data.Slice(from - offset, count).CopyTo(bytes.AsSpan(from));
            bytes.AsSpan(field.Offset, field.Length).CopyTo(value);
        }

        field.Written(value);
        return count;
    }

    private readonly record struct Field(int Offset, int Length, Action<ReadOnlySpan<byte>> Written, Func<bool>? Enabled);

    private readonly record struct Answer(int Offset, int Length, Action<Span<byte>> Fill);
}
