using Squib.Virtio.Devices.BootTimer;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Devices.BootTimer;

public sealed class BootTimerDeviceTests
{
    private readonly ManualTime time = new();
    private readonly BootTimerDevice device;
    private readonly GuestDriver driver;
    private readonly VirtioMmioTransport transport;

    public BootTimerDeviceTests()
    {
        device = new(time);
        (driver, transport, _) = GuestDriver.Attach(device);
    }

    [Fact]
    public void It_counts_microseconds_from_the_moment_the_kernel_gets_control()
    {
        time.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(0u, driver.ReadRegister(MmioRegister.Config));
        device.Start();
        time.Advance(TimeSpan.FromMicroseconds(1_234_567.9));
        Assert.Equal(1_234_567u, driver.ReadRegister(MmioRegister.Config));
        Assert.Equal(1_234_567u, device.Microseconds);
        device.Start();
        Assert.Equal(0u, device.Microseconds);
    }

    [Fact]
    public void It_stands_still_at_its_largest_value()
    {
        device.Start();
        time.Advance(TimeSpan.FromMicroseconds(uint.MaxValue - 1));
        Assert.Equal(uint.MaxValue - 1, driver.ReadRegister(MmioRegister.Config));
        time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(uint.MaxValue, driver.ReadRegister(MmioRegister.Config));
        time.Advance(TimeSpan.FromDays(10_000));
        Assert.Equal(uint.MaxValue, driver.ReadRegister(MmioRegister.Config));
    }

    [Fact]
    public void It_is_a_virtio_device_without_queues()
    {
        Assert.Equal(0xffff_ff00u, driver.ReadRegister(MmioRegister.DeviceId));
        Assert.Equal(0UL, device.Features);
        Assert.Equal(4, device.Config.Length);
        Assert.Null(driver.Start());
        Assert.Equal(DeviceStatus.DriverOk, driver.Status & DeviceStatus.DriverOk);
        driver.Reset();
        Assert.Equal(DeviceStatus.None, driver.Status);
        Assert.Null(driver.Start());
    }

    [Fact]
    [Trait("Case", "X01")]
    public void X01_The_magic_byte_of_other_timers_is_ignored_each_time()
    {
        device.Start();
        time.Advance(TimeSpan.FromMicroseconds(50));
        driver.WriteConfig(0, 123);
        driver.WriteConfig(0, 123);
        Assert.Equal(50u, driver.ReadRegister(MmioRegister.Config));
        Assert.Equal(2, device.Config.RefusedWrites);
    }

    [Fact]
    [Trait("Case", "X02")]
    public void X02_Other_accesses_read_zero_and_write_nothing()
    {
        device.Start();
        time.Advance(TimeSpan.FromSeconds(4000));
        foreach (int width in (int[])[1, 2, 3, 4, 8])
        {
            for (int offset = 0; offset <= 8; offset++)
            {
                driver.WriteConfig(offset, [123, .. new byte[width - 1]]);
                byte[] read = [.. Enumerable.Repeat((byte)0xcc, width)];
                transport.Read((ulong)(MmioRegister.Config + offset), read);
                if (offset != 0 || width != 4) Assert.Equal(new byte[width], read);
                else Assert.Equal(4_000_000_000u, BitConverter.ToUInt32(read));
            }
        }
    }
}
