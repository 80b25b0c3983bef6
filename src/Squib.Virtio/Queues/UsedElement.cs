using System.Runtime.InteropServices;

namespace Squib.Virtio.Queues;

/// <summary>One element of the split used ring: the head of a chain and the number of bytes written to it.</summary>
/// <remarks>Virtio 1.2, 2.7.8.</remarks>
[StructLayout(LayoutKind.Sequential)]
internal struct UsedElement
{
    internal const int Size = 8;

    internal uint Id;
    internal uint Length;
}
