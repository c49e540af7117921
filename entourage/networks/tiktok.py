"""TikTok: videos by yt-dlp, photo posts by gallery-dl, one post or all of a profile, newest first.

Both tools answer the site's waiting page (a small sum that every browser does) by themselves; a log-in or a captcha
they cannot answer, and it ends the listing as Challenged.
"""

import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from entourage.kernel.errors import Challenged, ChildFailed, EntourageError, Gone, Unreachable
from entourage.networks import gallery, ytdlp
from entourage.networks.facts import Fact
from entourage.networks.model import About, Cursor, Found, Media, MediaKind, Net, Target, Way
from entourage.networks.names import tidy
from entourage.networks.seen import Seen

NAME: str = "tiktok"
DISPLAY_NAME: str = "TikTok"
CONTENT_TYPES: Sequence[str] = ("videos", "photos", "posts")
EXAMPLE: str = "https://www.tiktok.com/@nasa"

_HOSTS = frozenset({"tiktok.com", "www.tiktok.com", "m.tiktok.com", "vm.tiktok.com", "vt.tiktok.com"})
_SHORT = frozenset({"vm.tiktok.com", "vt.tiktok.com"})
_NAME = re.compile(r"[A-Za-z0-9_.]{2,24}")
_PATH = re.compile(r"/@(?P<name>[\w.-]*)(?:/(?P<kind>video|photo)/(?P<id>\d+))?")
_SIZES: dict[str | None, str] = {"sd": "res:576", "fast": "res:576"}
_MOST_PINNED = 3
"""A profile shows at most so many old posts before its newest ones."""


def claims(url: str) -> bool:
    """Whether `url` is on TikTok."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and (parts.hostname or "") in _HOSTS


def source_of(url: str) -> str:
    """The name of the profile in the address, without "@", else "tiktok"."""
    found = _PATH.match(urlsplit(url).path)
    return (found["name"] if found else "") or NAME


def address_of(name: str, content_type: str | None) -> str:  # noqa: ARG001 - a profile has one address for all it shows
    """The address of a profile; ValueError, in words for people, when it cannot be a profile's name."""
    name = name.removeprefix("@")
    if not _NAME.fullmatch(name) or name.endswith("."):
        raise ValueError("must be the name of a TikTok profile: letters, digits, dots and underscores")
    return f"https://www.tiktok.com/@{name}"


@dataclass(slots=True)
class _Bounds:
    """Where a list may end: by `since` or by the newest post of an earlier run. Posts come newest first."""

    since: datetime | None
    after: int
    old: int = 0

    def leaves_out(self, post: int, moment: datetime | None) -> bool:
        """Whether a post is too old or known; counts it, as pinned posts may stand before newer ones."""
        out = post <= self.after or (self.since is not None and moment is not None and moment < self.since)
        self.old += out
        return out

    @property
    def passed(self) -> bool:
        """Whether nothing newer can follow."""
        return self.old > _MOST_PINNED


async def expand(target: Target, net: Net) -> AsyncGenerator[Found]:
    """The files of a video, a photo post or a profile.

    `target.profile`: None, "hd" or "best" for the best there is, "sd" or "fast" for at most 576 pixels on the short
    side. A `Cursor` comes only when a profile was read to its end, or to where `since` or an earlier cursor ended it.
    """
    target = replace(target, url=await _resolved(target.url, net))
    source = source_of(target.url)
    yield About(f"@{source}" if source != NAME else "TikTok", source)
    single = (found := _PATH.match(urlsplit(target.url).path)) is not None and found["id"] is not None
    bounds = _Bounds(target.since, int(target.after) if target.after and target.after.isdecimal() else 0)
    newest, left, seen = bounds.after, target.limit, False
    facts = Seen(NAME)
    async with aclosing(_entries(target, net)) as entries:
        async for entry in entries:
            seen = True
            post = int(entry.id) if entry.id.isdecimal() else 0
            moment = None if entry.timestamp is None else datetime.fromtimestamp(entry.timestamp, UTC)
            if not single and bounds.leaves_out(post, moment):
                for fact in _facts(facts, entry, target):
                    yield fact
                if bounds.passed:
                    break
                continue
            async with aclosing(_told(entry, target, net, facts, single=single)) as told:
                async for one in told:
                    if isinstance(one, Media) and left is not None and (left := left - 1) < 0:
                        for fact in _facts(facts, entry, target):
                            yield fact
                        return
                    yield one
            newest = max(newest, post)
    if not seen:
        raise Gone("No videos or photos could be seen there: the profile may be private, or it has none.")
    if newest and not single:
        yield Cursor(str(newest))


