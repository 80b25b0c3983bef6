using Squib.Virtio.Testing;
using Squib.Virtio.Tests.Queues;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Transport;

/// <summary>The device status field and feature negotiation.</summary>
public sealed class StatusTests
{
    private const ulong AllBits = ulong.MaxValue;

    [Fact]
    [Trait("Row", "BASE-D01"), Trait("Row", "MMIO-D11")]
    public void The_status_follows_the_driver_through_initialisation()
    {
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(new FillDevice(8));
        Assert.Equal(0u, (uint)driver.Status);
        foreach (uint status in new uint[] { 1, 3 }) WriteAndExpect(driver, status, status);
        Accept(driver, driver.ReadOfferedFeatures());
        WriteAndExpect(driver, 0x0b, 0x0b);
        Assert.Equal(driver.ReadOfferedFeatures(), transport.NegotiatedFeatures);
        Assert.Null(transport.Session);
        WriteAndExpect(driver, 0x0f, 0x0f);
        Assert.NotNull(transport.Session);
        WriteAndExpect(driver, 0, 0);
        Assert.Null(transport.Session);
        Assert.Equal(0UL, transport.NegotiatedFeatures);
    }

    [Theory]
    [InlineData(0x00, 0x02), InlineData(0x00, 0x04), InlineData(0x00, 0x07), InlineData(0x00, 0x08), InlineData(0x00, 0x0f)]
    [InlineData(0x00, 0x42), InlineData(0x00, 0x10), InlineData(0x00, 0xffff_ff00)]
    [InlineData(0x01, 0x02), InlineData(0x01, 0x07), InlineData(0x01, 0x0f), InlineData(0x01, 0x05), InlineData(0x01, 0x09)]
    [InlineData(0x03, 0x01), InlineData(0x03, 0x07), InlineData(0x03, 0x0f), InlineData(0x03, 0x13)]
    [InlineData(0x0b, 0x03), InlineData(0x0b, 0x08), InlineData(0x0b, 0x1f), InlineData(0x0b, 0x07)]
    [InlineData(0x0f, 0x0b), InlineData(0x0f, 0x07), InlineData(0x0f, 0x01), InlineData(0x0f, 0x1f), InlineData(0x0f, 0x8000_000f)]
    [Trait("Case", "T12"), Trait("Case", "T13")]
    public void A_step_out_of_order_is_ignored_and_counted(uint from, uint to)
    {
        FillDevice device = new(8);
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(device);
        GoTo(driver, from);
        long bad = transport.BadAccesses;
        WriteAndExpect(driver, to, from);
        Assert.Equal(bad + 1, transport.BadAccesses);
        Assert.Equal(from == 0x0f ? 1 : 0, device.Runs);
        if (from == 0x0f) AssertServes(driver);
    }

    [Theory, InlineData(0x00), InlineData(0x01), InlineData(0x03), InlineData(0x0b), InlineData(0x0f)]
    [Trait("Case", "T15"), Trait("Row", "BASE-D02")]
    public void A_driver_that_fails_leaves_a_device_that_only_a_reset_revives(uint from)
    {
        FillDevice device = new(8);
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(device);
        GoTo(driver, from);
        if (from == 0x0f) AssertServes(driver);
        long served = device.Requests;
        WriteAndExpect(driver, from | 0x80, from | 0x80);
        Assert.Equal(0, transport.BadAccesses);
        if (from == 0x0f) driver.Queues[0].Submit([[1]], [1]);
        driver.WriteRegister(MmioRegister.QueueSel, 0);
        foreach (int register in new[] { 0x038, 0x080, 0x090, 0x0a0, 0x044, 0x0c0, 0x050 }) driver.WriteRegister(register, 1);
        long bad = transport.BadAccesses;
        foreach (uint status in new uint[] { 1, 3, 0x0b, 0x0f, 0x8f, 0x83 }) WriteAndExpect(driver, status, from | 0x80);
        Assert.Equal(bad, transport.BadAccesses);
        Assert.Equal(served, device.Requests);
        WriteAndExpect(driver, 0, 0);
        driver.Start();
        AssertServes(driver);
    }

