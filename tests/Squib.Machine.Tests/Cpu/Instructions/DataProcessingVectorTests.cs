using System.Globalization;
using Xunit;

namespace Squib.Machine.Tests.Cpu.Instructions;

/// <summary>Instructions with random operands, executed once by QEMU 7.2 as a Cortex-A53.</summary>
public sealed unsafe class DataProcessingVectorTests
{
    // The word; registers and NZCV before; "|"; the registers that differ and NZCV after. All in hexadecimal.
    private const string Vectors = """
        // ADD/ADDS/SUB/SUBS (immediate)
        713f7ce0 x0=2eca2657ff83737d x7=9985991c n=6 | x0=9985893d n=a
        3136ecc8 x6=2000000 x8=0 n=e | x8=2000dbb n=0
        71596426 x1=25 x6=ffffffffffffffff n=2 | x6=ff9a7025 n=8
        91039104 x4=7fffffff x8=17cc7bdb n=b | x4=17cc7cbf n=b
        11043029 x1=18 x9=7fffffffffffffff n=7 | x9=124 n=7
        71757c00 x0=2e n=1 | x0=ff2a102e n=8
        // ADD/ADDS/SUB/SUBS (shifted register)
        cb06fd03 x3=0 x6=ffffffffffffffff x8=b n=3 | x3=800000000000000b n=3
        0b045840 x0=ffffffffffffffff x2=2cd9587c x4=2000000000000000 n=0 | x0=2cd9587c n=0
        ab484805 x0=3b x5=8000000000000000 x8=6cfb4923 n=0 | x5=1b79 n=0
        eb40c3e0 x0=27fffffff n=8 | x0=0 n=6
        4b466105 x5=ffffffffffffffff x6=dfdd7d7d x8=ffffffffffffffff n=9 | x5=ffffff20 n=9
        4b415fe0 x0=27fffffff x1=8000 n=5 | x0=0 n=5
        // ADD/ADDS/SUB/SUBS (extended register)
        cb211102 x1=ffffffffffffffff x2=0 x8=cef4ac1e59436ff8 n=3 | x2=cef4ac1e59436008 n=3
        ab230443 x2=800 x3=2f n=3 | x3=85e n=0
        6b2650a5 x5=0 x6=27010889 n=6 | x5=8fef7770 n=8
        cb27a4a5 x5=ffffffffffffffff x7=21 n=a | x5=ffffffffffffffbd n=a
        ab246909 x4=8000000000000001 x8=0 x9=ffffffffffffffff n=2 | x9=4 n=0
        2b26e807 x0=2 x6=0 x7=80000000 n=a | x7=2 n=0
        // ADC/ADCS/SBC/SBCS
        1a0000e3 x0=100000000000 x3=13 x7=26 n=a | x3=27 n=a
        ba0700a0 x0=2000000000000000 x5=280000000 x7=8000000000000000 n=4 | x0=8000000280000000 n=8
        1a0000c7 x0=ffffffffffffffff x6=100000000000000 x7=33 n=2 | x7=0 n=2
        9a0103e8 x1=ffffffffffffffff x8=2a9a62a00107dae9 n=9 | x8=ffffffffffffffff n=9
        5a1f0125 x5=0 x9=e13ba300fcbd01de n=d | x5=fcbd01dd n=d
        3a0100e6 x1=8000000000000001 x6=996e01be x7=8000000000000001 n=8 | x6=2 n=0
        // AND/ORR/EOR/ANDS (immediate)
        723a1128 x8=3d86c0f9729f6a05 x9=22 n=a | x8=0 n=4
        b23f0842 x2=8000000000000000 n=7 | x2=8000000e0000000e n=7
        32077043 x2=37 x3=1000 n=c | x3=fe3fffff n=c
        92025427 x1=c2c2c013 x7=27fffffff n=e | x7=c002c013 n=e
        b2168845 x2=6a4573764e091127 x5=ef6ff5bd9f7874f3 n=4 | x5=7e457f765e091d27 n=4
        d2271002 x0=11 x2=ffffffffffffffff n=a | x2=3e0000003e000011 n=a
        // AND/ORR/EOR/ANDS/BIC/ORN/EON/BICS (shifted register)
        0ae06fe3 x0=6f82dba88970fc96 x3=27fffffff n=f | x3=0 n=f
        aa43cc80 x0=1 x3=521cb56b21228921 x4=280000000 n=7 | x0=280000a43 n=7
        4ae578a8 x5=27fffffff x8=280000001 n=e | x8=7ffffffd n=e
        2a862045 x2=8000000000000001 x5=27fffffff x6=2 n=e | x5=1 n=e
        ea3f7407 x0=0 x7=1e n=6 | x7=0 n=4
        4a01785f x1=5b7dfde95b3adc8 x2=8000000000000000 n=c | n=c
        // MOVN
        1293b083 x3=0 n=f | x3=ffff627b n=f
        92f9bba9 x9=90391988 n=7 | x9=3222ffffffffffff n=7
        12992c7f n=6 | n=6
        92f35244 x4=80000000 n=1 | x4=656dffffffffffff n=1
        92c166a6 x6=0 n=f | x6=fffff4caffffffff n=f
        929771a1 x1=39 n=d | x1=ffffffffffff4472 n=d
        // MOVZ
        d2cb7900 x0=7fffffffffffffff n=6 | x0=5bc800000000 n=6
        d280eba5 x5=7fffffffffffffff n=6 | x5=75d n=6
        d2dd7260 x0=0 n=e | x0=eb9300000000 n=e
        52a30646 x6=4ad75cbc n=d | x6=18320000 n=d
        52b27b88 x8=2c n=a | x8=93dc0000 n=a
        52844621 x1=280000001 n=e | x1=2231 n=e
        // MOVK
        f2c348e8 x8=280000000 n=0 | x8=1a4780000000 n=0
        72b3cfa5 x5=27fffffff n=d | x5=9e7dffff n=d
        f2f7cac5 x5=ffffffffffffffff n=6 | x5=be56ffffffffffff n=6
        72b07827 x7=8000000000000000 n=a | x7=83c10000 n=a
        7297d6a3 x3=1 n=6 | x3=beb5 n=6
        f2f69fc9 x9=d3cbe6c2fef41d5c n=e | x9=b4fee6c2fef41d5c n=e
        // SBFM
        93488c02 x0=1c x2=ffffffffffffffff n=6 | x2=0 n=6
        9354a806 x0=2000000000000000 x6=8000000000000000 n=9 | x6=0 n=9
        93404467 x3=400000 x7=ff7ebfce n=7 | x7=0 n=7
        937b2046 x2=ffffffffffffffff x6=280000001 n=f | x6=ffffffffffffffe0 n=f
        93647c03 x0=69f62542 x3=0 n=0 | x3=69f625420000000 n=0
        130a2c83 x3=673b73e242f23466 x4=7fffffffffffffff n=2 | x3=ffffffff n=2
        // BFM
        b3618ca6 x5=7fffffffffffffff x6=ffffffffffffffff n=f | n=f
        331a3823 x1=1e x3=800000000000 n=f | x3=780 n=f
        b355f424 x1=8000000000000 x4=dd5b4370b4bf4f56 n=c | x4=dd5b420040000000 n=c
        33082be6 x6=80000000 n=8 | n=8
        33176124 x4=8000000000000000 x9=8000000000000000 n=7 | x4=0 n=7
        b36b9528 x8=356c56bc x9=10000000000000 n=a | x8=c56bc n=a
        // UBFM
        d363c420 x0=80000001 x1=0 n=4 | x0=0 n=4
        d3457c63 x3=27fffffff n=1 | x3=3ffffff n=1
        53167009 x0=27fffffff x9=0 n=d | x9=7f n=d
        d36d3067 x3=22 x7=1 n=4 | x7=1100000 n=4
        53056469 x3=5 x9=ffffffffffffffff n=e | x9=0 n=e
        53075106 x6=9a3ce4b2 x8=142cc6c161b9d4c8 n=f | x6=33a9 n=f
        // EXTR
        93dfc869 x3=80000001 x9=27fffffff n=4 | x9=200000004000 n=4
        93c92108 x8=b4bc5f53 x9=6d40c0174d9d8991 n=2 | x8=536d40c0174d9d89 n=2
        93c33c65 x3=3b94652b x5=8000000000000001 n=6 | x5=ca56000000007728 n=6
        138768e0 x0=0 x7=ffffffffffffffff n=c | x0=ffffffff n=c
        138634e6 x6=1000 x7=16 n=f | x6=b00000 n=f
        93dfa0a8 x5=7fffffffffffffff x8=3a36d76 n=e | x8=ffffffffff000000 n=e
        // MADD (32-bit)
        1b1f1464 x3=9c4e4b86291d02aa x4=27fffffff x5=ffffffffffffffff n=5 | x4=ffffffff n=5
        1b060925 x2=ffffffffffffffff x5=255ec9ecf8c38ca3 x6=100 x9=280000000 n=4 | x5=ffffffff n=4
        1b1f08c9 x2=eca192c0 x6=4e76405b x9=4f6fd965 n=b | x9=eca192c0 n=b
        1b0320a4 x3=5b5700b0bf22ff92 x4=9cd86c42 x5=56a96779 x8=8000000000000000 n=3 | x4=2fc08a02 n=3
        1b0308a4 x2=8000000000000001 x3=7fffffffffffffff x4=ffffffffffffffff x5=80 n=9 | x4=ffffff81 n=9
        1b050008 x0=8000000000000001 x5=7fffffffffffffff x8=4 n=8 | x8=0 n=8
        // MSUB (32-bit)
        1b049c21 x1=ffffffffffffffff x4=f2b99dc9 x7=280000001 n=8 | x1=72b99dca n=8
        1b02a4e7 x2=ffffffffffffffff x7=8040a61736f2abb7 x9=414c1e06 n=a | x7=783ec9bd n=a
        1b07a4a7 x5=29 x7=d2c2dec2 x9=20 n=e | x7=3eca530e n=e
        1b0490e2 x2=800000000 x4=23666ffa x7=7fffffffffffffff n=0 | x2=46ccdff4 n=0
        1b0380c9 x0=80000001 x3=0 x6=3b x9=80000001 n=1 | n=1
        1b0897e9 x5=8000000000000001 x8=80000001 x9=0 n=6 | x9=1 n=6
        // MADD
        9b061460 x0=28 x3=21 x5=10 x6=280000000 n=6 | x0=5280000010 n=6
        9b0314e5 x3=0 x5=558bfcdda29076c5 x7=0 n=3 | n=3
        9b030be0 x0=0 x2=10 x3=9fbc2c6a038ab085 n=a | x0=10 n=a
        9b0500c7 x0=ffffffffffffffff x5=4755184 x6=8000000000000000 x7=280000000 n=8 | x7=ffffffffffffffff n=8
        9b050be0 x0=0 x2=8000000000000000 x5=0 n=7 | x0=8000000000000000 n=7
        9b1f7d00 x0=1f x8=8000000000000001 n=3 | x0=0 n=3
        // MSUB
        9b1ffc80 x0=0 x4=bfcd1f4d n=e | n=e
        9b068127 x0=8000000000000001 x6=8000000000000 x7=80000001 x9=800000 n=5 | x7=8000000000000001 n=5
        9b079c66 x3=5cbed8cc x6=ffffffffffffffff x7=0 n=4 | x6=0 n=4
        9b0784e6 x1=0 x6=3536b592 x7=c11829da n=4 | x6=6e5a8e9d6c48725c n=4
        9b069c3f x1=ffffffffffffffff x6=80000001 x7=8000000000000000 n=a | n=a
        9b00945f x0=c331a0e94573f5be x2=0 x5=ffffffffffffffff n=3 | n=3
        // SMADDL
        9b221842 x2=1e x6=8000000000000000 n=7 | x2=8000000000000384 n=7
        9b270be1 x1=4000 x2=4000 x7=80 n=5 | n=5
        9b221407 x0=3e x2=33a1a3fb612af182 x5=80000001 x7=62f8b115 n=7 | x7=1808667d7d n=7
        9b2114a1 x1=ffffffffffffffff x5=0 n=a | x1=0 n=a
        9b247d04 x4=f5f0ab825150efea x8=b146b5b760ab07cd n=9 | x4=1eb4ad8255ad8462 n=9
        9b3f03ff x0=32 n=6 | n=6
        // SMSUBL
        9b289900 x0=0 x6=ec135b0a x8=d2bea300414fc0fc n=1 | x0=ef566728471062fa n=1
        9b27a47f x3=a86dc230 x7=0 x9=6d0de4989ac1854f n=b | n=b
        9b3f9ca2 x2=ffffffffffffffff x5=8000000000000000 x7=10000000 n=8 | x2=10000000 n=8
        9b299006 x0=e9382ea1 x4=1d x6=0 x9=97d37559 n=e | x6=f6badc42d8753524 n=e
        9b218060 x0=280000001 x1=871ddbf15f7a0bbf x3=3afd32b3 n=6 | x0=e9ffead3059b7b74 n=6
        9b229ca1 x1=ffffffffffffffff x2=ffffffffffffffff x5=37 x7=0 n=a | x1=37 n=a
        // UMADDL
        9bbf0863 x2=280000001 x3=b10eec75aedf1f24 n=e | x3=280000001 n=e
        9ba70c65 x3=200000000 x5=280000000 x7=ffffffffffffffff n=3 | x5=200000000 n=3
        9ba01c47 x0=a4e6f6cd x2=0 x7=dc1b9782fcb0410a n=e | n=e
        9ba40447 x1=7fffffff x2=7fffffff x4=10000000 x7=7fffffff n=0 | x7=80000006fffffff n=0
        9ba80081 x0=ffffffffffffffff x1=33 x4=ffffffffffffffff x8=80b444a8 n=2 | x1=80b444a77f4bbb57 n=2
        9ba50862 x2=0 x3=ffffffffffffffff x5=7806e580 n=4 | x2=7806e57f87f91a80 n=4
        // UMSUBL
        9ba88c00 x0=7fffffff x3=29b6b25eb1526647 x8=804dde60 n=c | x0=e98fc32f31a044a7 n=c
        9ba8a005 x0=10000 x5=ffffffffffffffff x8=ffffffffffffffff n=b | x5=ffff00000000ffff n=b
        9ba2a0df x2=1c x6=40000000 x8=c22e0776 n=7 | n=7
        9ba0989f x0=4000000000000 x4=7fffffffffffffff x6=27 n=a | n=a
        9ba8fc1f x0=8 x8=cd6c2dc015587030 n=c | n=c
        9ba18064 x0=20000 x1=20 x3=ffffffffffffffff x4=1000000000 n=c | x4=ffffffe000020020 n=c
        // SMULH
        9b431be1 x1=c20b5ee39e912943 x3=b479fe61dd70c78c x6=7fffffffffffffff n=3 | x1=0 n=3
        9b470425 x1=8000000000000000 x5=ffffffffffffffff x7=8b833dce n=2 | x5=ffffffffba3e6119 n=2
        9b477ca9 x5=27fffffff x7=8000000000000000 x9=2000000000000000 n=6 | x9=fffffffec0000000 n=6
        9b4004a0 x0=8 x1=ffffffffffffffff x5=80000000 n=7 | x0=0 n=7
        9b400c05 x0=12 x3=2000000000000000 x5=400000000000000 n=f | x5=0 n=f
        9b432124 x3=27fffffff x4=a7828a81 x8=8000000000000001 x9=80000001 n=c | x4=1 n=c
        // UMULH
        9bc603ff x0=8000000000000000 x6=c70254ce9b826d10 n=4 | n=4
        9bc720a4 x4=ffffffffffffffff x5=ffffffffffffffff x7=fd25653f45f4584f x8=20000000 n=f | x4=fd25653f45f4584e n=f
        9bc87ca3 x3=ffffffffffffffff x5=10000 x8=0 n=c | x3=0 n=c
        9bc9047f x1=ffffffffffffffff x3=efb146ab x9=8000000000000001 n=a | n=a
        9bc71408 x0=11 x5=1000000000000000 x7=94aed07609bc29e4 x8=ffffffffffffffff n=1 | x8=9 n=1
        9bc71885 x4=ffffffffffffffff x5=80000001 x6=7 x7=655cd765 n=4 | x5=655cd764 n=4
        // UDIV
        1ac30824 x1=0 x3=8 x4=8 n=0 | x4=0 n=0
        9ac00807 x0=e85c5678 x7=0 n=7 | x7=1 n=7
        9ac70be8 x7=95cb52620d4af3e1 x8=35 n=7 | x8=0 n=7
        1ac60886 x4=8000000000000001 x6=2ad524c820ce2949 n=d | x6=0 n=d
        1ac50be3 x3=1000 x5=0 n=0 | x3=0 n=0
        9adf0808 x0=19 x8=9107efa1 n=4 | x8=0 n=4
        // SDIV
        1ac50c87 x4=100000 x5=1000000000 x7=280000001 n=d | x7=0 n=d
        1ac80c29 x1=80000000 x8=40000000 x9=40000000 n=e | x9=fffffffe n=e
        1ac90fe7 x7=2b x9=3 n=2 | x7=0 n=2
        1ac30ce5 x3=24 x5=800 x7=80000000000 n=7 | x5=0 n=7
        1ac50c22 x1=8000 x2=ffb7e17d9763abc6 x5=7fffffff n=6 | x2=0 n=6
        9adf0c47 x2=b26a9341 x7=0 n=1 | n=1
        // LSLV
        1ac920e0 x0=1000000000000000 x7=ffffffffffffffff x9=80000001 n=f | x0=fffffffe n=f
        9ac72003 x0=33ea23fa x3=1e x7=ffffffffffffffff n=8 | x3=0 n=8
        1ac820c3 x3=1627e0fe0cf51d42 x6=80000000 x8=ffffffffffffffff n=e | x3=0 n=e
        1ac82087 x4=0 x7=0 x8=ffffffffffffffff n=1 | n=1
        9ac920a3 x3=80000001 x5=280000001 x9=3 n=5 | x3=1400000008 n=5
        9ac22120 x0=ffffffffffffffff x2=80000000 x9=2c n=f | x0=2c n=f
        // LSRV
        1ac224a4 x2=e2445dcb x4=80000001 x5=11 n=2 | x4=0 n=2
        1ac224bf x2=8000000000000000 x5=0 n=4 | n=4
        9ac32407 x0=8000000000000001 x3=7fffffff x7=ffffffffffffffff n=0 | x7=1 n=0
        1ac32427 x1=10 x3=200 x7=7fffffff n=5 | x7=10 n=5
        9ac124a1 x1=10 x5=280000000 n=b | x1=28000 n=b
        1ac12407 x0=e093b840bc5cca3f x1=ffffffffffffffff x7=80000000 n=8 | x7=1 n=8
        // ASRV
        1ac22862 x2=ffffffffffffffff x3=0 n=1 | x2=0 n=1
        9ac42829 x1=ffffffffffffffff x4=8000000000000001 x9=4000000000000 n=e | x9=ffffffffffffffff n=e
        9ac42886 x4=0 x6=280000001 n=7 | x6=0 n=7
        1ac6283f x1=0 x6=10000000 n=f | n=f
        1ac62869 x3=7fffffff x6=0 x9=a08720d09cd4f2fc n=3 | x9=7fffffff n=3
        1adf2be9 x9=1 n=f | x9=0 n=f
        // RORV
        1ac22cc4 x2=ffffffffffffffff x4=7fffffff x6=27fffffff n=d | x4=fffffffe n=d
        9ac62c46 x2=8aa676e1e175888d x6=51e1680ab1f679ac n=2 | x6=6e1e175888d8aa67 n=2
        1ac22c85 x2=2f x4=2b7b7dd5 x5=0 n=8 | x5=fbaa56f6 n=8
        1ac52c1f x0=100000000000 x5=800 n=2 | n=2
        9ac82ca2 x2=7fffffffffffffff x5=27fffffff x8=ffffffffffffffff n=a | x2=4fffffffe n=a
        1ac62c61 x1=fd17b536df48b2c6 x3=20 x6=2a n=e | x1=8000000 n=e
        // CRC32B/H/W
        1adf40c0 x0=e8a3c641 x6=0 n=3 | x0=0 n=3
        1adf5440 x0=0 x2=ffffffffffffffff n=e | x0=e9e882d n=e
        1ac14124 x1=0 x4=0 x9=9f64cdc n=3 | x4=8f6c68b3 n=3
        1ac54886 x4=c5a3f6755ff7ea99 x5=b7e7ee87229f1d09 x6=280000000 n=4 | x6=8e5b68df n=4
        1ac547e6 x5=80000000 x6=bdf43a10 n=1 | x6=0 n=1
        1ac64867 x3=27fffffff x6=8000000000000000 x7=ffffffffffffffff n=6 | x7=3303a3c3 n=6
        // CRC32X
        9ac74ce7 x7=0 n=f | n=f
        9ac75ce0 x0=100000 x7=80000000 n=b | x0=0 n=b
        9ac35c1f x0=d66328bd x3=4000 n=6 | n=6
        9ac15c66 x1=80000001 x3=280000000 x6=86c301dc7b23d6d2 n=8 | x6=493c7d27 n=8
        9ac95d05 x5=ffffffffffffffff x8=e846049679a66ef1 x9=19966547 n=d | x5=913bf32b n=d
        9ac55c61 x1=8000000000000000 x3=ffffffffffffffff x5=80000001 n=1 | x1=5449e50e n=1
        // RBIT
        dac000e6 x6=0 x7=16 n=1 | x6=6800000000000000 n=1
        5ac00005 x0=0 x5=0 n=d | n=d
        5ac00108 x8=2 n=0 | x8=40000000 n=0
        5ac00065 x3=4000000 x5=27fffffff n=3 | x5=20 n=3
        5ac00088 x4=ffffffffffffffff x8=7fffffffffffffff n=3 | x8=ffffffff n=3
        dac00062 x2=0 x3=200000 n=d | x2=40000000000 n=d
        // REV16
        5ac00525 x5=0 x9=d7f2cd38 n=b | x5=f2d738cd n=b
        dac00402 x0=40000000000000 x2=ffffffffffffffff n=a | x2=4000000000000000 n=a
        5ac00448 x2=8000000000000001 x8=f89b8391b03f741a n=f | x8=100 n=f
        5ac004c1 x1=d6ac5e157e55272c x6=ffffffffffffffff n=7 | x1=ffffffff n=7
        5ac00488 x4=0 x8=1000000 n=c | x8=0 n=c
        dac00521 x1=80000000 x9=3e n=1 | x1=3e00 n=1
        // REV (32-bit)
        5ac00925 x5=7fffffffffffffff x9=33 n=7 | x5=33000000 n=7
        5ac008df x6=8000000000000 n=a | n=a
        5ac00841 x1=200 x2=8000000000000001 n=7 | x1=1000000 n=7
        5ac00926 x6=253a8f8c x9=9ee98e259d6be24f n=d | x6=4fe26b9d n=d
        5ac00be9 x9=15 n=e | x9=0 n=e
        5ac00904 x4=80000001 x8=ffffffffffffffff n=0 | x4=ffffffff n=0
        // REV32
        dac00845 x2=280000001 x5=7c46116a n=0 | x5=200000001000080 n=0
        dac00906 x6=8000000000000001 x8=40000 n=5 | x6=400 n=5
        dac00840 x0=0 x2=40000000000000 n=4 | x0=400000000000 n=4
        dac00863 x3=10 n=4 | x3=10000000 n=4
        dac00847 x2=8000000000000001 x7=5cf11281 n=2 | x7=8001000000 n=2
        dac00844 x2=eef45f19 x4=8000000000000001 n=2 | x4=195ff4ee n=2
        // REV
        dac00d25 x5=0 x9=8000000000000000 n=4 | x5=80 n=4
        dac00c26 x1=80000000 x6=ffffffffffffffff n=e | x6=8000000000 n=e
        dac00d20 x0=0 x9=200000 n=b | x0=200000000000 n=b
        dac00c62 x2=7fffffff x3=1c147fdfd9935ac4 n=b | x2=c45a93d9df7f141c n=b
        dac00c43 x2=ffffffffffffffff x3=cbdfd0fae5ffd9c n=4 | x3=ffffffffffffffff n=4
        dac00fe5 x5=20 n=6 | x5=0 n=6
        // CLZ
        5ac010a1 x1=ffffffffffffffff x5=80000000 n=8 | x1=0 n=8
        5ac01104 x4=c13e19a23b0379e8 x8=9697891d n=9 | x4=0 n=9
        dac010e9 x7=25 x9=1c n=0 | x9=3a n=0
        dac01105 x5=ffffffffffffffff x8=d4b83a9c n=8 | x5=20 n=8
        dac0101f x0=7fffffffffffffff n=c | n=c
        5ac01043 x2=0 x3=8000000000000001 n=6 | x3=20 n=6
        // CLS
        dac01423 x1=0 x3=cbf9fa7245279e66 n=5 | x3=3f n=5
        5ac01442 x2=33c3e78c n=d | x2=1 n=d
        dac014e7 x7=7fffffffffffffff n=f | x7=0 n=f
        5ac01407 x0=2c x7=3a n=6 | x7=19 n=6
        dac01503 x3=2 x8=6b18594a n=e | x3=20 n=e
        5ac014e0 x0=0 x7=cb45f9730306fb86 n=0 | x0=5 n=0
        // CSEL
        9a801008 x0=4a9690be22971d9d x8=200000000000000 n=3 | x8=4a9690be22971d9d n=3
        1a871021 x1=abe28116 x7=56fa402f4912e9d7 n=8 | n=8
        1a851008 x0=0 x5=ef4c668d x8=f7e75fb2 n=9 | x8=0 n=9
        1a8040c9 x0=5 x6=0 x9=d7ebffb0 n=9 | x9=0 n=9
        1a82c043 x2=ffffffffffffffff x3=0 n=8 | x3=ffffffff n=8
        9a812000 x0=8000000000000000 x1=0 n=b | n=b
        // CSINC
        9a875467 x3=8 x7=7fffffff n=1 | x7=8 n=1
        9a8214e3 x2=c3585102bca7942e x3=20000000000 x7=0 n=d | x3=c3585102bca7942f n=d
        1a831403 x0=f1aa7bfd8aed355e x3=b n=e | x3=c n=e
        1a8687e1 x1=0 x6=8000000000000000 n=2 | n=2
        9a81d480 x0=0 x1=0 x4=1000 n=4 | x0=1000 n=4
        9a9f34c7 x6=15 x7=d69d966 n=0 | x7=15 n=0
        // CSINV
        5a82c0e8 x2=0 x7=0 x8=ffffffffffffffff n=6 | x8=ffffffff n=6
        5a81f0c2 x1=ffffffffffffffff x2=26 x6=0 n=9 | x2=0 n=9
        da81409f x1=7 x4=ad56c095 n=8 | n=8
        5a8690e6 x6=ebadd4e67fcfd35b x7=0 n=c | x6=0 n=c
        da85f106 x5=da71250923d15acb x6=563c85b0 x8=b n=9 | x6=b n=9
        5a8620c6 x6=0 n=d | x6=ffffffff n=d
        // CSNEG
        da807407 x0=8000000000000001 x7=53092ea0196476ca n=3 | x7=7fffffffffffffff n=3
        da816526 x1=81dd4904 x6=c144698d5ad02b16 x9=bbef465daaebdd12 n=b | x6=bbef465daaebdd12 n=b
        5a880521 x1=b7e2f2b76e5e6f44 x8=8000 x9=4d24223e n=4 | x1=4d24223e n=4
        5a862487 x4=1 x6=2e00e2b04ed45a97 x7=7fffffff n=b | x7=1 n=b
        5a8364c2 x2=27fffffff x3=ffffffffffffffff x6=280000001 n=8 | x2=1 n=8
        5a852500 x0=1 x5=10000000 x8=80000001 n=c | x0=f0000000 n=c
        // CCMN/CCMP (register)
        fa41908f x1=3a x4=80000001 n=e | n=2
        fa481023 x1=ffffffffffffffff x8=ffffffffffffffff n=6 | n=3
        fa4080cf x0=1000000000 x6=200 n=8 | n=f
        7a478046 x2=36 x7=ffffffffffffffff n=8 | n=6
        ba4283e3 x2=3f63ba52 n=3 | n=0
        ba4570c5 x5=ffffffffffffffff x6=0 n=5 | n=5
        // CCMN/CCMP (immediate)
        ba47e8ab x5=b29f9b9779eec30f n=2 | n=8
        7a4a1806 x0=c2fa6fa9 n=f | n=6
        fa479889 x4=0 n=e | n=8
        ba59990f x8=d44764cb n=6 | n=0
        3a4c680a x0=5fbc6396ab62723a n=3 | n=8
        ba5678ed x7=1c8890d8 n=0 | n=0
        """;

