namespace Squib.Fuzz.Engine;

/// <summary>A part of the project that is fuzzed.</summary>
internal interface IFuzzTarget
{
    /// <summary>The name on the command line and of the folder of its corpus.</summary>
    string Name { get; }

    /// <summary>What it is there for, in one line.</summary>
    string Purpose { get; }

    /// <summary>The longest input, in bytes: long enough for a story, short enough for many of them.</summary>
    int MaxInputBytes => 512;

    /// <summary>The most bytes that one execution may allocate on the managed heap, the target's own included.</summary>
    long MaxAllocatedBytes => 4 << 20;

    /// <summary>Does what the script says and checks what comes of it.</summary>
    /// <param name="script">The input.</param>
    /// <param name="behaviour">Where it is noted what was seen; a script that shows something new is kept.</param>
    /// <exception cref="FindingException">Something is wrong; so it is with any other exception.</exception>
    void Run(Script script, Behaviour behaviour);
}
