using System.Buffers.Binary;
using System.Text;
using Squib.Machine.Devices;
using Squib.Virtio.Interrupts;
using Xunit;

namespace Squib.Machine.Tests.Devices;

public sealed class Pl011Tests : IDisposable
{
    private const uint Received = 1 << 4;
    private const uint Sent = 1 << 5;
    private const uint TimedOut = 1 << 6;
    private const uint Empty = 1 << 4;
    private const uint Full = 1 << 6;

    private readonly GicDriver gic = new();
    private readonly MemoryStream screen = new();
    private readonly Pl011 uart;

    public Pl011Tests()
    {
        gic.Enable(MemoryMap.UartInterrupt.Raw);
        uart = new Pl011(new IrqLine(gic.Gic, MemoryMap.UartInterrupt, IrqTrigger.Level), new SerialOutput(screen));
    }

    [Fact]
    public void Its_ids_are_those_of_a_PL011()
    {
        byte[] ids = [.. Enumerable.Range(0, 8).Select(n => (byte)Read((uint)(0xFE0 + (4 * n))))];
        Assert.Equal([0x11, 0x10, 0x14, 0x00, 0x0D, 0xF0, 0x05, 0xB1], ids);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void A_line_is_sent_whatever_the_width_of_the_access(int width)
    {
        foreach (byte value in "hi\n"u8)
        {
            byte[] data = new byte[width];
            data[0] = value;
            uart.Write(0, data);
        }

        Assert.Equal("hi\n", Encoding.ASCII.GetString(screen.ToArray()));
    }

    [Fact]
    public void The_transmitter_is_always_empty_and_says_so_by_an_interrupt_after_a_byte()
    {
        Assert.Equal(0x80u, Read(0x18) & 0xA8);
        Assert.Equal(0u, Read(0x3C));
        Write(0x38, Sent);
        Assert.False(gic.Irq);
        Write(0x00, 'x');
        Assert.True(gic.Irq);
        Assert.Equal(Sent, Read(0x40));
        Write(0x44, Sent);
        Assert.False(gic.Irq);
    }

    [Fact]
    public void Input_interrupts_and_is_read_in_order()
    {
        Open();
        Write(0x38, Received | TimedOut);
        uart.Receive("ok"u8);
        Assert.True(gic.Irq);
        Assert.Equal(TimedOut, Read(0x40));
        Assert.Equal('o', (char)Read(0));
        Assert.True(gic.Irq);
        Assert.Equal('k', (char)Read(0));
        Assert.False(gic.Irq);
        Assert.Equal(Empty, Read(0x18) & Empty);
        Assert.Equal(0u, Read(0));
    }

    [Theory]
    [InlineData(0, 2)]
    [InlineData(1, 4)]
    [InlineData(2, 8)]
    [InlineData(3, 12)]
    [InlineData(4, 14)]
    public void The_receive_interrupt_comes_at_its_trigger_level(uint level, int bytes)
    {
        Open();
        Write(0x34, level << 3);
        uart.Receive(new byte[bytes - 1]);
        Assert.Equal(0u, Read(0x3C) & Received);
        uart.Receive(new byte[1]);
        Assert.Equal(Received, Read(0x3C) & Received);
        Read(0);
        Assert.Equal(0u, Read(0x3C) & Received);
    }

    [Fact]
    public void Without_FIFOs_one_byte_fills_the_receiver()
    {
        Write(0x30, 0x301);
        uart.Receive("ab"u8);
        Assert.Equal(Full, Read(0x18) & Full);
        Assert.Equal(Received, Read(0x3C) & Received);
        Assert.Equal('a', (char)Read(0));
        Assert.Equal('b', (char)Read(0));
        Assert.Equal(0u, Read(0x18) & Full);
    }

    [Fact]
    public void A_full_FIFO_says_so_and_the_rest_waits_behind_it()
    {
        Open();
        uart.Receive(new byte[20]);
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal(Full, Read(0x18) & Full);
            Read(0);
        }

        Assert.Equal(0u, Read(0x18) & Full);
    }

