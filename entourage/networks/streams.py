"""Videos that come in pieces: yt-dlp collects them in a child process, ffmpeg joins what is here then, offline.

The two never meet. yt-dlp runs behind the egress proxy and is not shown ffmpeg, because it would hand a live playlist
to it with the addresses in it. ffmpeg is run on finished files of known containers only, may open nothing but files,
and is told which reader to use, so that a file that is a playlist in disguise is not followed.
"""

import asyncio
import hashlib
import os
import shutil
import signal
from collections.abc import Callable, Sequence
from contextlib import aclosing
from pathlib import Path

import msgspec

from entourage.kernel.errors import ChildFailed, Damaged, Gone, Refused, Unreachable
from entourage.networks import ytdlp
from entourage.networks.content import Form, look
from entourage.networks.model import Media, Net

Progress = Callable[[int, int | None], None]
"""Told in the event loop: the bytes that are here, and of how many (an estimate, if known)."""

_MARK = "progress:"
_TEMPLATE = f"download:{_MARK}%(progress.{{downloaded_bytes,total_bytes,total_bytes_estimate,filename}})j"
_READERS = {".mp4": "mov", ".m4a": "mov", ".mov": "mov", ".ts": "mpegts", ".webm": "matroska", ".mp3": "mp3"}
_JOINING = 1800.0
_HEAD = 4096
_NO_FFMPEG = (
    "This video comes as separate picture and sound, which ffmpeg joins, and ffmpeg is not installed on this server. "
    "Nothing was kept; install ffmpeg and try again."
)


class _Step(msgspec.Struct):
    downloaded_bytes: float | None = None
    total_bytes: float | None = None
    total_bytes_estimate: float | None = None
    filename: str = ""

    @property
    def counted(self) -> tuple[int, int | None]:
        """The bytes that are here, and of how many."""
        total = self.total_bytes or self.total_bytes_estimate
        return round(self.downloaded_bytes or 0), round(total) if total else None


_step = msgspec.json.Decoder(_Step)


async def save(
    media: Media, part: Path, net: Net, *, on_progress: Progress | None = None, limit: int | None = None
) -> tuple[str, int]:
    """Fetch a `Way.STREAM` medium into the file `part`; its sha256 and size in bytes.

    Works in a folder beside `part`, which is gone afterwards; left early, the child and all it started are killed.
    Raises Refused (live, a forbidden address, more than `limit` bytes), Gone, Challenged, Throttled, Unreachable and
    Damaged.
    """
    folder = part.with_name(part.name + ".pieces")
    await asyncio.to_thread(_clear, folder)
    try:
        await _collect(media, folder, net, on_progress, limit)
        pieces = await asyncio.to_thread(_pieces, folder)
        whole = await _join(pieces, folder)
        return await asyncio.to_thread(_keep, whole, part)
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))


