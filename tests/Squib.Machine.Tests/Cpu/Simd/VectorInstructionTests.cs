using System.Buffers.Binary;
using Gee.External.Capstone;
using Gee.External.Capstone.Arm64;
using Squib.Machine.Tests.Differential;
using Xunit;

namespace Squib.Machine.Tests.Cpu.Simd;

/// <summary>One instruction of every group, with results computed independently.</summary>
public sealed class VectorInstructionTests
{
    private const ulong Half = 0x3c00, One = 0x3f80_0000, Two = 0x4000_0000, Three = 0x4040_0000, NaN = 0x7fc0_0000;
    private const ulong Saturated = 1 << 27;

    [Theory]
    [InlineData("uqadd v0.16b, v1.16b, v2.16b", 0x6e220c20, 0xffffffffffffffff, 0x215283b4e5ffffff)]
    [InlineData("sqrdmulh v0.8h, v1.8h, v2.8h", 0x6e62b420, 0x8001800100000000, 0x02261e8fc463e4c2)]
    [InlineData("addp v0.16b, v1.16b, v2.16b", 0x4e22bc20, 0x7e80fe032d69a5e1, 0x807e01fe46ce56ce)]
    [InlineData("umaxp v0.16b, v1.16b, v2.16b", 0x6e22a420, 0xff80ff031e3c5a78, 0x80ff01ff3478bcf0)]
    [InlineData("bit v0.16b, v1.16b, v2.16b", 0x6ea21c20, 0x0000222200014447, 0x5255467a3e3dc8f0)]
    [InlineData("umull2 v0.8h, v1.16b, v2.16b", 0x6e22c020, 0x3f8000003f800000, 0x000000ff000002fd)]
    [InlineData("pmull v0.8h, v1.8b, v2.8b", 0x0e22e020, 0x00ee0258097e0aa0, 0x23fe20582a6e2a80)]
    [InlineData("addhn2 v0.16b, v1.8h, v2.8h", 0x4e224020, 0xffff00002183e648, 0x5555666677778888)]
    [InlineData("mla v0.4s, v1.4s, v2.s[3]", 0x6fa20820, 0x5111a222b333c444, 0x2a19666607ff8888)]
    [InlineData("rev32 v0.8h, v1.8h", 0x6e600820, 0x7fff8000ffff0001, 0x56781234def09abc)]
    [InlineData("cnt v0.16b, v1.16b", 0x4e205820, 0x0100070800010808, 0x0203040404050604)]
    [InlineData("sqxtun v0.8b, v1.8h", 0x2e212820, 0x0000000000000000, 0x00ff0100ffff0000)]
    [InlineData("saddlv s0, v1.8h", 0x4e703820, 0x0000000000000000, 0x00000000ffffe257)]
    [InlineData("uminv b0, v1.16b", 0x6e31a820, 0x0000000000000000, 0x0000000000000000)]
    [InlineData("dup v0.8h, v1.h[7]", 0x4e1e0420, 0x8000800080008000, 0x8000800080008000)]
    [InlineData("ins v0.s[1], v1.s[2]", 0x6e0c4420, 0x1111222233334444, 0x0001ffff77778888)]
    [InlineData("zip2 v0.16b, v1.16b, v2.16b", 0x4e027820, 0x7f80ff00807f00ff, 0xff00ff0100ff03ff)]
    [InlineData("uzp1 v0.8h, v1.8h, v2.8h", 0x4e421820, 0x800000032d3c6978, 0x7fffffff5678def0)]
    [InlineData("trn2 v0.4s, v1.4s, v2.4s", 0x4e826820, 0x7fff800080007fff, 0x0f1e2d3c12345678)]
    [InlineData("ext v0.16b, v1.16b, v2.16b, #5", 0x6e022820, 0x3c4b5a697880007f, 0xff0001ffff123456)]
    [InlineData("tbl v0.16b, {v1.16b}, v2.16b", 0x4e020020, 0x000000f00000f09a, 0x8000000000000000)]
    [InlineData("movi v0.2d, #0xff00ff00ff00ff00", 0x6f05e540, 0xff00ff00ff00ff00, 0xff00ff00ff00ff00)]
    [InlineData("fmov v0.4s, #1.50000000", 0x4f03f700, 0x3fc000003fc00000, 0x3fc000003fc00000)]
    [InlineData("sri v0.8h, v1.8h, #4", 0x6f1c4420, 0x180027ff30004fff, 0x5123656779ab8def)]
    [InlineData("shrn v0.8b, v1.8h, #4", 0x0f0c8420, 0x0000000000000000, 0x00ff00ff2367abef)]
    [InlineData("sqshrun v0.4h, v1.4s, #0x10", 0x2f108420, 0x0000000000000000, 0x0000000112340000)]
    [InlineData("ushll2 v0.4s, v1.8h, #3", 0x6f13a420, 0x000400000003fff8, 0x000000080007fff8)]
    public void Integer_vectors(string text, uint word, ulong high, ulong low)
    {
        var state = new StateBlock();
        state.SetV(0, 0x1111_2222_3333_4444, 0x5555_6666_7777_8888);
        state.SetV(1, 0x8000_7fff_0001_ffff, 0x1234_5678_9abc_def0);
        state.SetV(2, 0x7fff_8000_ffff_0003, 0x0f1e_2d3c_4b5a_6978);
        Assert.Equal(text, Disassemble(word));
        Assert.Equal((high, low), state.After(word).V(0));
    }

