using Squib.Machine.Cpu;

namespace Squib.Machine.Tests.Cpu;

/// <summary>A machine that stops its CPU at every hypercall and has one system register.</summary>
internal sealed class RecordingExits : IVcpuExits
{
    public const uint CounterEncoding = (3 << 14) | (3 << 11) | (14 << 7) | 2;

    public SoftwareCpu? Cpu { get; set; }

    public ulong Counter { get; set; }

    public List<(uint Encoding, ulong Value)> Writes { get; } = [];

    public Action? OnPoll { get; set; }

    public int Hypercalls { get; private set; }

    public TimeSpan TimeToTimer { get; set; } = Timeout.InfiniteTimeSpan;

    public bool TryReadSystemRegister(uint encoding, out ulong value)
    {
        value = Counter;
        return encoding == CounterEncoding;
    }

    public bool TryWriteSystemRegister(uint encoding, ulong value)
    {
        Writes.Add((encoding, value));
        return true;
    }

    public void Hypercall(Span<ulong> registers)
    {
        Hypercalls++;
        Cpu!.Stop();
    }

    public void PollTimer() => OnPoll?.Invoke();
}
