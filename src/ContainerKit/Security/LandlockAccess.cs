namespace ContainerKit;

/// <summary>What a program may do with files; landlock(7).</summary>
[Flags]
public enum LandlockAccess
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Execute files.</summary>
    Execute = 1 << 0,

    /// <summary>Open files for writing; many programs need <see cref="Truncate"/> besides.</summary>
    WriteFile = 1 << 1,

    /// <summary>Open files for reading.</summary>
    ReadFile = 1 << 2,

    /// <summary>List directories.</summary>
    ReadDirectory = 1 << 3,

    /// <summary>Remove and rename directories.</summary>
    RemoveDirectory = 1 << 4,

    /// <summary>Remove and rename files.</summary>
    RemoveFile = 1 << 5,

    /// <summary>Make character devices.</summary>
    MakeCharacterDevice = 1 << 6,

    /// <summary>Make directories.</summary>
    MakeDirectory = 1 << 7,

    /// <summary>Make regular files.</summary>
    MakeFile = 1 << 8,

    /// <summary>Make sockets.</summary>
    MakeSocket = 1 << 9,

    /// <summary>Make named pipes.</summary>
    MakePipe = 1 << 10,

    /// <summary>Make block devices.</summary>
    MakeBlockDevice = 1 << 11,

    /// <summary>Make symbolic links.</summary>
    MakeLink = 1 << 12,

    /// <summary>
    /// Move and link files from one directory to another, where that allows no more than the first; Linux 5.19. Before,
    /// Landlock never allows it.
    /// </summary>
    Refer = 1 << 13,

    /// <summary>Truncate files, also when they are opened for writing; Linux 6.2.</summary>
    Truncate = 1 << 14,

    /// <summary>Control devices beyond reading and writing, terminals among them; Linux 6.10.</summary>
    ControlDevice = 1 << 15,

    /// <summary>Read files and list directories.</summary>
    ReadOnly = ReadFile | ReadDirectory,

    /// <summary>The same, and execute files: what a program needs of itself, its loader and its libraries.</summary>
    ReadExecute = ReadOnly | Execute,

    /// <summary>Read, write, make and remove files and directories, but execute nothing and make no device.</summary>
    ReadWrite = ReadOnly | WriteFile | Truncate | RemoveDirectory | RemoveFile | MakeDirectory | MakeFile | MakeSocket
        | MakePipe | MakeLink | Refer,

    /// <summary>All of it.</summary>
    All = (1 << 16) - 1,
}
