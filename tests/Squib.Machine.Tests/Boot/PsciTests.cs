using Squib.Machine.Boot;
using Xunit;

namespace Squib.Machine.Tests.Boot;

public sealed class PsciTests
{
    private readonly List<MachineExit> ends = [];
    private readonly Psci psci;

    public PsciTests() => psci = new Psci(ends.Add);

    [Theory]
    [InlineData(0x8400_0000, 0, 0, 0x1_0001)] // VERSION
    [InlineData(0x8000_0000, 0, 0, 0x1_0001)] // SMCCC_VERSION
    [InlineData(0x8400_0003, 0, 0, -4)] // CPU_ON: already on
    [InlineData(0xC400_0003, 0, 0, -4)]
    [InlineData(0xC400_0003, 1, 0, -2)] // no such CPU
    [InlineData(0xC400_0003, 0x1_0000_0000, 0, -2)]
    [InlineData(0x8400_0003, 0x1_0000_0000, 0, -4)] // 32-bit arguments
    [InlineData(0xC400_0004, 0, 0, 0)] // AFFINITY_INFO: on
    [InlineData(0xC400_0004, 0, 1, -2)]
    [InlineData(0xC400_0004, 7, 0, -2)]
    [InlineData(0x8400_0006, 0, 0, 2)] // MIGRATE_INFO_TYPE
    [InlineData(0x8400_000A, 0x8400_0008, 0, 0)] // FEATURES
    [InlineData(0x8400_000A, 0x8000_0000, 0, 0)]
    [InlineData(0x8400_000A, 0xC400_0003, 0, 0)]
    [InlineData(0x8400_000A, 0xC400_000E, 0, -1)]
    [InlineData(0x8400_0001, 0, 0, -1)] // CPU_SUSPEND
    [InlineData(0x8000_0001, 0x8000_8000, 0, -1)] // SMCCC_ARCH_FEATURES
    [InlineData(0x8600_0000, 0, 0, -1)]
    [InlineData(0, 0, 0, -1)]
    [InlineData(0xDEAD_BEEF_8400_0000, 0, 0, 0x1_0001)] // the function is 32 bits
    public void A_call_is_answered(ulong function, ulong first, ulong second, long expected)
    {
        ulong[] registers = [function, first, second, 3];
        psci.Call(registers);
        Assert.Equal(expected, (long)registers[0]);
        Assert.Equal([first, second, 3], registers[1..]);
        Assert.Empty(ends);
    }

    [Theory]
    [InlineData(0x8400_0008, MachineExit.PowerOff)]
    [InlineData(0x8400_0009, MachineExit.Reset)]
    [InlineData(0x8400_0002, MachineExit.PowerOff)]
    public void The_guest_can_end_the_machine(ulong function, MachineExit expected)
    {
        psci.Call([function, 0, 0, 0]);
        Assert.Equal([expected], ends);
    }
}
