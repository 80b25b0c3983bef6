namespace Squib.Fuzz.Rings;

/// <summary>What one descriptor says.</summary>
internal readonly record struct Piece(ulong Address, uint Length, bool IsWritable);