    [Fact]
    [Trait("Case", "T16")]
    public void Writing_DRIVER_OK_again_activates_nothing()
    {
        FillDevice device = new(8);
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(device);
        driver.Start();
        DriverSession? session = transport.Session;
        for (int i = 0; i < 1000; i++) WriteAndExpect(driver, 0x0f, 0x0f);
        Assert.Equal(1, device.Runs);
        Assert.Equal(0, transport.BadAccesses);
        Assert.Same(session, transport.Session);
        AssertServes(driver);
    }

    [Fact]
    [Trait("Case", "T09"), Trait("Row", "BASE-07")]
    public void Accepting_everything_is_refused_and_can_be_tried_again_after_a_reset()
    {
        FillDevice device = new(8);
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(device);
        GoTo(driver, 3);
        Accept(driver, AllBits);
        WriteAndExpect(driver, 0x0b, 0x03);
        WriteAndExpect(driver, 0x0f, 0x03);
        WriteAndExpect(driver, 0x07, 0x03);
        Assert.Equal(0, device.Runs);
        Assert.Equal(0UL, transport.NegotiatedFeatures);
        driver.Start();
        AssertServes(driver);
    }

    [Fact]
    [Trait("Case", "T10"), Trait("Row", "BASE-07"), Trait("Row", "RSVD-02")]
    public void A_driver_without_version_1_is_refused()
    {
        (GuestDriver driver, _, _) = GuestDriver.Attach(new FillDevice(8));
        Assert.False(driver.Probe(~VirtioFeature.Version1));
        Assert.Equal(0x03u, (uint)driver.Status);
    }

    [Fact]
    [Trait("Row", "BASE-06"), Trait("Row", "BASE-08"), Trait("Row", "BASE-D03")]
    public void Every_subset_with_version_1_is_accepted_again_and_again()
    {
        TransportOptions all = new() { RingPacked = true, InOrder = true, NotificationData = true };
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(new FillDevice(8) { Features = 5 }, all);
        ulong offered = driver.ReadOfferedFeatures();
        int[] bits = [.. Enumerable.Range(0, 64).Where(bit => (offered >> bit & 1) != 0 && bit != 32)];
        for (int subset = 0; subset < 1 << bits.Length; subset++)
        {
            ulong wanted = VirtioFeature.Version1;
            for (int i = 0; i < bits.Length; i++)
            {
                if ((subset >> i & 1) != 0) wanted |= 1UL << bits[i];
            }

            for (int again = 0; again < 2; again++)
            {
                Assert.True(driver.Probe(wanted));
                Assert.Equal(wanted, transport.NegotiatedFeatures);
            }

            if (subset % 16 != 0) continue;
            driver.Start(wanted);
            AssertServes(driver);
            Assert.Equal(offered, driver.ReadOfferedFeatures());
        }
    }

    [Fact]
    [Trait("Row", "BASE-06"), Trait("Row", "BASE-07")]
    public void A_device_may_refuse_a_combination_of_its_features()
    {
        (GuestDriver driver, _, _) = GuestDriver.Attach(new PickyDevice());
        Assert.False(driver.Probe());
        Assert.True(driver.Probe(~1UL));
        Assert.True(driver.Probe(~2UL));
    }

    [Fact]
    [Trait("Case", "T17")]
    public void Features_are_fixed_from_FEATURES_OK_on()
    {
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(new FillDevice(8));
        ulong wanted = VirtioFeature.Version1 | VirtioFeature.EventIndex;
        Assert.True(driver.Probe(wanted));
        Accept(driver, VirtioFeature.Version1 | VirtioFeature.IndirectDescriptors);
        Assert.Equal(wanted, transport.NegotiatedFeatures);
        driver.SetUpQueue(0);
        driver.SetDriverOk();
        Accept(driver, VirtioFeature.Version1 | VirtioFeature.IndirectDescriptors);
        Assert.Equal(wanted, transport.Session!.Features);
        Assert.True(transport.Session.Has(VirtioFeature.EventIndex));
        Assert.False(transport.Session.Has(VirtioFeature.EventIndex | VirtioFeature.IndirectDescriptors));
        // EVENT_IDX still counts: the flag that suppresses interrupts without it does not.
        driver.Queues[0].WantsInterrupts = true;
        AssertServes(driver);
    }