async def _resolved(url: str, net: Net) -> str:
    """The full address behind a short link, in the form that yt-dlp knows: photo posts are addressed as videos."""
    parts = urlsplit(url)
    if parts.hostname in _SHORT or parts.path.startswith("/t/"):
        url = (await net.head(url)).url
        if not claims(url):
            raise Gone("The short link leads to nothing on TikTok.")
        parts = urlsplit(url)
    path = re.sub(r"^(/@[\w.-]*)/photo/", r"\1/video/", parts.path)
    return parts._replace(scheme="https", netloc="www.tiktok.com", path=path, query="", fragment="").geturl()


async def _entries(target: Target, net: Net) -> AsyncGenerator[ytdlp.Entry]:
    """Every post as yt-dlp describes it; photo posts come without a way to fetch them."""
    options = [
        *("--dump-json", "--lazy-playlist", "--ignore-no-formats-error"),
        *("--format", f"b{ytdlp.PROTOCOLS}/bv*{ytdlp.PROTOCOLS}+ba{ytdlp.PROTOCOLS}/b"),
    ]
    if target.profile in _SIZES:
        options += ["--format-sort", _SIZES[target.profile]]
    seen = False
    try:
        async with aclosing(net.lines(ytdlp.command(*options, "--", target.url), env=ytdlp.ENV)) as lines:
            async for line in lines:
                if (entry := ytdlp.entry(line)) is not None:
                    seen = True
                    yield entry
    except ChildFailed as failure:
        if "secondary user ID" in failure.stderr:
            raise await _why(target.url, net) from failure
        error = ytdlp.explain(failure)
        # One post of a list may be gone while the others are there.
        if not (seen and isinstance(error, Gone)):
            raise error from failure


async def _why(url: str, net: Net) -> EntourageError:
    """Why yt-dlp found no profile: it says the same of a missing one, a log-in page and a failure of the site.

    Raises what `Net.read` does where asking again fails: Throttled, Unreachable.
    """
    page = await net.read(url)
    if urlsplit(page.url).path.startswith("/login"):
        return Challenged("TikTok wants a person to sign in before it shows this profile.")
    if re.search(r'"statusCode":\s*10(202|221|223)\b', page.text):
        return Gone("There is no such profile on TikTok; it may have been renamed or removed.")
    return Unreachable("TikTok answered without the profile; another try may succeed.")


async def _told(
    entry: ytdlp.Entry, target: Target, net: Net, seen: Seen, *, single: bool
) -> AsyncGenerator[Media | Fact]:
    """The files of one post, then what is known of it. One that is gone by now ends only a `single` look."""
    files: list[Media] = []
    try:
        async for media in _files(entry, target, net):
            files.append(media)
            yield media
    except Gone:
        if single:
            raise
        files.clear()
    for fact in _facts(seen, entry, target, files):
        yield fact


async def _files(entry: ytdlp.Entry, target: Target, net: Net) -> AsyncGenerator[Media]:
    """The files of one post."""
    is_photo_post = not entry.url and not entry.requested_formats
    if is_photo_post or entry.vcodec == "none":
        if target.content_type != "videos":
            address = f"https://www.tiktok.com/@{entry.uploader or source_of(target.url)}/photo/{entry.id}"
            async with aclosing(gallery.files(address, net, {"audio": False}, cookies=target.cookies)) as files:
                async for file in files:
                    yield _photo(file, entry, address)
    elif target.content_type != "photos":
        yield _video(entry, target)


