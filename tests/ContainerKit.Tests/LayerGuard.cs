using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace ContainerKit.Tests;

/// <summary>
/// Finds what sources use against the direction of the layers. It asks the compiler what each name means: a search for
/// names would take members for types, and would miss extension methods and what hides behind <c>var</c>.
/// </summary>
internal sealed class LayerGuard
{
    private readonly CSharpCompilation _compilation;

    /// <param name="sources">The text of each file by its path below the project, such as
    /// <c>Launch/Plan.cs</c>.</param>
    public LayerGuard(IEnumerable<KeyValuePair<string, string>> sources)
    {
        // Documentation is not parsed: it may point up.
        var options = new CSharpParseOptions(LanguageVersion.Latest, DocumentationMode.None);
        _compilation = CSharpCompilation.Create(
            "Sources",
            sources.Select(source => CSharpSyntaxTree.ParseText(source.Value, options, source.Key))
                .Append(CSharpSyntaxTree.ParseText(ImplicitUsings, options, "")),
            Platform.References.Except([Platform.Product]),
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true));
    }

    /// <summary>Each use of a type, or of its members, by a layer that must not know of it.</summary>
    public IReadOnlyList<string> WrongUses() =>
    [
        .. from tree in Sources
           let layer = LayerOf(tree)
           let model = _compilation.GetSemanticModel(tree)
           from node in tree.GetRoot().DescendantNodes()
           where node is SimpleNameSyntax or ImplicitObjectCreationExpressionSyntax
           let type = TypeMeantBy(model.GetSymbolInfo(node))
           where type is not null
           let declaredIn = LayerOf(type.DeclaringSyntaxReferences[0].SyntaxTree)
           where !LayerRules.Allow(layer, declaredIn, type.Name)
           select $"{tree.FilePath}:{LineOf(node)}: {layer} must not use {declaredIn}'s {type.Name}",
    ];

    /// <summary>
    /// Names that top-level types of more than one layer bear: a reader could not tell which is meant.
    /// </summary>
    public IReadOnlyList<string> SharedNames() =>
    [
        .. from tree in Sources
           from declaration in tree.GetRoot().DescendantNodes().OfType<MemberDeclarationSyntax>()
           where declaration is BaseTypeDeclarationSyntax or DelegateDeclarationSyntax
           where declaration.Parent is BaseNamespaceDeclarationSyntax or CompilationUnitSyntax
           let name = declaration is BaseTypeDeclarationSyntax type
               ? type.Identifier.Text
               : ((DelegateDeclarationSyntax)declaration).Identifier.Text
           group LayerOf(tree) by name into layers
           where layers.Distinct().Count() > 1
           select $"{layers.Key}: {string.Join(", ", layers.Distinct().Order())}",
    ];

    /// <summary>Files outside every layer.</summary>
    public IReadOnlyList<string> Strays() =>
        [.. Sources.Where(tree => !LayerRules.IsLayer(LayerOf(tree))).Select(tree => tree.FilePath)];

    /// <summary>Names without a meaning, which the guard cannot judge.</summary>
    public IReadOnlyList<string> UnknownNames() =>
    [
        .. from diagnostic in _compilation.GetDiagnostics()
           where diagnostic.Id is "CS0103" or "CS0234" or "CS0246"
           select diagnostic.ToString(),
    ];

    private IEnumerable<SyntaxTree> Sources => _compilation.SyntaxTrees.Where(tree => tree.FilePath.Length > 0);

    private static string LayerOf(SyntaxTree tree) => tree.FilePath.Split('/')[0];

    private static int LineOf(SyntaxNode node) => node.GetLocation().GetLineSpan().StartLinePosition.Line + 1;

    private static INamedTypeSymbol? TypeMeantBy(SymbolInfo name)
    {
        var symbol = name.Symbol ?? name.CandidateSymbols.FirstOrDefault();
        var type = symbol switch
        {
            INamedTypeSymbol itself => itself,
            IMethodSymbol or IPropertySymbol or IFieldSymbol or IEventSymbol => symbol.ContainingType,
            _ => null,
        };
        return type is { DeclaringSyntaxReferences.Length: > 0 } ? type : null;
    }

    private const string ImplicitUsings = """
        global using System;
        global using System.Collections.Generic;
        global using System.IO;
        global using System.Linq;
        global using System.Net.Http;
        global using System.Threading;
        global using System.Threading.Tasks;
        """;
}
