return await ContainerKit.TestHost.Verbs.Hello.StartAsync(args);
