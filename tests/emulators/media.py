"""Pictures and clips made on the spot: Pillow draws, ffmpeg films its test card; nothing is copied from anywhere."""

import colorsys
import io
import shutil
import subprocess
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw
from servers.presence import absent


@cache
def picture(seed: int, width: int = 640, height: int = 480, form: str = "JPEG") -> bytes:
    """A picture that differs for every seed: a gradient in its own hue with its number on it."""
    hue = (seed * 0.618) % 1
    top = tuple(round(255 * c) for c in colorsys.hsv_to_rgb(hue, 0.7, 0.9))
    image = Image.new("RGB", (width, height), top)
    draw = ImageDraw.Draw(image)
    for y in range(0, height, 8):
        shade = tuple(round(c * (1 - y / height / 2)) for c in top)
        draw.rectangle((0, y, width, y + 8), fill=shade)
    draw.text((width // 3, height // 2), f"No. {seed}", fill="white", font_size=max(10, height // 8))
    out = io.BytesIO()
    image.save(out, form, quality=80)
    return out.getvalue()


def ffmpeg() -> str:
    found = shutil.which("ffmpeg")
    if found is None:
        absent("ffmpeg")
        raise AssertionError  # `absent` never returns
    return found


def clip(folder: Path, seconds: int = 2) -> Path:
    """An MP4 of ffmpeg's test card with a tone, 320x240, H.264 and AAC."""
    path = folder / "clip.mp4"
    if not path.exists():
        _run(
            *("-f", "lavfi", "-i", f"testsrc=duration={seconds}:size=320x240:rate=15"),
            *("-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}"),
            *(
                "-c:v",
                "libx264",
                "-preset",
                "ultrafast",
                "-g",
                "15",
                "-pix_fmt",
                "yuv420p",
                "-c:a",
                "aac",
                "-b:a",
                "64k",
            ),
            *("-movflags", "+faststart", str(path)),
        )
    return path


def hls(folder: Path) -> Path:
    """A finished HLS rendition of the clip: master.m3u8, index.m3u8 and its segments, in a folder of its own."""
    target = folder / "hls"
    if not target.exists():
        target.mkdir()
        common = ("-i", str(clip(folder)), "-c", "copy", "-f", "hls", "-hls_time", "1", "-hls_playlist_type", "vod")
        _run(*common, "-hls_segment_filename", str(target / "seg%d.ts"), str(target / "index.m3u8"))
        (target / "master.m3u8").write_text(
            "#EXTM3U\n#EXT-X-VERSION:3\n"
            '#EXT-X-STREAM-INF:BANDWIDTH=400000,RESOLUTION=320x240,CODECS="avc1.42c00d,mp4a.40.2"\nindex.m3u8\n'
        )
    return target


def dash(folder: Path) -> Path:
    """A DASH rendition of the clip: manifest.mpd with separate picture and sound."""
    target = folder / "dash"
    if not target.exists():
        target.mkdir()
        _run("-i", str(clip(folder)), "-c", "copy", "-f", "dash", "-seg_duration", "1", str(target / "manifest.mpd"))
    return target


def _run(*options: str) -> None:
    subprocess.run([ffmpeg(), "-hide_banner", "-loglevel", "error", "-y", *options], check=True, timeout=60)
