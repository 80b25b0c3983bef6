using System.Buffers.Binary;
using System.Text;
using Squib.Fuzz.Engine;
using Squib.Machine.Boot;
using Squib.Virtio.Transport;

namespace Squib.Fuzz.Boot;

/// <summary>Trees of any shape and those of machines, read again by a reader that knows the format only from its specification.</summary>
internal sealed class DeviceTreeTarget : IFuzzTarget
{
    private const int MostActions = 256;
    private const int MostDepth = 16;

    private static readonly string[] Names = ["reg", "compatible", "a", "", "#address-cells", "interrupts", "phandle", "status"];

    public string Name => "device-tree";

    public string Purpose => "trees of any shape and those of machines, read again by a reader of its own";

    public void Run(Script script, Behaviour behaviour)
    {
        if (script.Byte() < 48) WriteMachine(script, behaviour);
        else WriteAny(script, behaviour);
    }

    private static void WriteMachine(Script script, Behaviour behaviour)
    {
        int slots = script.Below(33);
        MachineTree tree = new()
        {
            RamBytes = script.Number(),
            CommandLine = new string('x', script.Byte()),
            InitrdStart = script.Number() >> 1,
            InitrdBytes = script.Flag() ? script.Number() >> 1 : 0,
            Slots = [.. Enumerable.Range(0, slots).Select(n => new Slot(n))],
            Driverless = new HashSet<Slot> { new(script.Below(32)) },
        };
        List<string> told = Read(tree.ToBytes());
        int found = told.Count(line => line.StartsWith("node virtio_mmio@", StringComparison.Ordinal));
        FindingException.ThrowIf(found != slots, "The tree has another number of slots than the machine.");
        bool hasInitrd = told.Any(line => line.StartsWith("linux,initrd-end", StringComparison.Ordinal));
        FindingException.ThrowIf(hasInitrd != tree.InitrdBytes > 0, "The tree tells of an initrd that there is not, or the other way round.");
        bool hasDisabled = told.Contains($"status {Convert.ToHexString("disabled\0"u8)}");
        FindingException.ThrowIf(hasDisabled != tree.Slots.Any(tree.Driverless.Contains), "A slot that no driver is to take is not disabled.");
        behaviour.Saw(slots);
        behaviour.SawAbout((ulong)tree.CommandLine.Length);
    }

    private static void WriteAny(Script script, Behaviour behaviour)
    {
        DeviceTreeWriter writer = new();
        List<string> expected = ["node "];
        writer.BeginNode("");
        int depth = 1;
        for (int i = 0; i < MostActions && !script.IsAtEnd; i++)
        {
            string name = Names[script.Below(Names.Length)];
            switch (script.Below(6))
            {
                case 0 when depth < MostDepth:
                    string node = $"{name}@{script.Byte():x}";
                    writer.BeginNode(node);
                    expected.Add($"node {node}");
                    depth++;
                    break;
                case 1 when depth > 1:
                    writer.EndNode();
                    expected.Add("end");
                    depth--;
                    break;
                case 2:
                    uint[] cells = [.. Enumerable.Range(0, script.Below(3)).Select(_ => (uint)script.Number())];
                    writer.Cells(name, cells);
                    expected.Add($"{name} {string.Concat(cells.Select(cell => cell.ToString("X8", null)))}");
                    break;
                case 3:
                    ulong number = script.Number();
                    writer.Numbers(name, number);
                    expected.Add($"{name} {number:X16}");
                    break;
                case 4:
                    byte[] bytes = new byte[script.Below(20)];
                    script.Fill(bytes);
                    writer.Bytes(name, bytes);
                    expected.Add($"{name} {Convert.ToHexString(bytes)}");
                    break;
                default:
                    string text = new('t', script.Below(9));
                    writer.Text(name, text, "b");
                    expected.Add($"{name} {Convert.ToHexString(Encoding.UTF8.GetBytes(text))}006200");
                    break;
            }
        }

        for (; depth > 0; depth--)
        {
            writer.EndNode();
            expected.Add("end");
        }

        List<string> told = Read(writer.Finish());
        FindingException.ThrowIf(!told.SequenceEqual(expected), "A tree says something else than was written.");
        behaviour.SawAbout((ulong)told.Count);
        foreach (string line in told) behaviour.Saw(Math.Min(line.Length, 40));
    }

    /// <summary>Reads a blob (Devicetree Specification 0.4, chapter 5), and is strict about it.</summary>
    private static List<string> Read(byte[] blob)
    {
        uint Cell(uint at) => BinaryPrimitives.ReadUInt32BigEndian(blob.AsSpan((int)at));
        FindingException.ThrowIf(Cell(0) != 0xd00d_feed || Cell(4) != blob.Length || Cell(20) != 17, "The header of a tree is another.");
        (uint at, uint strings) = (Cell(8), Cell(12));
        uint end = at + Cell(36);
        bool overlap = end > strings || strings + Cell(32) > blob.Length;
        FindingException.ThrowIf(overlap || at % 4 != 0 || Cell(16) % 8 != 0, "The parts of a tree overlap.");
        List<string> told = [];
        string Name(uint from) => Encoding.ASCII.GetString(blob.AsSpan((int)from, blob.AsSpan((int)from).IndexOf((byte)0)));
        while (true)
        {
            FindingException.ThrowIf(at >= end, "A tree does not end.");
            uint token = Cell(at);
            at += 4;
            if (token == 9) break;
            switch (token)
            {
                case 1:
                    string node = Name(at);
                    told.Add($"node {node}");
                    at += ((uint)node.Length + 4) & ~3u;
                    break;
                case 2:
                    told.Add("end");
                    break;
                case 3:
                    (uint length, uint name) = (Cell(at), Cell(at + 4));
                    told.Add($"{Name(strings + name)} {Convert.ToHexString(blob.AsSpan((int)at + 8, (int)length))}");
                    at += 8 + ((length + 3) & ~3u);
                    break;
                default:
                    throw new FindingException($"A tree has the token {token}.");
            }
        }

        FindingException.ThrowIf(at != end, "A tree goes on after its end.");
        return told;
    }
}
