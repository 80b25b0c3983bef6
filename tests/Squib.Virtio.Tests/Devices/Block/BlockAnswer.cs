namespace Squib.Virtio.Tests.Devices.Block;

/// <summary>
/// How a device has answered: the id of the buffer, used.len, the last writable byte, the writable bytes before it.
/// </summary>
internal sealed record BlockAnswer(ushort Id, uint Length, byte Status, byte[] Data);
