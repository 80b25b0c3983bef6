namespace Squib.Virtio.Devices.Mem;

/// <summary>What a driver asks for.</summary>
internal enum MemRequestType : ushort
{
    Plug = 0,
    Unplug = 1,
    UnplugAll = 2,
    State = 3,
}
