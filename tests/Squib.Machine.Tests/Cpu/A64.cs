namespace Squib.Machine.Tests.Cpu;

/// <summary>The few instructions that the tests' programs are made of.</summary>
internal static class A64
{
    public const uint Isb = 0xd503_3fdf;
    public const uint Eret = 0xd69f_03e0;
    public const uint Wfi = 0xd503_207f;
    public const uint Ret = 0xd65f_03c0;
    public const uint Clrex = 0xd503_3f5f;
    public const uint Udf = 0;

    public static uint Movz(uint rd, uint value) => 0xd280_0000 | (value << 5) | rd;

    public static uint AddImmediate(uint rd, uint rn, uint value) => 0x9100_0000 | (value << 10) | (rn << 5) | rd;

    public static uint SubsImmediate(uint rd, uint rn, uint value) => 0xf100_0000 | (value << 10) | (rn << 5) | rd;

    public static uint MovFromSp(uint rd) => AddImmediate(rd, 31, 0);

    public static uint MovToSp(uint rn) => AddImmediate(31, rn, 0);

    public static uint B(int words) => 0x1400_0000 | ((uint)words & 0x3ff_ffff);

    public static uint Bl(int words) => 0x9400_0000 | ((uint)words & 0x3ff_ffff);

    public static uint BCond(uint condition, int words) => 0x5400_0000 | (((uint)words & 0x7_ffff) << 5) | condition;

    public static uint Cbz(uint rt, int words) => 0xb400_0000 | (((uint)words & 0x7_ffff) << 5) | rt;

    public static uint Cbnz(uint rt, int words) => 0xb500_0000 | (((uint)words & 0x7_ffff) << 5) | rt;

    public static uint Tbz(uint rt, uint bit, int words) => Test(0x3600_0000, rt, bit, words);

    public static uint Tbnz(uint rt, uint bit, int words) => Test(0x3700_0000, rt, bit, words);

    public static uint Br(uint rn) => 0xd61f_0000 | (rn << 5);

    public static uint Blr(uint rn) => 0xd63f_0000 | (rn << 5);

    public static uint Adr(uint rd, int bytes) =>
        0x1000_0000 | (((uint)bytes & 3) << 29) | ((((uint)bytes >> 2) & 0x7_ffff) << 5) | rd;

    public static uint Adrp(uint rd, int pages) =>
        0x9000_0000 | (((uint)pages & 3) << 29) | ((((uint)pages >> 2) & 0x7_ffff) << 5) | rd;

    public static uint Ldr(uint rt, uint rn, uint offset = 0) => 0xf940_0000 | (offset / 8 << 10) | (rn << 5) | rt;

    public static uint Str(uint rt, uint rn, uint offset = 0) => 0xf900_0000 | (offset / 8 << 10) | (rn << 5) | rt;

    public static uint Ldrb(uint rt, uint rn) => 0x3940_0000 | (rn << 5) | rt;

    public static uint StrPre(uint rt, uint rn, int offset) =>
        0xf800_0c00 | (((uint)offset & 0x1ff) << 12) | (rn << 5) | rt;

    public static uint LdrPost(uint rt, uint rn, int offset) =>
        0xf840_0400 | (((uint)offset & 0x1ff) << 12) | (rn << 5) | rt;

    public static uint LdrLiteral(uint rt, int words) => 0x5800_0000 | (((uint)words & 0x7_ffff) << 5) | rt;

    public static uint Ldtr(uint rt, uint rn) => 0xf840_0800 | (rn << 5) | rt;

    public static uint Sttr(uint rt, uint rn) => 0xf800_0800 | (rn << 5) | rt;

    public static uint Ldp(uint rt, uint rt2, uint rn) => 0xa940_0000 | (rt2 << 10) | (rn << 5) | rt;

    public static uint Stp(uint rt, uint rt2, uint rn) => 0xa900_0000 | (rt2 << 10) | (rn << 5) | rt;

    public static uint StpQ(uint rt, uint rt2, uint rn) => 0xad00_0000 | (rt2 << 10) | (rn << 5) | rt;

    public static uint LdrQ(uint rt, uint rn) => 0x3dc0_0000 | (rn << 5) | rt;

    public static uint Ldxr(uint rt, uint rn) => 0xc85f_7c00 | (rn << 5) | rt;

    public static uint Stxr(uint rs, uint rt, uint rn) => 0xc800_7c00 | (rs << 16) | (rn << 5) | rt;

    public static uint StxrWord(uint rs, uint rt, uint rn) => 0x8800_7c00 | (rs << 16) | (rn << 5) | rt;

    public static uint Ldxp(uint rt, uint rt2, uint rn) => 0xc87f_0000 | (rt2 << 10) | (rn << 5) | rt;

    public static uint Stxp(uint rs, uint rt, uint rt2, uint rn) =>
        0xc820_0000 | (rs << 16) | (rt2 << 10) | (rn << 5) | rt;

    public static uint Ldar(uint rt, uint rn) => 0xc8df_fc00 | (rn << 5) | rt;

    public static uint Stlr(uint rt, uint rn) => 0xc89f_fc00 | (rn << 5) | rt;

    public static uint Svc(uint number) => 0xd400_0001 | (number << 5);

    public static uint Brk(uint number) => 0xd420_0000 | (number << 5);

    public static uint DaifSet(uint bits) => 0xd503_40df | (bits << 8);

    public static uint DaifClear(uint bits) => 0xd503_40ff | (bits << 8);

    public static uint SpSel(uint value) => 0xd500_40bf | (value << 8);

    public static uint Sys(uint op1, uint crn, uint crm, uint op2, uint rt) =>
        0xd508_0000 | (op1 << 16) | (crn << 12) | (crm << 8) | (op2 << 5) | rt;

    public static uint Mrs(uint op0, uint op1, uint crn, uint crm, uint op2, uint rt) =>
        0xd520_0000 | (op0 << 19) | (op1 << 16) | (crn << 12) | (crm << 8) | (op2 << 5) | rt;

    public static uint Msr(uint op0, uint op1, uint crn, uint crm, uint op2, uint rt) =>
        0xd500_0000 | (op0 << 19) | (op1 << 16) | (crn << 12) | (crm << 8) | (op2 << 5) | rt;

    public static uint MsrSctlr(uint rt) => Msr(3, 0, 1, 0, 0, rt);

    public static uint MsrTtbr0(uint rt) => Msr(3, 0, 2, 0, 0, rt);

    public static uint MsrTtbr1(uint rt) => Msr(3, 0, 2, 0, 1, rt);

    public static uint MsrTcr(uint rt) => Msr(3, 0, 2, 0, 2, rt);

    public static uint IcIvau(uint rt) => Sys(3, 7, 5, 1, rt);

    public static uint IcIallu => Sys(0, 7, 5, 0, 31);

    public static uint DcZva(uint rt) => Sys(3, 7, 4, 1, rt);

    public static uint TlbiVmalle1 => Sys(0, 8, 7, 0, 31);

    public static uint TlbiVae1(uint rt) => Sys(0, 8, 7, 1, rt);

    public static uint TlbiAside1(uint rt) => Sys(0, 8, 7, 2, rt);

    public static uint TlbiVaale1is(uint rt) => Sys(0, 8, 3, 7, rt);

    private static uint Test(uint opcode, uint rt, uint bit, int words) =>
        opcode | (bit >> 5 << 31) | ((bit & 31) << 19) | (((uint)words & 0x3fff) << 5) | rt;
}
