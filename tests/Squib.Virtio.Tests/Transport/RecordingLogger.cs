using Microsoft.Extensions.Logging;

namespace Squib.Virtio.Tests.Transport;

/// <summary>A log that a test can read.</summary>
internal sealed class RecordingLogger : ILogger
{
    private readonly Lock gate = new();
    private readonly List<(int Id, string Text)> entries = [];

    public IReadOnlyList<(int Id, string Text)> Entries
    {
        get
        {
            lock (gate) return [.. entries];
        }
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (gate) entries.Add((eventId.Id, formatter(state, exception)));
    }
}
