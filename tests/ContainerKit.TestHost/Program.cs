using ContainerKit.TestHost.Verbs;

// A host of containers for the tests to start, signal, starve and kill: a verb, then its arguments.
var verbs = new Dictionary<string, Func<string[], Task<int>>>
{
    ["report"] = Report.StartAsync,
    ["run"] = Run.StartAsync,
};
return await verbs[args[0]](args[1..]);