    [Fact]
    public void Data_processing_instructions_do_what_a_reference_did()
    {
        using var rig = new CpuRig();
        foreach (string line in Vectors.Split('\n', StringSplitOptions.TrimEntries))
        {
            if (!line.StartsWith("//", StringComparison.Ordinal)) Check(rig, line);
        }
    }

    private static void Check(CpuRig rig, string line)
    {
        string[] halves = line.Split('|');
        string[] before = halves[0].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var expected = new Dictionary<int, ulong>();
        for (int i = 0; i < 31; i++) rig[i] = 0;
        foreach ((int register, ulong value) in Parse(before[1..])) Set(rig, expected, register, value);
        rig.Run(uint.Parse(before[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        foreach ((int register, ulong value) in Parse(halves[1].Split(' ', StringSplitOptions.RemoveEmptyEntries)))
            expected[register] = value;
        foreach ((int register, ulong value) in expected)
        {
            ulong actual = register < 0 ? rig.State->Nzcv >> 28 : rig[register];
            Assert.True(actual == value, $"{line}: {(register < 0 ? "n" : $"x{register}")} is {actual:x}.");
        }
    }

    private static void Set(CpuRig rig, Dictionary<int, ulong> expected, int register, ulong value)
    {
        expected[register] = value;
        if (register < 0) rig.State->Nzcv = (uint)value << 28;
        else rig[register] = value;
    }

    private static IEnumerable<(int Register, ulong Value)> Parse(IEnumerable<string> texts)
    {
        foreach (string text in texts)
        {
            string[] sides = text.Split('=');
            int register = sides[0] == "n" ? -1 : int.Parse(sides[0][1..], CultureInfo.InvariantCulture);
            yield return (register, ulong.Parse(sides[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        }
    }
}