    [Theory, InlineData(2u), InlineData(31u), InlineData(0x8000_0000u), InlineData(0xffff_ffffu)]
    [Trait("Case", "T07"), Trait("Row", "MMIO-D04")]
    public void Features_of_words_that_do_not_exist_are_not_accepted(uint word)
    {
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(new FillDevice(8));
        GoTo(driver, 3);
        // High word first: the order does not matter.
        driver.WriteRegister(MmioRegister.DriverFeaturesSel, 1);
        driver.WriteRegister(MmioRegister.DriverFeatures, 1);
        driver.WriteRegister(MmioRegister.DriverFeaturesSel, 0);
        driver.WriteRegister(MmioRegister.DriverFeatures, 1u << 28);
        driver.WriteRegister(MmioRegister.DriverFeaturesSel, word);
        driver.WriteRegister(MmioRegister.DriverFeatures, 0);
        Assert.Equal(0, transport.BadAccesses);
        driver.WriteRegister(MmioRegister.DriverFeatures, 0xffff_ffff);
        Assert.Equal(1, transport.BadAccesses);
        WriteAndExpect(driver, 0x0b, 0x0b);
        Assert.Equal(VirtioFeature.Version1 | VirtioFeature.IndirectDescriptors, transport.NegotiatedFeatures);
    }

    [Fact]
    [Trait("Row", "BASE-12")]
    public void The_configuration_can_be_read_before_the_features_are_negotiated()
    {
        (GuestDriver driver, _, _) = GuestDriver.Attach(new FillDevice(8));
        GoTo(driver, 3);
        byte[] before = driver.ReadConfig(0, 12);
        driver.Start();
        Assert.Equal(before, driver.ReadConfig(0, 12));
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], before);
    }

    private static void GoTo(GuestDriver driver, uint status)
    {
        if (status == 0x0f)
        {
            driver.Start();
            return;
        }

        if (status >= 1) WriteAndExpect(driver, 1, 1);
        if (status >= 3) WriteAndExpect(driver, 3, 3);
        if (status < 0x0b) return;
        Accept(driver, driver.ReadOfferedFeatures());
        WriteAndExpect(driver, 0x0b, 0x0b);
    }

    private static void Accept(GuestDriver driver, ulong features)
    {
        driver.WriteRegister(MmioRegister.DriverFeaturesSel, 0);
        driver.WriteRegister(MmioRegister.DriverFeatures, (uint)features);
        driver.WriteRegister(MmioRegister.DriverFeaturesSel, 1);
        driver.WriteRegister(MmioRegister.DriverFeatures, (uint)(features >> 32));
    }

    private static void WriteAndExpect(GuestDriver driver, uint written, uint expected)
    {
        driver.WriteRegister(MmioRegister.Status, written);
        Assert.Equal(expected, (uint)driver.Status);
    }

    private static void AssertServes(GuestDriver driver)
    {
        driver.Queues[0].Submit([[1, 2, 3]], [5]);
        UsedBuffer used = Assert.Single(driver.Queues[0].Reap());
        Assert.Equal([1, 2, 3, FillDevice.Filler, FillDevice.Filler], used.Written);
    }

    private sealed class PickyDevice : IVirtioDevice
    {
        public DeviceType Type => DeviceType.Block;

        public ulong Features => 3;

        public IReadOnlyList<ushort> QueueSizes => [8];

        public ConfigSpace Config { get; } = new();

        public bool Accepts(ulong features) => (features & 3) != 3;

        public Task RunAsync(DriverSession session, CancellationToken reset) => Task.CompletedTask;
    }
}
