"""gallery-dl in a child process: how it is called, what it prints, and what its failures mean.

It is run, never imported (its licence is the GPL). It lists and does not download: one line of JSON for each file.
"""

import contextlib
import json
import re
import tempfile
from collections.abc import AsyncGenerator, Generator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from entourage.kernel.errors import Challenged, ChildFailed, EntourageError, Gone, Refused, Throttled, Unreachable
from entourage.networks.model import Net

_PRINTER = [{"name": "metadata", "mode": "jsonl", "filename": "-", "event": "prepare"}]
_ENV: Mapping[str, str] = {"PYTHONUNBUFFERED": "1"}


class File(msgspec.Struct):
    """One file, as gallery-dl describes it. What only some extractors say has a default."""

    file_url: str
    extension: str = ""
    post_id: str = ""
    post_shortcode: str = ""
    post_url: str | None = None
    media_id: str = ""
    num: int = 0
    count: int = 0
    owner_id: Any = None
    username: str | None = None
    fullname: str | None = None
    description: str | None = None
    date: str | None = None
    post_date: str | None = None
    expires: str | None = None
    width: int | None = None
    height: int | None = None
    video_url: str | None = None
    pinned: list[Any] | bool = False
    type: str = ""
    likes: int | None = None
    tags: list[str] | None = None
    location_name: str | None = None
    tagged_users: list[dict[str, Any]] | None = None
    coauthors: list[dict[str, Any]] | None = None
    highlight_title: str | None = None
    # TikTok's words
    id: str = ""
    desc: str | None = None
    user: Any = None
    title: str | None = None
    file_id: str = ""

    @property
    def moment(self) -> datetime | None:
        """When it was posted."""
        return moment_of(self.post_date or self.date)


_decoder = msgspec.json.Decoder(File, strict=False)


def moment_of(text: str | None) -> datetime | None:
    """gallery-dl's way to write a moment (UTC, without saying so), or None for what is none."""
    if text:
        with contextlib.suppress(ValueError):
            found = datetime.fromisoformat(text)
            return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None


async def files(
    url: str, net: Net, options: Mapping[str, object], *, cookies: Mapping[str, str] | None = None
) -> AsyncGenerator[File]:
    """The files behind `url`, as gallery-dl finds them. Leave it with `aclosing`: then the child is gone.

    `options` are extractor settings by gallery-dl's names. `cookies` go through a file of ours, never the command line.
    Raises Gone, Challenged, Throttled, Refused and Unreachable.
    """
    settings: dict[str, object] = {
        "skip": False,
        "output.mode": False,
        "cache.file": ":memory:",
        "metadata-url": "file_url",
        "retries": 2,
        "timeout": 30.0,
        "sleep-429": 0,
        "postprocessors": _PRINTER,
        **options,
    }
    argv = ["gallery_dl", "--config-ignore", "--no-input", "--no-download", "--no-colors", "--verbose"]
    for name, value in settings.items():
        argv += ["--option", f"{name}={json.dumps(value)}"]
    with _secrets(cookies) as extra:
        try:
            async with contextlib.aclosing(net.lines([*argv, *extra, "--", url], env=_ENV)) as lines:
                async for line in lines:
                    if line.startswith("{"):
                        yield _decoder.decode(line)
        except ChildFailed as failure:
            raise explain(failure) from failure
        except msgspec.DecodeError as error:
            raise Unreachable("gallery-dl described a file in a way that is not understood; it was skipped.") from error


@contextlib.contextmanager
def _secrets(cookies: Mapping[str, str] | None) -> Generator[list[str]]:
    """Options that name a file only we can read, with the cookies in it; it is gone afterwards."""
    if not cookies:
        yield []
        return
    with tempfile.TemporaryDirectory(prefix="entourage-") as folder:
        path = Path(folder, "session.json")
        path.touch(mode=0o600)
        path.write_text(json.dumps({"extractor": {"cookies": dict(cookies), "cookies-update": False}}), "utf-8")
        yield ["--config", str(path)]


_WORDS: tuple[tuple[str, type[EntourageError], str], ...] = (
    (
        r"Tunnel connection failed: 4\d\d|ProxyError",
        Refused,
        "The site sent us to an address that must not be reached; nothing was kept from there.",
    ),
    (r"'429 |HTTP/1\.1\" 429|Too Many Requests", Throttled, "The site asks us to wait before asking again."),
    (
        (
            r"redirect to (login|challenge) page|/challenge/|/accounts/login|[Ll]ogin required|AuthRequired|"
            r"AuthorizationError|ChallengeError|checkpoint_required|[Cc]aptcha"
        ),
        Challenged,
        "The site wants a person to sign in or to confirm something before it shows more.",
    ),
    (r"HTTP/1\.1\" 5\d\d|'5\d\d ", Unreachable, "The site had a failure of its own; another try may succeed."),
    (
        (
            r"NotFoundError|could not be found|not available|HTTP/1\.1\" (404|410)|'(404|410|403) |NoExtractorError|"
            r"Unsupported URL|[Rr]egion locked"
        ),
        Gone,
        "There is nothing at this address for us: it does not exist, was removed or is private.",
    ),
)


def explain(failure: ChildFailed) -> EntourageError:
    """The state of the world behind a failed call, in words for people."""
    # The last lines are about what ended it; earlier ones may tell of failures that a second try mended.
    last = "\n".join(failure.stderr.splitlines()[-40:])
    for pattern, kind, words in _WORDS:
        if re.search(pattern, last):
            return kind(words)
    return Unreachable("The site could not be read just now; nothing was kept.")
