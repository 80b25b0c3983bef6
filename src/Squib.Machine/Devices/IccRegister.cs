namespace Squib.Machine.Devices;

/// <summary>The system registers of the GIC's CPU interface, encoded as <see cref="IVcpuExits"/> says.</summary>
/// <remarks>
/// With five priority bits only the first of the four active-priority registers of each group exists.
/// </remarks>
internal static class IccRegister
{
    public const uint Pmr = El1 | (4 << 7) | (6 << 3) | 0;
    public const uint Iar0 = C12 | (8 << 3) | 0;
    public const uint Eoir0 = C12 | (8 << 3) | 1;
    public const uint Hppir0 = C12 | (8 << 3) | 2;
    public const uint Bpr0 = C12 | (8 << 3) | 3;
    public const uint Ap0r0 = C12 | (8 << 3) | 4;
    public const uint Ap1r0 = C12 | (9 << 3) | 0;
    public const uint Dir = C12 | (11 << 3) | 1;
    public const uint Rpr = C12 | (11 << 3) | 3;
    public const uint Sgi1r = C12 | (11 << 3) | 5;
    public const uint Asgi1r = C12 | (11 << 3) | 6;
    public const uint Sgi0r = C12 | (11 << 3) | 7;
    public const uint Iar1 = C12 | (12 << 3) | 0;
    public const uint Eoir1 = C12 | (12 << 3) | 1;
    public const uint Hppir1 = C12 | (12 << 3) | 2;
    public const uint Bpr1 = C12 | (12 << 3) | 3;
    public const uint Ctlr = C12 | (12 << 3) | 4;
    public const uint Sre = C12 | (12 << 3) | 5;
    public const uint Igrpen0 = C12 | (12 << 3) | 6;
    public const uint Igrpen1 = C12 | (12 << 3) | 7;

    /// <summary>What ICC_SRE always reads: system registers enabled, FIQ and IRQ bypass disabled.</summary>
    public const uint SreAlways = 7;

    private const uint El1 = 3 << 14;
    private const uint C12 = El1 | (12 << 7);
}
