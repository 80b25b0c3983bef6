using Squib.Cli.Demo.Peer;
using Squib.Virtio.Devices.Net;
using Xunit;

namespace Squib.Boot.Tests.Demo.Peer;

/// <summary>The cable to the demo's own peer, as a device uses it.</summary>
public sealed class PeerNetBackendTests : IAsyncLifetime
{
    private readonly Clock clock = new();
    private readonly Port port = new();
    private readonly PeerNetBackend backend;

    public PeerNetBackendTests()
    {
        backend = new(_ => [], clock);
        backend.Attach(port);
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => backend.DisposeAsync();

    [Fact]
    public void The_device_is_told_once_when_an_answer_follows_after_there_was_none()
    {
        Send(Wire.Ping(1));
        Assert.Equal(0, port.Told);
        Assert.True(backend.TryPeek(0, out _, out _));
        backend.Consume(0);
        Assert.False(backend.TryPeek(0, out _, out _));
        Send(Wire.Ping(2));
        Send(Wire.Ping(3));
        Assert.Equal(1, port.Told);
    }

    [Fact]
    public void A_frame_stays_until_it_is_consumed()
    {
        Send(Wire.Ping(1));
        Send(Wire.Ping(2));
        Assert.Equal(1, Shown()[^1]);
        Assert.Equal(1, Shown()[^1]);
        backend.Consume(0);
        Assert.Equal(2, Shown()[^1]);
    }

    [Fact]
    public void The_timer_runs_only_while_something_is_not_acknowledged()
    {
        Send(Wire.Ping(1));
        Shown();
        Assert.Null(clock.Due);

        Send(Wire.Tcp(40_000, 80, 100, 0, TcpGuest.Syn, 65_000, [], []));
        backend.Consume(0);
        byte[] answer = Shown();
        Assert.Equal(TcpConnection.RetransmissionTime, clock.Due);
        backend.Consume(0);
        Assert.False(backend.TryPeek(0, out _, out _));
        int told = port.Told;

        clock.AdvanceTo(TcpConnection.RetransmissionTime);
        Assert.Equal(told + 1, port.Told);
        Assert.Equal(answer, Shown());
        Assert.NotNull(clock.Due);

        uint expected = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(answer.AsSpan(38)) + 1;
        Send(Wire.Tcp(40_000, 80, 101, expected, TcpGuest.Ack, 65_000, [], []));
        Assert.Null(clock.Due);
    }

    [Fact]
    public void A_frame_longer_than_the_networks_is_lost()
    {
        Send(new byte[NetFrame.MaxLength]);
        Assert.False(backend.TryPeek(0, out _, out _));
    }

    private void Send(byte[] frame)
    {
        Assert.True(backend.CanSend(0));
        backend.Send(0, new NetFrame(default, frame));
        backend.EndSend(0);
    }

    private byte[] Shown()
    {
        Assert.True(backend.TryPeek(0, out NetHeader header, out ReadOnlySpan<byte> frame));
        Assert.True(header.IsPlain);
        return frame.ToArray();
    }

    private sealed class Port : INetPort
    {
        public int Told { get; private set; }

        public void FramesWaiting(int queue) => Told++;

        public void RoomAvailable(int queue) => throw new NotSupportedException();

        public void LinkChanged(bool isUp) => throw new NotSupportedException();
    }

    /// <summary>Time that passes when a test says so, with the one timer that the backend has.</summary>
    private sealed class Clock : TimeProvider, ITimer
    {
        private TimeSpan now;
        private Action fire = () => { };

        /// <summary>When the timer fires; null: it is off.</summary>
        public TimeSpan? Due { get; private set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => now.Ticks;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            fire = () => callback(state);
            Change(dueTime, period);
            return this;
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            Due = dueTime == Timeout.InfiniteTimeSpan ? null : now + dueTime;
            return true;
        }

        public void AdvanceTo(TimeSpan time)
        {
            now = time;
            if (Due > now) return;
            Due = null;
            fire();
        }

        public void Dispose() => Due = null;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
