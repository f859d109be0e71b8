using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace ContainerKit.KernelTests;

/// <summary>Claims about C headers, written as a C file that compiles when all of them are true.</summary>
internal sealed class HeaderCheck
{
    private readonly StringBuilder _text = new("#define _GNU_SOURCE\n#include <stddef.h>\n");

    public HeaderCheck(params ReadOnlySpan<string> headers)
    {
        foreach (var header in headers)
        {
            _text.Append(CultureInfo.InvariantCulture, $"#include {header}\n");
        }
    }

    /// <summary>How many claims there are.</summary>
    public int Count { get; private set; }

    /// <summary>Claims that two C expressions are the same number.</summary>
    public void Equal(string expression, string value) =>
        Claim($"(long long)({expression}) == (long long)({value})", $"{expression} is not {value}");

    /// <summary>Claims that a C expression is a number.</summary>
    public void Equal(string expression, long value) => Equal(expression, value.ToString(CultureInfo.InvariantCulture));

    /// <summary>The same of a macro that only later headers have.</summary>
    public void EqualIfDefined(string macro, long value)
    {
        _text.Append(CultureInfo.InvariantCulture, $"#ifdef {macro}\n");
        Equal(macro, value);
        _text.Append("#endif\n");
    }

    /// <summary>Claims that there is no macro of a name.</summary>
    public void Undefined(string macro)
    {
        _text.Append(CultureInfo.InvariantCulture, $"#ifdef {macro}\n");
        Claim("0", $"{macro} is there");
        _text.Append("#endif\n");
    }

    /// <summary>Claims that a C expression is true.</summary>
    public void Claim(string expression, string complaint)
    {
        _text.Append(CultureInfo.InvariantCulture, $"_Static_assert({expression}, \"{complaint}\");\n");
        Count++;
    }

    /// <summary>Fails with the claims that are false on an architecture.</summary>
    public void Verify(Architecture architecture)
    {
        using var directory = new TempDirectory();
        var file = directory.Write("claims.c", _text.ToString());
        Tools.Run(Tools.Compiler(architecture), "-std=gnu11", "-fmax-errors=0", "-fsyntax-only", file);
    }
}
