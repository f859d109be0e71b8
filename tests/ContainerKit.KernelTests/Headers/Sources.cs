using System.Text.RegularExpressions;

namespace ContainerKit.KernelTests;

/// <summary>The product's sources, which are embedded in the tests: they run where there is no checkout.</summary>
internal static partial class Sources
{
    private const string Prefix = "src/";

    private static readonly System.Reflection.Assembly Tests = typeof(Sources).Assembly;

    /// <summary>The C# files, by their path below src/ContainerKit.</summary>
    public static Dictionary<string, string> CSharp { get; } = Tests.GetManifestResourceNames()
        .Where(name =>
            name.StartsWith(Prefix, StringComparison.Ordinal) && name.EndsWith(".cs", StringComparison.Ordinal))
        .ToDictionary(name => name[Prefix.Length..], name => Text(name[Prefix.Length..]));

    /// <summary>A file by its path below src/ContainerKit.</summary>
    public static string Text(string path)
    {
        using var resource = Tests.GetManifestResourceStream(Prefix + path);
        Assert.NotNull(resource);
        return new StreamReader(resource).ReadToEnd();
    }

    /// <summary>The numbers that C# methods give a kernel's name to: <c>const int F_SETFL = 4</c>.</summary>
    public static IEnumerable<(string Name, string Value)> Constants() => CSharp.Values.SelectMany(Constants);

    /// <inheritdoc cref="Constants()"/>
    public static IEnumerable<(string Name, string Value)> Constants(string csharp) =>
        from Match declaration in ConstantDeclaration().Matches(csharp)
        from Match constant in Constant().Matches(declaration.Groups["list"].Value)
        select (constant.Groups["name"].Value, Cast().Replace(constant.Groups["value"].Value, ""));

    /// <summary>The constants of a C enum, wherever it stands.</summary>
    public static IEnumerable<(string Name, string Value)> Enumerators(string c) =>
        from Match declaration in EnumDeclaration().Matches(c)
        from Match constant in EnumConstant().Matches(declaration.Groups["list"].Value)
        select (constant.Groups["name"].Value, constant.Groups["value"].Value);

    [GeneratedRegex(@"\bconst (?:s?byte|u?short|u?int|u?long|nint) (?<list>[^;]+);")]
    private static partial Regex ConstantDeclaration();

    [GeneratedRegex(@"(?<name>\b_?[A-Z][A-Z0-9]*_[A-Z0-9_]+|\bSIG[A-Z]+|\b[A-Z][A-Z0-9]{3,}) = (?<value>[^,]+)")]
    private static partial Regex Constant();

    [GeneratedRegex(@"\(u?(?:int|long|short)\)(?:\w+\.)?")]
    private static partial Regex Cast();

    [GeneratedRegex(@"\benum \{(?<list>[^}]+)\}")]
    private static partial Regex EnumDeclaration();

    [GeneratedRegex(@"(?<name>\w+) = (?<value>[^,\s]+)")]
    private static partial Regex EnumConstant();
}
