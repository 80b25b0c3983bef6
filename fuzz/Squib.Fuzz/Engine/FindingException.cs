using System.Diagnostics.CodeAnalysis;

namespace Squib.Fuzz.Engine;

/// <summary>What must never happen has happened.</summary>
internal sealed class FindingException(string message, Exception? inner = null) : Exception(message, inner)
{
    internal static void ThrowIf([DoesNotReturnIf(true)] bool wrong, string message)
    {
        if (wrong) throw new FindingException(message);
    }
}
