namespace ContainerKit.Tests.Images;

public class ImageReferenceTests
{
    private const string Sha256 = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    [Theory]
    [InlineData("debian", "docker.io/library/debian:latest", "debian:latest")]
    [InlineData("debian:12", "docker.io/library/debian:12", "debian:12")]
    [InlineData("library/debian", "docker.io/library/debian:latest", "debian:latest")]
    [InlineData("docker.io/debian", "docker.io/library/debian:latest", "debian:latest")]
    [InlineData("index.docker.io/debian", "docker.io/library/debian:latest", "debian:latest")]
    [InlineData("user/app", "docker.io/user/app:latest", "user/app:latest")]
    [InlineData("library/user/app", "docker.io/library/user/app:latest", "library/user/app:latest")]
    [InlineData("localhost/app", "localhost/app:latest", "localhost/app:latest")]
    [InlineData("localhost", "docker.io/library/localhost:latest", "localhost:latest")]
    [InlineData("localhost:5000", "docker.io/library/localhost:5000", "localhost:5000")]
    [InlineData("localhost:5000/app:1.0", "localhost:5000/app:1.0", "localhost:5000/app:1.0")]
    [InlineData("ghcr.io/owner/app", "ghcr.io/owner/app:latest", "ghcr.io/owner/app:latest")]
    [InlineData("127.0.0.1/app", "127.0.0.1/app:latest", "127.0.0.1/app:latest")]
    [InlineData("[2001:db8::1]:5000/app", "[2001:db8::1]:5000/app:latest", "[2001:db8::1]:5000/app:latest")]
    [InlineData("[::1]/app:x", "[::1]/app:x", "[::1]/app:x")]
    [InlineData("Upper/app", "Upper/app:latest", "Upper/app:latest")]
    [InlineData("a.b_c__d---e/f", "a.b_c__d---e/f:latest", null)]
    [InlineData("user/a.b_c__d---e", "docker.io/user/a.b_c__d---e:latest", "user/a.b_c__d---e:latest")]
    [InlineData($"debian@{Sha256}", $"docker.io/library/debian@{Sha256}", $"debian@{Sha256}")]
    [InlineData($"debian:12@{Sha256}", $"docker.io/library/debian:12@{Sha256}", $"debian:12@{Sha256}")]
    [InlineData("debian:_x.Y-1", "docker.io/library/debian:_x.Y-1", "debian:_x.Y-1")]
    public void A_name_means_what_it_means_to_Docker(string text, string whole, string? familiar)
    {
        if (familiar is null)
        {
            Assert.False(ImageReference.TryParse(text, out _)); // the first part is taken for a host, and is none
            return;
        }

        var reference = ImageReference.Parse(text);

        Assert.Equal(whole, reference.ToString());
        Assert.Equal(familiar, reference.Familiar);
        Assert.Equal(reference, ImageReference.Parse(whole));
        Assert.Equal(reference, ImageReference.Parse(familiar));
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData(":")]
    [InlineData("@")]
    [InlineData("/debian")]
    [InlineData("debian/")]
    [InlineData("debian:")]
    [InlineData("debian@")]
    [InlineData("debian:12:13")]
    [InlineData("Debian")]
    [InlineData("user/Debian")]
    [InlineData("user//app")]
    [InlineData("../etc/passwd")]
    [InlineData("user/../app")]
    [InlineData("user/.app")]
    [InlineData("user/app.")]
    [InlineData("user/a..b")]
    [InlineData("user/a___b")]
    [InlineData("user/a._b")]
    [InlineData("user/-a")]
    [InlineData("debian:.x")]
    [InlineData("debian:-x")]
    [InlineData("debian:a b")]
    [InlineData("deb ian")]
    [InlineData("debian\0")]
    [InlineData("débian")]
    [InlineData("http://host/app")]
    [InlineData("-host.io/app")]
    [InlineData("host-.io/app")]
    [InlineData("host..io/app")]
    [InlineData("host.io:/app")]
    [InlineData("host.io:x/app")]
    [InlineData("[::1/app")]
    [InlineData("[]/app")]
    [InlineData("[::1]x/app")]
    [InlineData("[fe80::1%eth0]/app")]
    [InlineData("user:password@host.io/app")]
    [InlineData("debian@sha256:e3b0c44298fc1c149afbf4c8996fb924")]
    [InlineData("debian@sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855")]
    [InlineData($"debian@{Sha256}@{Sha256}")]
    [InlineData("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    public void What_Docker_takes_for_no_name_is_none(string text)
    {
        Assert.False(ImageReference.TryParse(text, out _));
        Assert.Throws<FormatException>(() => ImageReference.Parse(text));
    }

    [Fact]
    public void A_tag_has_at_most_128_letters_and_a_name_255()
    {
        Assert.Equal(new('t', 128), ImageReference.Parse($"debian:{new string('t', 128)}").Tag);
        Assert.False(ImageReference.TryParse($"debian:{new string('t', 129)}", out _));
        Assert.True(ImageReference.TryParse($"user/{new string('a', 250)}", out _));
        Assert.False(ImageReference.TryParse($"user/{new string('a', 251)}", out _));
    }

    [Fact]
    public void The_default_tag_is_given_only_where_nothing_is_said()
    {
        Assert.Equal("latest", ImageReference.Parse("debian").Tag);
        Assert.Null(ImageReference.Parse($"debian@{Sha256}").Tag);
        Assert.Equal(Digest.Parse(Sha256), ImageReference.Parse($"debian@{Sha256}").Digest);
    }
}
