namespace Squib.Virtio.Tests.Queues;

/// <summary>A descriptor as a driver, honest or not, may write it.</summary>
internal readonly record struct Raw(ulong Address, uint Length, ushort Flags)
{
    public const ushort Next = 1;
    public const ushort Write = 2;
    public const ushort Indirect = 4;
    public const ushort Avail = 0x80;
    public const ushort Used = 0x8000;

    public bool IsWritable => (Flags & Write) != 0;

    public static Raw In(ulong address, uint length) => new(address, length, 0);

    public static Raw Out(ulong address, uint length) => new(address, length, Write);
}