def _clear(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _command(media: Media, folder: Path) -> list[str]:
    best = f"bv*{ytdlp.PROTOCOLS}+ba{ytdlp.PROTOCOLS}/b{ytdlp.PROTOCOLS}" if _ffmpeg() else f"b{ytdlp.PROTOCOLS}"
    options = [
        *("--format", best),
        *("--paths", f"home:{folder}"),
        *("--output", "medium.%(ext)s"),
        *("--match-filters", "!is_live & !is_upcoming"),
        *("--playlist-items", "1"),
        *("--progress-template", _TEMPLATE),
        *("--progress-delta", "0.2"),
        *("--retries", "3", "--fragment-retries", "5", "--concurrent-fragments", "4"),
        "--abort-on-unavailable-fragments",
        *("--no-simulate", "--newline", "--progress", "--no-mtime", "--no-part", "--no-continue"),
    ]
    for name, value in media.headers.items():
        if name.lower() in {"referer", "user-agent"}:
            options += ["--add-headers", f"{name}:{value}"]
    return ytdlp.command(*options, "--", media.url)


async def _collect(media: Media, folder: Path, net: Net, on_progress: Progress | None, limit: int | None) -> None:
    """Let yt-dlp fetch all pieces into `folder`."""
    done: dict[str, tuple[int, int | None]] = {}
    try:
        async with aclosing(net.lines(_command(media, folder), env=ytdlp.ENV)) as lines:
            async for line in lines:
                if "does not pass filter" in line:
                    raise Refused(ytdlp.LIVE)
                if line.startswith(_MARK):
                    step = _step.decode(line.removeprefix(_MARK))
                    done[step.filename] = step.counted
                    if on_progress is not None:
                        on_progress(*_sum(done))
                if limit is not None and _sum(done)[0] > limit:
                    raise Refused(f"The video is larger than the {limit} bytes that are allowed; nothing was kept.")
    except ChildFailed as failure:
        if "Requested format is not available" in failure.stderr and not _ffmpeg():
            raise Unreachable(_NO_FFMPEG) from failure
        raise ytdlp.explain(failure) from failure
    except msgspec.DecodeError as error:
        raise Unreachable("yt-dlp told its progress in a way that is not understood; nothing was kept.") from error


def _sum(done: dict[str, tuple[int, int | None]]) -> tuple[int, int | None]:
    totals = [total for _, total in done.values()]
    known = [total for total in totals if total is not None]
    return sum(here for here, _ in done.values()), sum(known) if len(known) == len(totals) else None


def _pieces(folder: Path) -> list[Path]:
    """The files that came: plain ones inside the folder, nothing else."""
    inside = Path(os.path.realpath(folder))
    found: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_file() or Path(os.path.realpath(path)).parent != inside:
            raise Refused("yt-dlp left something beside the video that has no place there; nothing was kept.")
        found.append(path)
    if not found:
        raise Gone("No video could be found at this address.")
    return found


async def _join(pieces: Sequence[Path], folder: Path) -> Path:
    """One file of all pieces. A finished single file is left alone; transport streams become MP4 where ffmpeg is."""
    kinds = [await asyncio.to_thread(_container, piece) for piece in pieces]
    if len(pieces) == 1 and (kinds[0] != ".ts" or not _ffmpeg()):
        return pieces[0]
    program = _ffmpeg()
    if program is None:
        raise Unreachable(_NO_FFMPEG)
    readers = [_READERS.get(kind) for kind in kinds]
    if None in readers:
        raise Damaged("The pieces of this video are of kinds that cannot be joined; nothing was kept.")
    whole = folder / ("joined.mkv" if "matroska" in readers else "joined.mp4")
    argv = [program, "-nostdin", "-hide_banner", "-loglevel", "error", "-y"]
    for piece, reader in zip(pieces, readers, strict=True):
        argv += ["-protocol_whitelist", "file", "-f", str(reader), "-i", str(piece)]
    for number in range(len(pieces)):
        argv += ["-map", f"{number}:v?", "-map", f"{number}:a?"]
    quick = ["-movflags", "+faststart"] if whole.suffix == ".mp4" else []
    await _run([*argv, "-c", "copy", *quick, str(whole)], folder)
    return whole


def _container(path: Path) -> str:
    """The usual extension of what a file is by its first bytes; Damaged for a page or another playlist."""
    with path.open("rb") as file:
        content = look(file.read(_HEAD))
    if content.form is not Form.FILE:
        raise Damaged("What came is a page or another playlist, not a video; it was thrown away.")
    return content.extension


async def _run(argv: Sequence[str], folder: Path) -> None:
    """Run ffmpeg to its end, in a process group of its own that does not outlive us."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder)},
        cwd=folder,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(_JOINING):
            _, complaints = await process.communicate()
    except TimeoutError as error:
        raise Unreachable(
            "Joining the pieces of this video took too long and was stopped; nothing was kept."
        ) from error
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await asyncio.shield(process.wait())
    if process.returncode:
        why = ChildFailed(process.returncode, complaints.decode("utf-8", "replace"))
        raise Damaged("The pieces of this video do not fit together; they were thrown away.") from why


def _keep(whole: Path, part: Path) -> tuple[str, int]:
    """Move the finished file to `part`, on disk for sure, and hash it."""
    with whole.open("rb+") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
        os.fsync(file.fileno())
    if size == 0:
        raise Damaged("The video came without a single byte; nothing was kept.")
    whole.replace(part)
    return digest, size


def _ffmpeg() -> str | None:
    return shutil.which("ffmpeg")