def _facts(seen: Seen, entry: ytdlp.Entry, target: Target, files: Sequence[Media] = ()) -> Iterator[Fact]:
    """What a post and its maker are, as yt-dlp told it along with the way to its files."""
    user = entry.uploader or source_of(entry.webpage_url or target.url)
    if not entry.uploader_id and user == NAME:
        return iter(())
    return seen.post(
        entry.id,
        author=str(entry.uploader_id) if entry.uploader_id else f"@{user}",
        username=user,
        name=None if entry.channel is None else str(entry.channel),
        url=entry.webpage_url,
        caption=entry.description or None,
        posted_at=None if entry.timestamp is None else datetime.fromtimestamp(entry.timestamp, UTC),
        likes=entry.like_count,
        comments=entry.comment_count,
        media=[file.fact for file in files] if files else None,
    )


def _video(entry: ytdlp.Entry, target: Target) -> Media:
    page_url = entry.webpage_url or target.url
    direct = entry.is_direct
    return _media(
        entry,
        key=entry.id,
        url=entry.url if direct else page_url,
        way=Way.DIRECT if direct else Way.STREAM,
        kind=MediaKind.VIDEO,
        extension=f".{entry.ext or 'mp4'}",
        page_url=page_url,
        headers={**(entry.http_headers or {}), **_cookies(entry.cookies)} if direct else {},
        size=(entry.width, entry.height),
    )


def _photo(file: gallery.File, entry: ytdlp.Entry, page_url: str) -> Media:
    return _media(
        entry,
        # Their order is fixed when they are posted, and TikTok has no way to change a post.
        key=f"{entry.id}_{file.num}",
        url=file.file_url,
        way=Way.DIRECT,
        kind=MediaKind.IMAGE,
        extension=".jpg" if file.extension in {"", "image", "jpeg"} else f".{file.extension}",
        page_url=page_url,
        headers={"referer": "https://www.tiktok.com/"},
        size=(file.width, file.height),
        number=file.num,
    )


def _media(
    entry: ytdlp.Entry,
    *,
    key: str,
    url: str,
    way: Way,
    kind: MediaKind,
    extension: str,
    page_url: str,
    headers: dict[str, str],
    size: tuple[float | None, float | None],
    number: int | None = None,
) -> Media:
    user = entry.uploader or source_of(page_url)
    moment = None if entry.timestamp is None else datetime.fromtimestamp(entry.timestamp, UTC)
    stamp = f"_{moment:%Y%m%d_%H%M%S}" if moment else ""
    told: dict[str, object] = {
        "duration": entry.duration,
        "views": entry.view_count,
        "likes": entry.like_count,
        "comments": entry.comment_count,
        "track": entry.track,
        "index": number,
    }
    return Media(
        key=key,
        url=url,
        kind=kind,
        filename=tidy(f"{user}{stamp}_{key}{extension}"),
        source=user,
        content_type="photo" if kind is MediaKind.IMAGE else "video",
        way=way,
        headers=headers,
        posted_at=moment,
        page_url=page_url,
        post_key=entry.id,
        author=user,
        caption=entry.description or None,
        width=round(size[0]) if size[0] else None,
        height=round(size[1]) if size[1] else None,
        facts={name: value for name, value in told.items() if value is not None},
    )


def _cookies(said: str | None) -> dict[str, str]:
    """The header with the cookies that yt-dlp says the file server wants; it writes them with their attributes."""
    try:
        pairs = [f"{name}={morsel.coded_value}" for name, morsel in SimpleCookie(said or "").items()]
    except CookieError:
        return {}
    return {"cookie": "; ".join(pairs)} if pairs else {}
