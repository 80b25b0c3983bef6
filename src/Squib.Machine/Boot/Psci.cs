namespace Squib.Machine.Boot;

/// <summary>
/// The firmware behind HVC: power control (PSCI 1.1) and the version of the calling convention (SMCCC 1.1).
/// </summary>
/// <remarks>Arm DEN 0022 (PSCI) and DEN 0028 (SMCCC). One CPU, with affinity 0.</remarks>
/// <param name="end">Called when the guest switches the machine off or resets it; the guest must not run on.</param>
internal sealed class Psci(Action<MachineExit> end)
{
    private const uint SmcccVersion = 0x8000_0000;
    private const uint Version = 0x8400_0000;
    private const uint CpuOff = 0x8400_0002;
    private const uint CpuOn = 0x8400_0003;
    private const uint AffinityInformation = 0x8400_0004;
    private const uint MigrateInformationType = 0x8400_0006;
    private const uint SystemOff = 0x8400_0008;
    private const uint SystemReset = 0x8400_0009;
    private const uint Features = 0x8400_000A;

    // The same function with 64-bit arguments.
    private const uint Wide = 0x4000_0000;

    private const long Success = 0;
    private const long NotSupported = -1;
    private const long InvalidParameters = -2;
    private const long AlreadyOn = -4;
    private const long NoTrustedOs = 2;

    /// <summary>Answers a call.</summary>
    /// <param name="registers">X0 (the function) to X3; the result replaces X0.</param>
    public void Call(Span<ulong> registers)
    {
        uint function = (uint)registers[0];
        registers[0] = (ulong)(function switch
        {
            SmcccVersion or Version => 0x1_0001,
            CpuOff => End(MachineExit.PowerOff), // Nobody is left to switch the only CPU on again.
            CpuOn => TurnOn((uint)registers[1]),
            CpuOn | Wide => TurnOn(registers[1]),
            AffinityInformation => ReadPower((uint)registers[1], (uint)registers[2]),
            AffinityInformation | Wide => ReadPower(registers[1], registers[2]),
            MigrateInformationType => NoTrustedOs,
            SystemOff => End(MachineExit.PowerOff),
            SystemReset => End(MachineExit.Reset),
            Features => IsKnown((uint)registers[1]) ? Success : NotSupported,
            _ => NotSupported,
        });
    }

    private static long TurnOn(ulong target) => target == 0 ? AlreadyOn : InvalidParameters;

    // 0 is "on"; only level 0, a CPU by itself, can be asked for since PSCI 1.0.
    private static long ReadPower(ulong target, ulong level) => target == 0 && level == 0 ? 0 : InvalidParameters;

    private static bool IsKnown(uint function) => function
        is SmcccVersion or Version or Features
        or CpuOff or CpuOn or (CpuOn | Wide)
        or AffinityInformation or (AffinityInformation | Wide) or MigrateInformationType
        or SystemOff or SystemReset;

    private long End(MachineExit exit)
    {
        end(exit);
        return Success;
    }
}
