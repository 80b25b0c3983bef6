using System.Text;
using Squib.Machine.Boot;
using Squib.Machine.Tests.Boot;
using Squib.Virtio.Memory;
using Xunit;

namespace Squib.Machine.Tests;

/// <summary>Whole machines that run small programs: CPU, GIC, timer, UART and firmware together.</summary>
public sealed class MachineProgramTests : IDisposable
{
    private readonly MemoryStream screen = new();

    private string Shown => Encoding.ASCII.GetString(screen.ToArray());

    [Fact]
    public void A_program_finds_its_device_tree_prints_and_switches_itself_off_at_once()
    {
        KernelImage program = Images.Program(
        [
            0xb9400001, // ldr w1, [x0]
            0x5281ba04, // mov w4, #0x0dd0
            0x72bdbfc4, // movk w4, #0xedfe, lsl #16: the magic of a device tree
            0xd2a1c142, // mov x2, #0x0e0a0000
            0x6b04003f, // cmp w1, w4
            0x540000e1, // b.ne over the printing
            0x528009e3, // mov w3, #'O'
            0xb9000043, // str w3, [x2]
            0x52800963, // mov w3, #'K'
            0x39000043, // strb w3, [x2]
            0x52800143, // mov w3, #'\n'
            0x79000043, // strh w3, [x2]
            0x52800100, // mov w0, #8
            0x72b08000, // movk w0, #0x8400, lsl #16
            0xd4000002, // hvc #0
            0x52800423, // mov w3, #'!'
            0xb9000043, // str w3, [x2]: must not be reached
            0x14000000, // b .
        ]);
        using Machine machine = Create(program);
        Assert.Equal(MachineExit.PowerOff, machine.Run());
        Assert.Equal("OK\n", Shown);
        Assert.Equal(3, machine.MmioExits);
        Assert.Equal(0, machine.Bus.UnclaimedAccesses);
    }

    [Fact]
    public void A_program_that_waits_is_woken_by_its_timer_through_the_GIC()
    {
        KernelImage program = Images.Program(
            [
                0x10003e01, // adr x1, vectors
                0xd518c001, // msr vbar_el1, x1
                0xd2a10002, // mov x2, #0x08000000
                0x52800263, // mov w3, #0x13
                0xb9000043, // str w3, [x2]: GICD_CTLR
                0xd2a10142, // mov x2, #0x080a0000
                0xb900145f, // str wzr, [x2, #0x14]: GICR_WAKER
                0x91404044, // add x4, x2, #0x10000
                0x12800003, // mov w3, #-1
                0xb9008083, // str w3, [x4, #0x80]: GICR_IGROUPR0
                0x52a10003, // mov w3, #(1 << 27)
                0xb9010083, // str w3, [x4, #0x100]: GICR_ISENABLER0
                0xd2801e03, // mov x3, #0xf0
                0xd5184603, // msr icc_pmr_el1, x3
                0xd2800023, // mov x3, #1
                0xd518cce3, // msr icc_igrpen1_el1, x3
                0xd29e8483, // mov x3, #62500: 1 ms
                0xd51be303, // msr cntv_tval_el0, x3
                0xd2800023, // mov x3, #1
                0xd51be323, // msr cntv_ctl_el0, x3
                0xd5033fdf, // isb
                0xd50342ff, // msr daifclr, #2
                0xd503207f, // wfi
                0x17ffffff, // b the wfi
            ],
            [
                0xd538cc05, // mrs x5, icc_iar1_el1
                0x1100c0a5, // add w5, w5, #'0'
                0xd2a1c142, // mov x2, #0x0e0a0000
                0xb9000045, // str w5, [x2]
                0xd51be33f, // msr cntv_ctl_el0, xzr
                0xd538cc46, // mrs x6, icc_hppir1_el1
                0x52800120, // mov w0, #9
                0x72b08000, // movk w0, #0x8400, lsl #16
                0xd4000002, // hvc #0
                0x14000000, // b .
            ]);
        using Machine machine = Create(program);
        Assert.Equal(MachineExit.Reset, machine.Run());
        Assert.Equal("K", Shown); // '0' + 27, the virtual timer
    }

    [Fact]
    public async Task A_program_that_loops_or_sleeps_for_ever_can_be_stopped()
    {
        foreach (uint instruction in new uint[] { 0x1400_0000, 0xd503_207f }) // b . and wfi
        {
            using Machine machine = Create(Images.Program([instruction, 0x17ff_ffff]));
            Task<MachineExit> run = Task.Run(machine.Run, TestContext.Current.CancellationToken);
            while (instruction == 0x1400_0000 && machine.Instructions == 0) await Task.Yield();
            machine.Stop();
            Assert.Equal(MachineExit.Stopped, await run);
        }
    }

    public void Dispose() => screen.Dispose();

    private Machine Create(KernelImage kernel) => new(new MachineOptions
    {
        Memory = new(new GuestRegion(MemoryMap.RamStart, new byte[16 << 20])),
        Kernel = kernel,
        SerialOutput = screen,
    });
}
