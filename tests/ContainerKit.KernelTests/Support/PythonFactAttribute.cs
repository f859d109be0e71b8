using System.Runtime.CompilerServices;

namespace ContainerKit.KernelTests;

/// <summary>A fact whose container runs Python, as Debian's package brings it.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PythonFactAttribute : FactAttribute
{
    /// <inheritdoc/>
    public PythonFactAttribute([CallerFilePath] string? file = null, [CallerLineNumber] int line = -1)
        : base(file, line)
    {
        Skip = "needs /usr/bin/python3";
        SkipUnless = nameof(Host.HasPython);
        SkipType = typeof(Host);
    }
}

/// <summary>A theory whose container runs Python.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PythonTheoryAttribute : TheoryAttribute
{
    /// <inheritdoc/>
    public PythonTheoryAttribute([CallerFilePath] string? file = null, [CallerLineNumber] int line = -1)
        : base(file, line)
    {
        Skip = "needs /usr/bin/python3";
        SkipUnless = nameof(Host.HasPython);
        SkipType = typeof(Host);
    }
}
