namespace ContainerKit;

/// <summary>How far the unpacking of a layer has come.</summary>
/// <param name="Layer">Its number in the image, from 0, the lowest, on.</param>
/// <param name="Layers">How many the image has.</param>
/// <param name="Bytes">How many packed bytes have been read.</param>
/// <param name="TotalBytes">How many there are; null where nobody said.</param>
/// <param name="IsDone">Whether it is there, whole, or was there before.</param>
public readonly record struct UnpackProgress(int Layer, int Layers, long Bytes, long? TotalBytes, bool IsDone);
