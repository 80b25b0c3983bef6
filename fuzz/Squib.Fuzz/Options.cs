using System.Globalization;

namespace Squib.Fuzz;

/// <summary>What the command line asks for.</summary>
internal sealed record Options(string Target)
{
    internal TimeSpan Duration { get; private init; } = TimeSpan.FromMinutes(1);

    internal int Seed { get; private init; } = 1;

    internal string? Corpus { get; private init; }

    /// <summary>Where more inputs are.</summary>
    internal IReadOnlyList<string> Added { get; private init; } = [];

    internal int Jobs { get; private init; } = 1;

    internal static Options? TryRead(string[] arguments)
    {
        if (arguments.Length % 2 == 0) return null;
        Options options = new(arguments[0]);
        for (int i = 1; i < arguments.Length; i += 2)
        {
            string value = arguments[i + 1];
            bool isNumber = double.TryParse(value, CultureInfo.InvariantCulture, out double number) && number >= 0;
            if (arguments[i] == "--corpus") options = options with { Corpus = value };
            else if (arguments[i] == "--add") options = options with { Added = [.. options.Added, value] };
            else if (!isNumber) return null;
            else if (arguments[i] == "--minutes") options = options with { Duration = TimeSpan.FromMinutes(number) };
            else if (arguments[i] == "--seed") options = options with { Seed = (int)number };
            else if (arguments[i] == "--jobs") options = options with { Jobs = Math.Max(1, (int)number) };
            else return null;
        }

        return options;
    }
}
