"""ffprobe and ffmpeg, where they are installed: local files only, bounded in time and memory."""

import contextlib
import json
import resource
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from entourage.archive.containers import Facts
from entourage.kernel.errors import Damaged

_MEMORY = 2 << 30
_PROBE_SECONDS = 20
_STILL_SECONDS = 30


def probe(path: Path) -> Facts | None:
    """What ffprobe says of a recording, None where it is not installed; raises Damaged for what it cannot read."""
    done = _run("ffprobe", ["-show_entries", "stream=codec_type,width,height:format=duration", "-of", "json"], path)
    if done is None:
        return None
    code, printed = done
    if code != 0:
        raise Damaged("The recording cannot be read; it is cut or broken.")
    answer = cast("dict[str, Any]", json.loads(printed or b"{}"))
    streams = cast("list[dict[str, Any]]", answer.get("streams", []))
    if not streams:
        raise Damaged("There is neither picture nor sound in the recording.")
    pictures = [stream for stream in streams if stream.get("codec_type") == "video"]
    duration = str(cast("dict[str, Any]", answer.get("format", {})).get("duration", ""))
    return Facts(
        width=pictures[0].get("width") if pictures else None,
        height=pictures[0].get("height") if pictures else None,
        duration=float(duration) if duration.replace(".", "", 1).isdecimal() else None,
        video=bool(pictures),
        audio=any(stream.get("codec_type") == "audio" for stream in streams),
    )


def still(path: Path, target: Path, longest_side: int) -> bool:
    """Writes a picture that stands for the video to `target`; whether that was possible."""
    scale = f"scale='min({longest_side},iw)':'min({longest_side},ih)':force_original_aspect_ratio=decrease"
    for picture in (f"thumbnail=50,{scale}", scale):
        _run("ffmpeg", ["-an", "-sn", "-dn", "-vf", picture, "-frames:v", "1", "-y", str(target)], path)
        if target.is_file() and target.stat().st_size:
            return True
    return False


def _run(name: str, options: Sequence[str], path: Path) -> tuple[int, bytes] | None:
    """Exit code and output; None where the program is absent or took too long."""
    program = shutil.which(name)
    if program is None:
        return None
    quiet = ["-v", "error", "-threads", "1", "-protocol_whitelist", "file,pipe"]
    with subprocess.Popen(  # noqa: S603 - no shell, and the path cannot be taken for an option
        [program, *quiet, "-i", f"file:{path}", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        if hasattr(resource, "prlimit"):  # Linux
            with contextlib.suppress(ProcessLookupError, PermissionError):  # it may have ended already
                resource.prlimit(process.pid, resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        try:
            printed, _ = process.communicate(timeout=_PROBE_SECONDS if name == "ffprobe" else _STILL_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return None
        return process.returncode, printed
