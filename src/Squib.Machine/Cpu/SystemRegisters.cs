using Squib.Machine.Mmu;

namespace Squib.Machine.Cpu;

/// <summary>The table of system registers, and how MRS and MSR find theirs.</summary>
internal static unsafe class SystemRegisters
{
    // SAFETY: a pointer to a local state serves for nothing but the distance of its fields.
    private const ulong Midr = 0x410f_d034; // Cortex-A53 r0p4: a core without errata that Linux works around
    private const ulong Mpidr = 0x8000_0000;
    private const ulong Ctr = 0x8444_c004; // lines of 64 bytes, PIPT instruction cache, no IDC, no DIC
    private const ulong DczidBlock = 9; // 2048 bytes
    private const ulong Clidr = 0x0a20_0023;
    private const ulong Ccsidr = 0x700f_e01a;
    private const ulong SctlrReset = 0x30c5_0838;
    private static readonly Dictionary<uint, SystemRegister> Table = Build();

    /// <summary>The bytes that DC ZVA clears.</summary>
    internal const int ZeroBlockBytes = 4 << (int)DczidBlock;

    /// <summary>All registers that the CPU itself has.</summary>
    internal static IReadOnlyCollection<SystemRegister> All => Table.Values;

    /// <summary>Gives the registers the values they have after a reset, with the MMU off.</summary>
    /// <param name="cpu">The CPU.</param>
    /// <param name="s">Its state.</param>
    internal static void Reset(SoftwareCpu cpu, CpuState* s)
    {
        s->System.SctlrEl1 = SctlrReset;
        AddressTranslation translation = cpu.Translation;
        translation.SetControl(SctlrReset);
        translation.SetLowerTable(0);
        translation.SetUpperTable(0);
        translation.SetTranslationControl(0);
    }

    /// <summary>Works out what traps at the current exception level.</summary>
    /// <param name="s">The CPU.</param>
    internal static void UpdateTraps(CpuState* s)
    {
        bool user = s->El == 0;
        uint fpen = (uint)(s->System.CpacrEl1 >> 20) & 3;
        s->SimdTrapped = fpen != 3 && (user || fpen != 1);
        s->StackMask = (s->System.SctlrEl1 & (user ? 1u << 4 : 1u << 3)) != 0 ? 15u : 0;
    }

    /// <summary>Chooses what executes an MRS.</summary>
    /// <param name="op">The instruction.</param>
    internal static void PrepareRead(Op* op)
    {
        uint encoding = (op->Word >> 5) & 0xffff;
        op->Rd = Register.Destination(op->Word);
        op->Immediate = encoding;
        op->Execute = &SystemRegisterAccess.ReadElsewhere;
        if (!Table.TryGetValue(encoding, out SystemRegister? register)) return;
        op->Immediate = register.Operand;
        op->Execute = register.Read != null ? register.Read : &Exceptions.Undefined;
    }

    /// <summary>Chooses what executes an MSR.</summary>
    /// <param name="op">The instruction.</param>
    internal static void PrepareWrite(Op* op)
    {
        uint encoding = (op->Word >> 5) & 0xffff;
        op->Rd = Register.Source(op->Word);
        op->Immediate = encoding;
        op->Execute = &SystemRegisterAccess.WriteElsewhere;
        if (!Table.TryGetValue(encoding, out SystemRegister? register)) return;
        op->Immediate = register.Operand;
        op->Execute = register.Write != null ? register.Write : &Exceptions.Undefined;
    }

    private static Dictionary<uint, SystemRegister> Build()
    {
        var table = new Dictionary<uint, SystemRegister>();
        foreach (SystemRegister register in Constants().Concat(Stored()).Concat(Special()))
            table.Add(register.Encoding, register);
        return table;
    }

