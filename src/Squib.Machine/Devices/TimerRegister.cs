namespace Squib.Machine.Devices;

/// <summary>The system registers of the generic timer, encoded as <see cref="IVcpuExits"/> says.</summary>
internal static class TimerRegister
{
    public const uint Frequency = El0 | (0 << 3) | 0;
    public const uint PhysicalCount = El0 | (0 << 3) | 1;
    public const uint VirtualCount = El0 | (0 << 3) | 2;
    public const uint PhysicalValue = El0 | (2 << 3) | 0;
    public const uint PhysicalControl = El0 | (2 << 3) | 1;
    public const uint PhysicalCompare = El0 | (2 << 3) | 2;
    public const uint VirtualValue = El0 | (3 << 3) | 0;
    public const uint VirtualControl = El0 | (3 << 3) | 1;
    public const uint VirtualCompare = El0 | (3 << 3) | 2;
    public const uint KernelControl = (3 << 14) | (14 << 7) | (1 << 3) | 0;

    private const uint El0 = (3 << 14) | (3 << 11) | (14 << 7);
}
