namespace ContainerKit.Launch;

/// <summary>An argument of a step: a number, an address in the plan, or the result of an earlier step.</summary>
internal readonly record struct Argument(long Value, bool IsResult)
{
    public static implicit operator Argument(long value) => new(value, false);

    public static implicit operator Argument(Descriptor descriptor) => new(descriptor.Value, descriptor.IsResult);
}

/// <summary>A descriptor in the launcher: one it inherits, or one that a step gives.</summary>
internal readonly record struct Descriptor(long Value, bool IsResult)
{
    /// <summary>Where relative paths begin: the working directory.</summary>
    public static readonly Descriptor WorkingDirectory = new(-100, false);

    /// <summary>A descriptor by its number.</summary>
    public static Descriptor Number(int number) => new(number, false);

    /// <summary>
    /// One that comes with the plan's second part; a step that needs it is skipped where both parts came at once.
    /// </summary>
    public static Descriptor Received(int index) => new(PlanData.Received(index), true);

    /// <summary>The result that a step stores at an address.</summary>
    public static Descriptor ResultAt(long address) => new(address, true);
}
