using System.Collections.Immutable;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace ContainerKit.Tests;

/// <summary>What a built assembly shows to those who reference it, as C# would write it.</summary>
internal sealed class PublicApi
{
    private static readonly SymbolDisplayFormat Format = new(
        SymbolDisplayGlobalNamespaceStyle.Omitted,
        SymbolDisplayTypeQualificationStyle.NameAndContainingTypes,
        SymbolDisplayGenericsOptions.IncludeTypeParameters | SymbolDisplayGenericsOptions.IncludeTypeConstraints
            | SymbolDisplayGenericsOptions.IncludeVariance,
        SymbolDisplayMemberOptions.IncludeParameters | SymbolDisplayMemberOptions.IncludeType
            | SymbolDisplayMemberOptions.IncludeRef | SymbolDisplayMemberOptions.IncludeModifiers
            | SymbolDisplayMemberOptions.IncludeAccessibility | SymbolDisplayMemberOptions.IncludeExplicitInterface
            | SymbolDisplayMemberOptions.IncludeConstantValue,
        SymbolDisplayDelegateStyle.NameAndSignature,
        SymbolDisplayExtensionMethodStyle.StaticMethod,
        SymbolDisplayParameterOptions.IncludeType | SymbolDisplayParameterOptions.IncludeName
            | SymbolDisplayParameterOptions.IncludeDefaultValue | SymbolDisplayParameterOptions.IncludeModifiers
            | SymbolDisplayParameterOptions.IncludeExtensionThis,
        SymbolDisplayPropertyStyle.ShowReadWriteDescriptor,
        SymbolDisplayLocalOptions.None,
        SymbolDisplayKindOptions.IncludeTypeKeyword,
        SymbolDisplayMiscellaneousOptions.UseSpecialTypes
            | SymbolDisplayMiscellaneousOptions.IncludeNullableReferenceTypeModifier
            | SymbolDisplayMiscellaneousOptions.EscapeKeywordIdentifiers);

    private readonly IAssemblySymbol _assembly;

    public PublicApi(MetadataReference assembly)
    {
        var compilation =
            CSharpCompilation.Create("Reader", references: Platform.References.Append(assembly).Distinct());
        _assembly = (IAssemblySymbol)compilation.GetAssemblyOrModuleSymbol(assembly)!;
    }

    /// <summary>Every public type, those within types included, by full name.</summary>
    public IEnumerable<INamedTypeSymbol> Types =>
        TypesIn(_assembly.GlobalNamespace).OrderBy(type => type.ToDisplayString(), StringComparer.Ordinal);

    /// <summary>Each signature that names a type of neither the assembly nor the framework.</summary>
    public IReadOnlyList<string> SignaturesWithForeignTypes() =>
    [
        .. from type in Types
           from line in MembersOf(type).Select(Declaration).Prepend(Declaration(type))
           from part in line
           where part.Symbol is ITypeSymbol { ContainingAssembly: { } home }
               && !SymbolEqualityComparer.Default.Equals(home, _assembly) && !Platform.IsFramework(home)
           select $"{type.Name}: {line.ToDisplayString()}",
    ];

    /// <summary>The whole surface: each type with its members below it.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var type in Types)
        {
            text.Append(type.ContainingNamespace).Append(": ").Append(Declaration(type).ToDisplayString()).Append('\n');
            foreach (var member in MembersOf(type))
            {
                text.Append("    ").Append(Declaration(member).ToDisplayString()).Append('\n');
            }
        }

        return text.ToString();
    }

    private static IEnumerable<INamedTypeSymbol> TypesIn(INamespaceOrTypeSymbol scope) =>
        from member in scope.GetMembers().OfType<INamespaceOrTypeSymbol>()
        where member is INamespaceSymbol || IsPublic(member)
        from type in TypesIn(member).Concat(member is INamedTypeSymbol itself ? [itself] : [])
        select type;

    private static IEnumerable<ISymbol> MembersOf(INamedTypeSymbol type) => type.TypeKind switch
    {
        TypeKind.Delegate => [],
        TypeKind.Enum => type.GetMembers().OfType<IFieldSymbol>().Where(field => field.IsConst)
            .OrderBy(field => Convert.ToDecimal(field.ConstantValue, null))
                .ThenBy(field => field.Name, StringComparer.Ordinal),
        _ => type.GetMembers()
            .Where(member => IsPublic(member) && !IsSynthesized(member) && member is not ITypeSymbol)
            .Where(member => member is not IMethodSymbol { AssociatedSymbol: not null })
            .OrderBy(member => member.ToDisplayString(Format), StringComparer.Ordinal),
    };

    private static ImmutableArray<SymbolDisplayPart> Declaration(ISymbol symbol)
    {
        if (symbol is not INamedTypeSymbol type)
        {
            return symbol.ToDisplayParts(Format);
        }

        var parts = ImmutableArray.Create([Text(Modifiers(type)), .. type.ToDisplayParts(Format)]);
        var separator = " : ";
        foreach (var parent in Parents(type))
        {
            parts = [.. parts, Text(separator),
                .. parent.ToDisplayParts(Format.WithKindOptions(SymbolDisplayKindOptions.None))];
            separator = ", ";
        }

        return parts;
    }

    private static SymbolDisplayPart Text(string text) => new(SymbolDisplayPartKind.Text, null, text);

    private static string Modifiers(INamedTypeSymbol type) =>
        (type.DeclaredAccessibility == Accessibility.Public ? "public " : "protected ") + type switch
        {
            { TypeKind: not TypeKind.Class } => "",
            { IsStatic: true } => "static ",
            { IsAbstract: true } => "abstract ",
            { IsSealed: true } => "sealed ",
            _ => "",
        };

    private static IEnumerable<INamedTypeSymbol> Parents(INamedTypeSymbol type)
    {
        if (type.TypeKind is TypeKind.Enum or TypeKind.Delegate)
        {
            return type.EnumUnderlyingType is { SpecialType: not SpecialType.System_Int32 } number ? [number] : [];
        }

        var all = type.Interfaces.OrderBy(parent => parent.ToDisplayString(), StringComparer.Ordinal);
        return type.BaseType is { SpecialType: SpecialType.None } parent ? all.Prepend(parent) : all;
    }

    private static bool IsPublic(ISymbol symbol) => symbol.DeclaredAccessibility
        is Accessibility.Public or Accessibility.Protected or Accessibility.ProtectedOrInternal;

    // A record brings its own equality, copying and printing.
    private static bool IsSynthesized(ISymbol member) =>
        member.GetAttributes().Any(attribute => attribute.AttributeClass?.Name == "CompilerGeneratedAttribute");
}
