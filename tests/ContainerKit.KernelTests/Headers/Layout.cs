using System.Reflection;
using System.Reflection.Emit;

namespace ContainerKit.KernelTests;

/// <summary>Where the fields of a C# structure lie, and how large it is.</summary>
internal sealed record Layout(int Size, IReadOnlyDictionary<string, int> Offsets)
{
    /// <summary>Measures a structure, its private fields included.</summary>
    public static Layout Of(Type structure) => new(
        Run(structure, code => code.Emit(OpCodes.Sizeof, structure)),
        structure.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
            .ToDictionary(Name, field => Run(structure, code => EmitOffset(code, field))));

    /// <summary>A record's property goes by the property's name.</summary>
    private static string Name(FieldInfo field) =>
        field.Name.Split('<', '>') is ["", var property, _] ? property : field.Name;

    private static void EmitOffset(ILGenerator code, FieldInfo field)
    {
        var structure = code.DeclareLocal(field.DeclaringType!);
        code.Emit(OpCodes.Ldloca, structure);
        code.Emit(OpCodes.Ldflda, field);
        code.Emit(OpCodes.Conv_U);
        code.Emit(OpCodes.Ldloca, structure);
        code.Emit(OpCodes.Conv_U);
        code.Emit(OpCodes.Sub);
    }

    private static int Run(Type structure, Action<ILGenerator> emit)
    {
        var method = new DynamicMethod("measure", typeof(int), [], structure.Module, skipVisibility: true);
        var code = method.GetILGenerator();
        emit(code);
        code.Emit(OpCodes.Conv_I4);
        code.Emit(OpCodes.Ret);
        return method.CreateDelegate<Func<int>>()();
    }
}
