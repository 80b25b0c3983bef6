namespace Squib.Virtio.Tests.Devices.Vsock;

/// <summary>The operations, by the numbers of the specification.</summary>
internal enum Op : ushort
{
    Invalid,
    Request,
    Response,
    Rst,
    Shutdown,
    Rw,
    CreditUpdate,
    CreditRequest,
}
