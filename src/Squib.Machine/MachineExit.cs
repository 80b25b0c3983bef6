namespace Squib.Machine;

/// <summary>How a machine came to its end.</summary>
public enum MachineExit
{
    /// <summary>The guest switched itself off.</summary>
    PowerOff,

    /// <summary>The guest asked for a reset.</summary>
    Reset,

    /// <summary>The guest's kernel panicked on the serial console and then asked for a reset.</summary>
    Panic,

    /// <summary>The host stopped the machine.</summary>
    Stopped,
}
