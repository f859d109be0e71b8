using System.Reflection;
using ContainerKit.TestHost.Verbs;

// A host of containers for the tests to start, signal, starve and kill: a verb, which is a class of Verbs, then its
// arguments.
const BindingFlags anyCase = BindingFlags.IgnoreCase | BindingFlags.Public | BindingFlags.Static;
var verb = typeof(Run).Assembly.GetType($"{typeof(Run).Namespace}.{args[0]}", throwOnError: true, ignoreCase: true)!;
return await verb.GetMethod("StartAsync", anyCase)!.CreateDelegate<Func<string[], Task<int>>>()(args[1..]);
