namespace Squib.Virtio.Tests.Limits;

/// <summary>A way of the data through a device that can be limited.</summary>
public enum LimitedCase
{
    BlockRead,
    BlockWrite,
    BlockZero,
    NetSend,
    NetReceive,
    VsockToHost,
    VsockToGuest,
    Rng,
    ConsoleOutput,
    ConsoleInput,
    PmemFlush,
}