    private static List<SystemRegister> Constants() =>
    [
        Constant("MIDR_EL1", 0, 0, 0, 0, Midr),
        Constant("MPIDR_EL1", 0, 0, 0, 5, Mpidr),
        Constant("ID_AA64PFR0_EL1", 0, 0, 4, 0, 0x0100_0011), // EL1 and EL0 in AArch64, FP, AdvSIMD, GIC
        Constant("ID_AA64DFR0_EL1", 0, 0, 5, 0, 0x0010_1006), // the least that is allowed
        Constant("ID_AA64ISAR0_EL1", 0, 0, 6, 0, 0x0001_0000), // CRC32
        Constant("ID_AA64MMFR0_EL1", 0, 0, 7, 0, 0x0f00_0024), // 4 KiB granule only, 16-bit ASID, 44-bit addresses
        Constant("CCSIDR_EL1", 1, 0, 0, 0, Ccsidr),
        Constant("CLIDR_EL1", 1, 0, 0, 1, Clidr),
        Constant("AIDR_EL1", 1, 0, 0, 7, 0),
        Constant("RVBAR_EL1", 0, 12, 0, 1, 0),
        Constant("OSLSR_EL1", SystemRegister.Encode(2, 0, 1, 1, 4), 0x8),
        new("CTR_EL0", SystemRegister.Encode(3, 3, 0, 0, 1))
        {
            Read = &SystemRegisterAccess.ReadCacheType, Operand = Ctr,
        },
        new("DCZID_EL0", SystemRegister.Encode(3, 3, 0, 0, 7))
        {
            Read = &SystemRegisterAccess.ReadZeroBlock, Operand = DczidBlock,
        },
    ];

    private static List<SystemRegister> Stored()
    {
        // Only where the fields lie is asked of this state.
        CpuState sample = default;
        SystemState* state = &sample.System;
        List<SystemRegister> stored =
        [
            Store("ACTLR_EL1", 0, 1, 0, 1, OffsetOf(&sample, &state->ActlrEl1)),
            Store("AFSR0_EL1", 0, 5, 1, 0, OffsetOf(&sample, &state->Afsr0El1)),
            Store("AFSR1_EL1", 0, 5, 1, 1, OffsetOf(&sample, &state->Afsr1El1)),
            Store("ESR_EL1", 0, 5, 2, 0, OffsetOf(&sample, &state->EsrEl1)),
            Store("FAR_EL1", 0, 6, 0, 0, OffsetOf(&sample, &state->FarEl1)),
            Store("PAR_EL1", 0, 7, 4, 0, OffsetOf(&sample, &state->ParEl1)),
            Store("MAIR_EL1", 0, 10, 2, 0, OffsetOf(&sample, &state->MairEl1)),
            Store("AMAIR_EL1", 0, 10, 3, 0, OffsetOf(&sample, &state->AmairEl1)),
            Store("VBAR_EL1", 0, 12, 0, 0, OffsetOf(&sample, &state->VbarEl1), &SystemRegisterAccess.WriteVectors),
            Store("CONTEXTIDR_EL1", 0, 13, 0, 1, OffsetOf(&sample, &state->ContextidrEl1)),
            Store("TPIDR_EL1", 0, 13, 0, 4, OffsetOf(&sample, &state->TpidrEl1)),
            Store("CNTKCTL_EL1", 0, 14, 1, 0, OffsetOf(&sample, &state->CntkctlEl1)),
            Store("CSSELR_EL1", 2, 0, 0, 0, OffsetOf(&sample, &state->CsselrEl1)),
            Store("SPSR_EL1", 0, 4, 0, 0, OffsetOf(&sample, &state->SpsrEl1)),
            Store("ELR_EL1", 0, 4, 0, 1, OffsetOf(&sample, &state->ElrEl1)),
            Store("SCTLR_EL1", 0, 1, 0, 0, OffsetOf(&sample, &state->SctlrEl1), &SystemRegisterAccess.WriteControl),
            Store(
                "CPACR_EL1", 0, 1, 0, 2, OffsetOf(&sample, &state->CpacrEl1), &SystemRegisterAccess.WriteFeatureAccess),
            Store("TTBR0_EL1", 0, 2, 0, 0, OffsetOf(&sample, &state->Ttbr0El1), &SystemRegisterAccess.WriteLowerTable),
            Store("TTBR1_EL1", 0, 2, 0, 1, OffsetOf(&sample, &state->Ttbr1El1), &SystemRegisterAccess.WriteUpperTable),
            Store(
                "TCR_EL1",
                0,
                2,
                0,
                2,
                OffsetOf(&sample, &state->TcrEl1),
                &SystemRegisterAccess.WriteTranslationControl),
            new("MDSCR_EL1", SystemRegister.Encode(2, 0, 0, 2, 2))
            {
                Read = &SystemRegisterAccess.ReadStored,
                Write = &SystemRegisterAccess.WriteStored,
                Operand = OffsetOf(&sample, &state->MdscrEl1),
            },
            new("TPIDR_EL0", SystemRegister.Encode(3, 3, 13, 0, 2))
            {
                Read = &SystemRegisterAccess.ReadStoredAnywhere,
                Write = &SystemRegisterAccess.WriteStoredAnywhere,
                Operand = OffsetOf(&sample, &state->TpidrEl0),
            },
            new("TPIDRRO_EL0", SystemRegister.Encode(3, 3, 13, 0, 3))
            {
                Read = &SystemRegisterAccess.ReadStoredAnywhere,
                Write = &SystemRegisterAccess.WriteStored,
                Operand = OffsetOf(&sample, &state->TpidrroEl0),
            },
        ];
        return stored;
    }

