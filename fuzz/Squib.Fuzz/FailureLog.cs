using Microsoft.Extensions.Logging;
using Squib.Fuzz.Engine;

namespace Squib.Fuzz;

/// <summary>Remembers the first exception that a transport logs: a device that failed, which a guest must not be able to bring about.</summary>
internal sealed class FailureLog : ILogger
{
    private Exception? failure;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        failure ??= exception;

    /// <summary>Fails if a device has failed.</summary>
    internal void Check()
    {
        if (failure is not { } found) return;
        failure = null;
        throw new FindingException($"The device failed: {found.Message}", found);
    }
}