    [Fact]
    public void Clearing_the_receive_interrupt_with_bytes_left_does_not_lose_it_for_good()
    {
        Open();
        Write(0x38, Received | TimedOut);
        uart.Receive("abc"u8);
        Write(0x44, Received | TimedOut);
        Assert.False(gic.Irq);
        Read(0);
        Assert.True(gic.Irq);
    }

    [Fact]
    public void Input_waits_while_the_receiver_is_off()
    {
        Write(0x2C, 0x70);
        uart.Receive("x"u8);
        Assert.Equal(Empty, Read(0x18) & Empty);
        Assert.Equal(0u, Read(0));
        Write(0x30, 0x301);
        Assert.Equal('x', (char)Read(0));
    }

    [Fact]
    public void Input_is_taken_as_far_as_there_is_room()
    {
        Open();
        Assert.Equal(Pl011.MaxWaitingBytes, uart.TryReceive(new byte[Pl011.MaxWaitingBytes + 10]));
        Assert.Equal(0, uart.TryReceive("x"u8));
        Read(0);
        Assert.Equal(1, uart.TryReceive("xy"u8));
    }

    [Fact]
    public async Task A_writer_waits_for_room_and_goes_on_as_the_guest_reads()
    {
        Open();
        byte[] input = [.. Enumerable.Range(0, Pl011.MaxWaitingBytes + 100).Select(n => (byte)(n % 251))];
        Task writer = Task.Run(() => uart.Receive(input), TestContext.Current.CancellationToken);
        for (int read = 0; read < input.Length;)
        {
            if ((Read(0x18) & Empty) == 0) Assert.Equal(input[read++], Read(0));
            else await Task.Yield();
        }

        await writer;
    }

    [Fact]
    public async Task Closing_lets_a_waiting_writer_go()
    {
        uart.Receive(new byte[Pl011.MaxWaitingBytes]);
        Task writer = Task.Run(() => uart.Receive("too much"u8), TestContext.Current.CancellationToken);
        uart.Close();
        await writer;
        Assert.True(writer.IsCompletedSuccessfully);
    }

    [Fact]
    public void Loopback_returns_what_is_sent()
    {
        Open();
        Write(0x30, 0x381);
        Write(0, 'z');
        Assert.Equal('z', (char)Read(0));
        Assert.Equal(0, screen.Length);
    }

    [Fact]
    public void Settings_read_back()
    {
        (uint Offset, uint Written, uint Kept)[] registers =
        [
            (0x24, 13, 13), (0x28, 0xFF, 0x3F), (0x2C, 0x70, 0x70),
            (0x30, 0x301, 0x301), (0x34, 0x12, 0x12), (0x38, 0x50, 0x50),
        ];
        foreach ((uint offset, uint written, uint kept) in registers)
        {
            Write(offset, written);
            Assert.Equal(kept, Read(offset));
        }
    }

    [Fact]
    public void No_access_of_any_width_anywhere_throws()
    {
        byte[] data = new byte[8];
        for (int width = 1; width <= 8; width++)
        {
            for (ulong offset = 0; offset + (ulong)width <= 0x1000; offset++)
            {
                data.AsSpan().Fill(0x5A);
                uart.Write(offset, data.AsSpan(0, width));
                uart.Read(offset, data.AsSpan(0, width));
            }
        }

        Assert.Equal(0x11u, Read(0xFE0));
    }

    public void Dispose() => screen.Dispose();

    private void Open()
    {
        Write(0x2C, 0x70);
        Write(0x30, 0x301);
    }

    private uint Read(uint offset)
    {
        Span<byte> data = stackalloc byte[4];
        uart.Read(offset, data);
        return BinaryPrimitives.ReadUInt32LittleEndian(data);
    }

    private void Write(uint offset, uint value)
    {
        Span<byte> data = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(data, (ushort)value);
        uart.Write(offset, data);
    }
}