    [Theory]
    [InlineData("fadd v0.4s, v1.4s, v2.4s", 0x4e22d420, NaN << 32 | Three, Two << 32 | Three)]
    [InlineData("faddp v0.4s, v1.4s, v2.4s", 0x6e22d420, Two << 32 | Three, NaN << 32 | Two)]
    [InlineData("fmaxnmv s0, v1.4s", 0x6e30c820, 0ul, Two)]
    [InlineData("fcmgt v0.4s, v1.4s, v2.4s", 0x6ea2e420, 0x0000_0000_ffff_fffful, 0ul)]
    [InlineData("fmul v0.4s, v1.4s, v2.s[1]", 0x4fa29020, NaN << 32 | Two, One << 32 | One)]
    [InlineData("fcvtzs v0.4s, v1.4s", 0x4ea1b820, 0x0000_0000_0000_0002ul, 0x0000_0001_0000_0001ul)]
    [InlineData("fmov s0, s1", 0x1e204020, 0ul, One)]
    public void Floating_point_vectors(string text, uint word, ulong high, ulong low)
    {
        var state = new StateBlock();
        state.SetV(1, (NaN << 32) | Two, (One << 32) | One);
        state.SetV(2, (One << 32) | One, (One << 32) | Two);
        Assert.Equal(text, Disassemble(word));
        Assert.Equal((high, low), state.After(word).V(0));
    }

    [Fact]
    public void Half_precision_is_widened()
    {
        var state = new StateBlock();
        state.SetV(1, 0, Half | (Half << 48));
        Assert.Equal((One << 32, One), state.After(0x0e21_7820).V(0)); // fcvtl v0.4s, v1.4h
    }

    [Fact]
    public void Saturation_is_remembered()
    {
        var state = new StateBlock();
        state.SetV(1, 0, 0x7fff_ffff);
        StateBlock after = state.After(0x5ea1_0c20); // sqadd s0, s1, s1
        Assert.Equal((0ul, 0x7fff_fffful), after.V(0));
        Assert.Equal(Saturated, after.Fpsr);
    }

    [Theory]
    [InlineData("a 64-bit vector with one lane", 0x0ee2_8420)] // add v0.1d, v1.1d, v2.1d
    [InlineData("half-precision arithmetic", 0x4e42_1420)] // fadd v0.8h, v1.8h, v2.8h
    [InlineData("cryptography", 0x4e28_4820)] // aese v0.16b, v1.16b
    [InlineData("the 64-bit polynomial product", 0x0ee2_e020)] // pmull v0.1q, v1.1d, v2.1d
    [InlineData("an index beyond a 64-bit vector", 0x2e02_4020)] // ext v0.8b, v1.8b, v2.8b, #8
    [InlineData("more than 32 bits behind the point of a W register", 0x1e18_0020)] // fcvtzs w0, s1, #64
    public void These_are_undefined(string what, uint word)
    {
        _ = what;
        Assert.True(new StateBlock().After(word).Faulted);
    }

    [Fact]
    public void Three_element_structures_are_taken_apart_and_put_together()
    {
        var state = new StateBlock();
        for (int i = 0; i < 48; i++)
            state.Bytes[Layout.Window + i] = (byte)i;
        state.SetX(0, Layout.WindowStart);
        StateBlock after = state.After(0x4cdf_4000, 0x4c00_4000); // ld3 {v0.16b-v2.16b}, [x0], #48; st3 {...}, [x0]
        Assert.Equal((0x2d2a_2724_211e_1b18ul, 0x1512_0f0c_0906_0300ul), after.V(0));
        Assert.Equal((0x2f2c_2926_2320_1d1aul, 0x1714_110e_0b08_0502ul), after.V(2));
        Assert.Equal(Layout.WindowStart + 48ul, after.X(0));
        ReadOnlySpan<byte> window = after.Bytes.AsSpan(Layout.Window, 96);
        Assert.Equal(window[..48], window[48..]);
    }

    [Fact]
    public void One_lane_is_loaded_and_the_others_stay()
    {
        var state = new StateBlock();
        state[Layout.Window] = 0x8877_6655_4433_2211;
        state.SetV(3, 0x1111_1111_1111_1111, 0x2222_2222_2222_2222);
        state.SetX(0, Layout.WindowStart);
        StateBlock after = state.After(0x4d40_8003, 0x0d40_cc04); // ld1 {v3.s}[2], [x0]; ld1r {v4.1d}, [x0]
        Assert.Equal((0x1111_1111_4433_2211ul, 0x2222_2222_2222_2222ul), after.V(3));
        Assert.Equal((0ul, 0x8877_6655_4433_2211ul), after.V(4));
    }

    [Fact]
    public void A_store_that_runs_out_of_mapped_memory_faults_and_does_not_write_back()
    {
        var state = new StateBlock();
        state.SetX(0, Layout.RamStart + Layout.RamLength - 16);
        StateBlock after = state.After(0x4c9f_2000); // st1 {v0.16b-v3.16b}, [x0], #64
        Assert.True(after.Faulted);
        Assert.Equal(state.X(0), after.X(0));
    }

    private static string Disassemble(uint word)
    {
        using CapstoneArm64Disassembler disassembler =
            CapstoneDisassembler.CreateArm64Disassembler(Arm64DisassembleMode.Arm);
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, word);
        Arm64Instruction instruction = Assert.Single(disassembler.Disassemble(bytes));
        return $"{instruction.Mnemonic} {instruction.Operand}";
    }
}
