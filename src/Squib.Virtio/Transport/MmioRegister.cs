namespace Squib.Virtio.Transport;

/// <summary>The offsets of the registers of a version 2 device, in bytes (virtio 1.2, 4.2.2).</summary>
/// <remarks>All are 32 bits wide and little-endian; the configuration space is byte-addressable.</remarks>
public static class MmioRegister
{
    /// <summary>R: "virt" as 0x74726976.</summary>
    public const int MagicValue = 0x000;

    /// <summary>R: 2.</summary>
    public const int Version = 0x004;

    /// <summary>R: the <see cref="DeviceType"/>.</summary>
    public const int DeviceId = 0x008;

    /// <summary>R: who made the device.</summary>
    public const int VendorId = 0x00c;

    /// <summary>R: the selected word of the offered features.</summary>
    public const int DeviceFeatures = 0x010;

    /// <summary>W: selects the word for <see cref="DeviceFeatures"/>.</summary>
    public const int DeviceFeaturesSel = 0x014;

    /// <summary>W: the selected word of the accepted features.</summary>
    public const int DriverFeatures = 0x020;

    /// <summary>W: selects the word for <see cref="DriverFeatures"/>.</summary>
    public const int DriverFeaturesSel = 0x024;

    /// <summary>W: selects the queue for the queue registers.</summary>
    public const int QueueSel = 0x030;

    /// <summary>R: the largest size of the queue; 0 if there is no such queue.</summary>
    public const int QueueNumMax = 0x034;

    /// <summary>W: the size of the queue.</summary>
    public const int QueueNum = 0x038;

    /// <summary>RW: 1 enables the queue.</summary>
    public const int QueueReady = 0x044;

    /// <summary>W: notifies the queue with this index.</summary>
    public const int QueueNotify = 0x050;

    /// <summary>R: the reasons for the interrupt: bit 0 used buffers, bit 1 configuration change.</summary>
    public const int InterruptStatus = 0x060;

    /// <summary>W: clears bits of <see cref="InterruptStatus"/>.</summary>
    public const int InterruptAck = 0x064;

    /// <summary>RW: the <see cref="DeviceStatus"/>; writing 0 resets the device.</summary>
    public const int Status = 0x070;

    /// <summary>W: address of the descriptor area, bits 0 to 31.</summary>
    public const int QueueDescLow = 0x080;

    /// <summary>W: address of the descriptor area, bits 32 to 63.</summary>
    public const int QueueDescHigh = 0x084;

    /// <summary>W: address of the driver area (available ring), bits 0 to 31.</summary>
    public const int QueueDriverLow = 0x090;

    /// <summary>W: address of the driver area, bits 32 to 63.</summary>
    public const int QueueDriverHigh = 0x094;

    /// <summary>W: address of the device area (used ring), bits 0 to 31.</summary>
    public const int QueueDeviceLow = 0x0a0;

    /// <summary>W: address of the device area, bits 32 to 63.</summary>
    public const int QueueDeviceHigh = 0x0a4;

    /// <summary>W: selects the shared memory region.</summary>
    public const int ShmSel = 0x0ac;

    /// <summary>R: length of the region, bits 0 to 31; all ones if there is no such region.</summary>
    public const int ShmLenLow = 0x0b0;

    /// <summary>R: length of the region, bits 32 to 63.</summary>
    public const int ShmLenHigh = 0x0b4;

    /// <summary>R: guest-physical address of the region, bits 0 to 31.</summary>
    public const int ShmBaseLow = 0x0b8;

    /// <summary>R: guest-physical address of the region, bits 32 to 63.</summary>
    public const int ShmBaseHigh = 0x0bc;

    /// <summary>RW: 1 resets the queue; reads 1 while that goes on.</summary>
    public const int QueueReset = 0x0c0;

    /// <summary>R: changes whenever the configuration changes.</summary>
    public const int ConfigGeneration = 0x0fc;

    /// <summary>RW: the first byte of the configuration space.</summary>
    public const int Config = 0x100;
}
