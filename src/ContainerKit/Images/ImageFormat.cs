namespace ContainerKit;

/// <summary>The form of a place or file that holds images.</summary>
public enum ImageFormat
{
    /// <summary>An OCI image layout: a directory, or a tar archive of one.</summary>
    OciLayout,

    /// <summary>What <c>docker save</c> writes.</summary>
    DockerArchive,

    /// <summary>A tar archive of a root filesystem, packed or not: an image of one layer.</summary>
    RootArchive,
}
