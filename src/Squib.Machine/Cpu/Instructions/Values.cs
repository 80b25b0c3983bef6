namespace Squib.Machine.Cpu.Instructions;

/// <summary>The widths and extensions of loads and stores.</summary>
internal static unsafe class Values
{
    // SAFETY: the host address is of that many bytes of pinned guest RAM.

    /// <summary>A byte.</summary>
    internal struct Byte8 : IValue
    {
        /// <inheritdoc/>
        public static int Size => 1;

        /// <inheritdoc/>
        public static int Form => 1;

        /// <inheritdoc/>
        public static ulong Read(byte* host) => *host;

        /// <inheritdoc/>
        public static void Write(byte* host, ulong value) => *(byte*)host = (byte)value;
    }

    /// <summary>A halfword.</summary>
    internal struct Half16 : IValue
    {
        /// <inheritdoc/>
        public static int Size => 2;

        /// <inheritdoc/>
        public static int Form => 2;

        /// <inheritdoc/>
        public static ulong Read(byte* host) => *(ushort*)host;

        /// <inheritdoc/>
        public static void Write(byte* host, ulong value) => *(ushort*)host = (ushort)value;
    }

    /// <summary>A word.</summary>
    internal struct Word32 : IValue
    {
        /// <inheritdoc/>
        public static int Size => 4;

        /// <inheritdoc/>
        public static int Form => 4;

        /// <inheritdoc/>
        public static ulong Read(byte* host) => *(uint*)host;

        /// <inheritdoc/>
        public static void Write(byte* host, ulong value) => *(uint*)host = (uint)value;
    }

    /// <summary>A doubleword.</summary>
    internal struct Double64 : IValue
    {
        /// <inheritdoc/>
        public static int Size => 8;

        /// <inheritdoc/>
        public static int Form => 8;

        /// <inheritdoc/>
        public static ulong Read(byte* host) => *(ulong*)host;

        /// <inheritdoc/>
        public static void Write(byte* host, ulong value) => *(ulong*)host = value;
    }

    /// <summary>A byte, sign-extended to 64 bits.</summary>
    internal struct SignedByteTo64 : IValue
    {
        /// <inheritdoc/>
        public static int Size => 1;

        /// <inheritdoc/>
        public static int Form => 1 | IValue.Signed;

        /// <inheritdoc/>
        public static ulong Read(byte* host) => (ulong)*(sbyte*)host;

        /// <inheritdoc/>
        public static void Write(byte* host, ulong value) => *(byte*)host = (byte)value;
    }

    /// <summary>A byte, sign-extended to 32 bits.</summary>
    internal struct SignedByteTo32 : IValue
    {
        /// <inheritdoc/>
        public static int Size => 1;

        /// <inheritdoc/>
        public static int Form => 1 | IValue.Signed | IValue.Narrow;

        /// <inheritdoc/>
        public static ulong Read(byte* host) => (uint)*(sbyte*)host;

        /// <inheritdoc/>
        public static void Write(byte* host, ulong value) => *(byte*)host = (byte)value;
    }

    /// <summary>A halfword, sign-extended to 64 bits.</summary>
    internal struct SignedHalfTo64 : IValue
    {
        /// <inheritdoc/>
        public static int Size => 2;

        /// <inheritdoc/>
        public static int Form => 2 | IValue.Signed;

        /// <inheritdoc/>
        public static ulong Read(byte* host) => (ulong)*(short*)host;

        /// <inheritdoc/>
        public static void Write(byte* host, ulong value) => *(ushort*)host = (ushort)value;
    }

    /// <summary>A halfword, sign-extended to 32 bits.</summary>
    internal struct SignedHalfTo32 : IValue
    {
        /// <inheritdoc/>
        public static int Size => 2;

        /// <inheritdoc/>
        public static int Form => 2 | IValue.Signed | IValue.Narrow;

        /// <inheritdoc/>
        public static ulong Read(byte* host) => (uint)*(short*)host;

        /// <inheritdoc/>
        public static void Write(byte* host, ulong value) => *(ushort*)host = (ushort)value;
    }

    /// <summary>A word, sign-extended to 64 bits.</summary>
    internal struct SignedWordTo64 : IValue
    {
        /// <inheritdoc/>
        public static int Size => 4;

        /// <inheritdoc/>
        public static int Form => 4 | IValue.Signed;

        /// <inheritdoc/>
        public static ulong Read(byte* host) => (ulong)*(int*)host;

        /// <inheritdoc/>
        public static void Write(byte* host, ulong value) => *(uint*)host = (uint)value;
    }
}