    private static ulong OffsetOf(CpuState* state, ulong* field) => (ulong)((byte*)field - (byte*)state);

    private static List<SystemRegister> Special() =>
    [
        new("CurrentEL", SystemRegister.Encode(3, 0, 4, 2, 2)) { Read = &SystemRegisterAccess.ReadCurrentEl },
        new("SPSel", SystemRegister.Encode(3, 0, 4, 2, 0))
        {
            Read = &SystemRegisterAccess.ReadSpSel, Write = &SystemRegisterAccess.WriteSpSel,
        },
        new("SP_EL0", SystemRegister.Encode(3, 0, 4, 1, 0))
        {
            Read = &SystemRegisterAccess.ReadSpEl0, Write = &SystemRegisterAccess.WriteSpEl0,
        },
        new("DAIF", SystemRegister.Encode(3, 3, 4, 2, 1))
        {
            Read = &SystemRegisterAccess.ReadDaif, Write = &SystemRegisterAccess.WriteDaif,
        },
        new("NZCV", SystemRegister.Encode(3, 3, 4, 2, 0))
        {
            Read = &SystemRegisterAccess.ReadNzcv, Write = &SystemRegisterAccess.WriteNzcv,
        },
        new("FPCR", SystemRegister.Encode(3, 3, 4, 4, 0))
        {
            Read = &SystemRegisterAccess.ReadFpcr, Write = &SystemRegisterAccess.WriteFpcr,
        },
        new("FPSR", SystemRegister.Encode(3, 3, 4, 4, 1))
        {
            Read = &SystemRegisterAccess.ReadFpsr, Write = &SystemRegisterAccess.WriteFpsr,
        },
        new("ISR_EL1", SystemRegister.Encode(3, 0, 12, 1, 0)) { Read = &SystemRegisterAccess.ReadInterruptStatus },
    ];

    private static SystemRegister Constant(string name, uint op1, uint crn, uint crm, uint op2, ulong value) =>
        Constant(name, SystemRegister.Encode(3, op1, crn, crm, op2), value);

    private static SystemRegister Constant(string name, uint encoding, ulong value) =>
        new(name, encoding) { Read = &SystemRegisterAccess.ReadConstant, Operand = value };

    private static SystemRegister Store(string name, uint op1, uint crn, uint crm, uint op2, ulong offset) =>
        Store(name, op1, crn, crm, op2, offset, &SystemRegisterAccess.WriteStored);

    private static SystemRegister Store(
        string name,
        uint op1,
        uint crn,
        uint crm,
        uint op2,
        ulong offset,
        delegate*<CpuState*, Op*, Op*> write) =>
        new(name, SystemRegister.Encode(3, op1, crn, crm, op2))
        {
            Read = &SystemRegisterAccess.ReadStored,
            Write = write,
            Operand = offset,
        };
}
