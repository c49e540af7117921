"""Small pictures of files."""

import io
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from entourage.archive import thumbnails
from entourage.networks.model import MediaKind


def saved(path: Path, image: Image.Image, form: str, **options: object) -> Path:
    image.save(path, form, **options)
    return path


@pytest.mark.parametrize("suffix", [".webp", ".jpg"])
@pytest.mark.parametrize(
    ("size", "small"), [((2000, 1000), (480, 240)), ((300, 900), (160, 480)), ((64, 48), (64, 48))]
)
def test_a_thumbnail_has_at_most_480_pixels_a_side(
    tmp_path: Path, suffix: str, size: tuple[int, int], small: tuple[int, int]
) -> None:
    source = saved(tmp_path / "source", Image.new("RGB", size, "red"), "JPEG")
    made = thumbnails.make(source, MediaKind.IMAGE, tmp_path / "deep" / "er" / f"t{suffix}")
    assert made == tmp_path / "deep" / "er" / f"t{suffix}"
    assert made is not None
    with Image.open(made) as image:
        assert image.size == small
        assert image.format == {".webp": "WEBP", ".jpg": "JPEG"}[suffix]
    assert [path.name for path in made.parent.iterdir()] == [f"t{suffix}"]


def test_it_stands_upright_and_says_nothing_of_where_it_was_taken(tmp_path: Path) -> None:
    image = Image.new("RGB", (400, 200), "blue")
    image.paste((255, 0, 0), (0, 0, 200, 200))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter to the right
    exif[0x010E] = "at home"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 0.0)
    source = saved(tmp_path / "source", image, "JPEG", exif=exif, comment=b"secret", quality=95)
    for suffix in (".webp", ".jpg"):
        made = thumbnails.make(source, MediaKind.IMAGE, tmp_path / f"t{suffix}")
        assert made is not None
        with Image.open(made) as small:
            assert small.size == (200, 400)
            assert not dict(small.getexif())
            top, bottom = small.convert("RGB").getpixel((100, 50)), small.convert("RGB").getpixel((100, 350))
        assert isinstance(top, tuple)
        assert isinstance(bottom, tuple)
        assert top[0] > 200 > bottom[0]
        assert b"home" not in made.read_bytes()
        assert b"secret" not in made.read_bytes()


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1", "I;16", "CMYK"])
def test_pictures_of_any_colour_model_have_one(tmp_path: Path, mode: str) -> None:
    form = "TIFF" if mode in {"CMYK", "I;16"} else "PNG"
    source = saved(tmp_path / "source", Image.new(mode, (600, 300)), form)
    for suffix in (".webp", ".jpg"):
        assert thumbnails.make(source, MediaKind.IMAGE, tmp_path / f"t{suffix}") is not None


def test_transparency_stays_in_webp_and_is_white_in_jpeg(tmp_path: Path) -> None:
    source = saved(tmp_path / "source", Image.new("RGBA", (100, 100), (0, 0, 0, 0)), "PNG")
    clear = thumbnails.make(source, MediaKind.IMAGE, tmp_path / "t.webp")
    white = thumbnails.make(source, MediaKind.IMAGE, tmp_path / "t.jpg")
    assert clear is not None
    assert white is not None
    with Image.open(clear) as image:
        assert image.convert("RGBA").getpixel((50, 50)) == (0, 0, 0, 0)
    with Image.open(white) as image:
        assert image.getpixel((50, 50)) == (255, 255, 255)


def test_an_animation_is_shown_by_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (100, 100), colour) for colour in ("red", "green", "blue")]
    source = tmp_path / "source"
    frames[0].save(source, "GIF", save_all=True, append_images=frames[1:])
    made = thumbnails.make(source, MediaKind.IMAGE, tmp_path / "t.webp")
    assert made is not None
    with Image.open(made) as image:
        assert getattr(image, "n_frames", 1) == 1


def test_what_cannot_be_read_has_none_and_leaves_nothing(tmp_path: Path) -> None:
    target = io.BytesIO()
    Image.effect_noise((500, 500), 50).save(target, "JPEG")
    source = tmp_path / "source"
    folder = tmp_path / "made"
    for body in (b"", b"no picture", target.getvalue()[:2000], b"<svg/>"):
        source.write_bytes(body)
        for kind in (MediaKind.IMAGE, MediaKind.AUDIO, MediaKind.FILE):
            assert thumbnails.make(source, kind, folder / "t.webp") is None
    source.write_bytes(b"no video")
    assert thumbnails.make(source, MediaKind.VIDEO, folder / "t.webp") is None
    assert not folder.exists() or not list(folder.iterdir())


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    if shutil.which("ffmpeg") is None:
        if os.environ.get("CI"):
            pytest.fail("needs ffmpeg, and in CI nothing is skipped")
        pytest.skip("needs ffmpeg")
    path = tmp_path / "clip.mp4"
    source = ["-f", "lavfi", "-i", "testsrc=d=1:s=1280x720:r=10"]
    subprocess.run(["ffmpeg", "-v", "error", *source, "-y", str(path)], check=True)
    return path


def test_a_video_has_a_poster(tmp_path: Path, clip: Path) -> None:
    made = thumbnails.make(clip, MediaKind.VIDEO, tmp_path / "t.webp")
    assert made is not None
    with Image.open(made) as image:
        assert image.size == (480, 270)


def test_without_ffmpeg_a_video_has_none(tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert thumbnails.make(clip, MediaKind.VIDEO, tmp_path / "t.webp") is None
