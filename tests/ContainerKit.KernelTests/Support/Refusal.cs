namespace ContainerKit.KernelTests;

/// <summary>Starts that must fail, with an exception of the promised type, and leave nothing behind.</summary>
internal static class Refusal
{
    /// <summary>A step of the launch fails.</summary>
    public static Task<LaunchException> OfStartAsync(ContainerOptions options) => OfAsync<LaunchException>(options);

    /// <summary>The options are refused before anything is made.</summary>
    public static Task<ArgumentException> OfOptionsAsync(ContainerOptions options) =>
        OfAsync<ArgumentException>(options);

    /// <summary>It fails with an exception of a type or one derived from it.</summary>
    public static async Task<T> OfAsync<T>(ContainerOptions options)
        where T : Exception
    {
        var before = await Leftovers.Before();
        var refusal = await Assert.ThrowsAnyAsync<T>(() => Script.RunAsync(options));
        await before.AssertNone();
        return refusal;
    }
}
