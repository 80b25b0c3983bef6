using System.Buffers.Binary;
using System.IO.Compression;
using Squib.Fuzz.Engine;
using Squib.Machine;
using Squib.Machine.Boot;

namespace Squib.Fuzz.Boot;

/// <summary>Files that may be kernels, plain and compressed, and the places that are found for them.</summary>
internal sealed class KernelTarget : IFuzzTarget
{
    private static readonly byte[][] Beginnings =
    [
        [0x7f, 0x45, 0x4c, 0x46, 2, 1], [0x7f, 0x45, 0x4c, 0x46, 2, 2], "MZ"u8.ToArray(),
        [.. "MZ"u8, 0, 0, .. "zimg"u8], [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0],
        [0x28, 0xb5, 0x2f, 0xfd], "BZh"u8.ToArray(), [2, 0x21, 0x4c, 0x18], [4, 0x22, 0x4d, 0x18], [0x5d, 0, 0], [0x89, 0x4c, 0x5a, 0x4f],
        [0x27, 0x05, 0x19, 0x56], [0xd0, 0x0d, 0xfe, 0xed], "070701"u8.ToArray(), "070702"u8.ToArray(),
        "!<arch>"u8.ToArray(), [0x51, 0x46, 0x49, 0xfb], "#!/bin/sh\n"u8.ToArray(),
    ];

    public string Name => "kernel";

    public string Purpose => "files that may be kernels, and the places that are found for them";

    public int MaxInputBytes => 1024;

    public void Run(Script script, Behaviour behaviour)
    {
        byte[] file = Build(script);
        behaviour.SawAbout((ulong)file.Length);
        KernelImage kernel;
        try
        {
            kernel = KernelImage.Parse(file);
        }
        catch (InvalidDataException refusal)
        {
            FindingException.ThrowIf(refusal.Message.Length is < 20 or > 500, "A refusal does not say in a sentence what is wrong.");
            behaviour.Saw(HashOf(refusal.Message));
            CheckCommandLine(script, behaviour);
            return;
        }

        FindingException.ThrowIf(kernel.TextOffset >= 2 << 20, "A kernel wants to lie further behind a multiple of 2 MiB than 2 MiB.");
        FindingException.ThrowIf(kernel.MemoryBytes < (ulong)kernel.Bytes.Length, "A kernel needs less memory than it has bytes.");
        Place(kernel, script, behaviour);
        CheckCommandLine(script, behaviour);
    }

    private static byte[] Build(Script script)
    {
        int shape = script.Byte();
        byte[] image = new byte[(shape & 7) == 7 ? script.Below(64) : 64 + (script.Byte() * 4)];
        if ((shape & 8) != 0)
        {
            byte[] beginning = Beginnings[script.Below(Beginnings.Length)];
            beginning.AsSpan(0, Math.Min(beginning.Length, image.Length)).CopyTo(image);
            if (script.Flag()) script.Fill(image.AsSpan(Math.Min(image.Length, beginning.Length)));
        }
        else if (image.Length >= 64)
        {
            "ARM\x64"u8.CopyTo(image.AsSpan(56));
            BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(8), script.Number());
            BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(16), script.Number());
            BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(24), (shape & 16) != 0 ? script.Number() : 2);
        }

        // Magic numbers of other machines lie at places of their own.
        int at = script.Byte() switch { 0 => 0x202, 1 => 0x30, 2 => 8, 3 => 0x24, _ => -1 };
        ReadOnlySpan<byte> magic = at switch { 0x202 => "HdrS"u8, 0x30 => "RISCV"u8, 8 => "loongarch"u8, _ => [0x18, 0x28, 0x6f, 1] };
        if (at >= 0 && at + magic.Length <= image.Length) magic.CopyTo(image.AsSpan(at));
        if (script.Below(4) == 0 && image.Length > 0) image[script.Byte() % image.Length] = script.Byte();
        return (shape & 0x60) == 0x60 ? Compress(image, script) : image;
    }

    private static byte[] Compress(byte[] image, Script script)
    {
        using MemoryStream compressed = new();
        using (GZipStream gzip = new(compressed, CompressionLevel.Fastest, leaveOpen: true)) gzip.Write(image);
        byte[] file = compressed.ToArray();
        // Of nothing nothing is made.
        if (file.Length < 3) return file;
        int spoil = script.Byte();
        if (spoil >= 192) file[2 + (script.Byte() % (file.Length - 2))] ^= (byte)(1 << (spoil & 7));
        return spoil is >= 128 and < 192 ? file[..(2 + (script.Byte() % (file.Length - 2)))] : file;
    }

    private static void Place(KernelImage kernel, Script script, Behaviour behaviour)
    {
        ulong ram = script.Byte() is var choice && choice < 192 ? (ulong)choice << 22 : script.Number();
        ulong initrd = script.Flag() ? (ulong)script.Byte() << 20 : script.Number();
        // As the machine does: RAM ends within the addresses that a CPU has.
        if (ram > 1UL << 40) ram &= (1UL << 40) - 1;
        Placement found;
        try
        {
            found = Placement.Find(ram, kernel, initrd);
        }
        catch (ArgumentException refusal)
        {
            behaviour.Saw(refusal.Message.StartsWith("The kernel", StringComparison.Ordinal) ? 1 : 2);
            return;
        }

        UInt128 start = MemoryMap.RamStart;
        UInt128 kernelEnd = (UInt128)found.Kernel + kernel.MemoryBytes;
        UInt128 initrdEnd = (UInt128)found.Initrd + initrd;
        bool ordered = found.Kernel >= start && kernelEnd <= found.Initrd && initrdEnd <= found.DeviceTree
            && (UInt128)found.DeviceTree + Placement.DeviceTreeBytes == start + ram;
        FindingException.ThrowIf(!ordered, "Kernel, initrd and device tree overlap, or lie outside RAM.");
        FindingException.ThrowIf((found.Kernel - kernel.TextOffset) % (2 << 20) != 0, "The kernel does not lie where it wants to.");
        behaviour.Saw(found.Initrd - MemoryMap.RamStart == 256 << 20 ? 1 : 0);
    }

    private static void CheckCommandLine(Script script, Behaviour behaviour)
    {
        int count = script.Byte();
        string text = string.Concat(Enumerable.Range(0, count < 250 ? count % 8 : 400).Select(_ => script.Below(8) switch
        {
            0 => "console=hvc0 ",
            1 => "panic=-1\t",
            2 => "-- ",
            3 => "root=/dev/vda  ",
            4 => "\n",
            5 => "é ",
            _ => "quiet ",
        }));
        try
        {
            string[] words = CommandLine.Complete(text).Split(' ');
            int end = Array.IndexOf(words, "--") is var at and >= 0 ? at : words.Length;
            bool complete = words.Take(end).Any(word => word.StartsWith("console=", StringComparison.Ordinal))
                && words.Take(end).Any(word => word.StartsWith("panic=", StringComparison.Ordinal));
            FindingException.ThrowIf(!complete, "A command line has no console, or does not end in a panic.");
            behaviour.Saw(words.Length);
        }
        catch (ArgumentException)
        {
            behaviour.Saw(-1);
        }
    }

    // What is quoted from the file is anything.
    private static int HashOf(string text)
    {
        int hash = 0;
        foreach (char letter in text)
        {
            if (letter is '"' or '(') break;
            if (!char.IsAsciiHexDigit(letter)) hash = (hash * 31) + letter;
        }

        return hash;
    }
}
