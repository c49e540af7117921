"""Any address on the web: a file, a page with pictures or videos, or a video in pieces."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from email.message import Message
from urllib.parse import parse_qsl, unquote, urldefrag, urlencode, urlsplit

from entourage.kernel.errors import Challenged, ChildFailed, Gone, Refused
from entourage.networks import markup, ytdlp
from entourage.networks.content import Content, Form, kind_of_suffix, look
from entourage.networks.model import About, Found, Media, MediaKind, Net, Page, Target, Way
from entourage.networks.names import name_of, suffix_of, tidy

NAME: str = "web"
DISPLAY_NAME: str = "Web page or file"
CONTENT_TYPES: Sequence[str] = ("media", "images", "videos")
EXAMPLE: str = "https://example.org/gallery.html"

_WANTED = {"images": {MediaKind.IMAGE}, "videos": {MediaKind.VIDEO, MediaKind.AUDIO}}
_MOST_VIDEOS = 200


def claims(url: str) -> bool:
    """Whether this is a web address."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def source_of(url: str) -> str:
    """The host, without "www."."""
    return (urlsplit(url).hostname or "").removeprefix("www.")


async def expand(target: Target, net: Net) -> AsyncGenerator[Found]:
    """The file at the address, or the pictures and videos of the page there."""
    page = await net.head(target.url)
    content = look(page.body, page.headers.get("content-type", ""))
    is_page = content.form is Form.PAGE
    found = _of_page(target, await net.read(target.url), net) if is_page else _of_file(page, content)
    left = target.limit
    nothing = True
    async for one in found:
        if isinstance(one, Media):
            if left is not None and (left := left - 1) < 0:
                return
            nothing = False
        yield one
    if nothing:
        wanted = target.content_type if target.content_type in _WANTED else "pictures or videos"
        raise Gone(f"The page was read, but no {wanted} were found on it.")


async def _of_file(page: Page, content: Content) -> AsyncGenerator[Found]:
    source = source_of(page.url)
    name = _announced(page) or name_of(page.url, content.extension)
    yield About(name, source, 1)
    if content.form is Form.MANIFEST:
        stem = name_of(page.url).rpartition(".")[0]
        yield _medium(page.url, MediaKind.VIDEO, source, filename=tidy(stem, ".mp4"), way=Way.STREAM)
    else:
        yield _medium(page.url, content.kind, source, filename=tidy(name, content.extension))


async def _of_page(target: Target, page: Page, net: Net) -> AsyncGenerator[Found]:
    reading = await asyncio.to_thread(markup.read, page.text, page.url)
    source = source_of(page.url)
    shown = [one for one in reading.shown if one.kind in _WANTED.get(target.content_type or "", set(MediaKind))]
    has_video = any(one.kind is not MediaKind.IMAGE for one in shown)
    unreadable_video = reading.is_video and not has_video and target.content_type != "images"
    if unreadable_video or not shown:
        videos = [] if target.content_type == "images" else await _videos(page.url, target, net)
        if videos:
            yield About(reading.title or source, source, len(videos))
            for video in videos:
                yield video
            return
    if not shown and reading.cover and target.content_type != "videos":
        shown = [markup.Shown(reading.cover, MediaKind.IMAGE)]
    yield About(reading.title or source, source, len(shown))
    for medium in _media(shown, page.url, reading.title):
        yield medium


def _media(shown: list[markup.Shown], page_url: str, title: str) -> Iterator[Media]:
    for one in shown:
        default = {MediaKind.IMAGE: ".jpg", MediaKind.AUDIO: ".mp3"}.get(one.kind, ".mp4")
        if one.manifest:
            name = tidy(name_of(one.url).rpartition(".")[0], ".mp4")
        else:
            name = name_of(one.url, "" if kind_of_suffix(suffix_of(one.url)) else default)
        facts: dict[str, object] = {"title": title} if title else {}
        if one.thumbnail:
            facts["thumbnail"] = one.thumbnail
        yield _medium(
            one.url,
            one.kind,
            source_of(page_url),
            filename=name,
            way=Way.STREAM if one.manifest else Way.DIRECT,
            page_url=page_url,
            caption=one.caption,
            size=(one.width, one.height) if one.thumbnail is None else (None, None),
            facts=facts,
        )


async def _videos(url: str, target: Target, net: Net) -> list[Media]:
    """What yt-dlp knows about a page; nothing when it knows none. A live broadcast is refused."""
    last = min(target.limit or _MOST_VIDEOS, _MOST_VIDEOS)
    argv = ytdlp.command(
        "--dump-json", "--playlist-end", str(last), "--format", f"(bv*+ba/b){ytdlp.PROTOCOLS}/b", "--", url
    )
    found: list[Media] = []
    try:
        async with aclosing(net.lines(argv, env=ytdlp.ENV)) as lines:
            async for line in lines:
                entry = ytdlp.entry(line)
                if entry is None:
                    continue
                if entry.is_live:
                    raise Refused(ytdlp.LIVE)
                found.append(_video(entry, url))
    except ChildFailed as failure:
        error = ytdlp.explain(failure)
        if isinstance(error, Challenged):
            # One site's wish for a person says nothing about the rest of the web.
            raise Gone(str(error)) from failure
        if not found and not isinstance(error, Gone):
            raise error from failure
    return found


def _video(entry: ytdlp.Entry, page_url: str) -> Media:
    direct = entry.is_direct and not entry.cookies
    known = entry.extractor not in {None, "generic"}
    # A page that yt-dlp does not know by name may hold several videos: their manifests tell them apart.
    media_url = entry.url if direct else (None if known else entry.manifest_url) or entry.webpage_url or page_url
    source = source_of(page_url)
    return _medium(
        media_url,
        MediaKind.AUDIO if entry.vcodec == "none" else MediaKind.VIDEO,
        source,
        key=f"{entry.extractor}:{entry.id}" if entry.id and known else None,
        filename=tidy(entry.title or entry.id or source, f".{entry.ext or 'mp4'}"),
        way=Way.DIRECT if direct else Way.STREAM,
        headers=entry.http_headers if direct else None,
        page_url=page_url,
        caption=entry.description or entry.title,
        author=entry.uploader,
        size=(_whole(entry.width), _whole(entry.height)),
        facts={"title": entry.title, "duration": entry.duration, "extractor": entry.extractor},
    )


def _medium(
    url: str,
    kind: MediaKind,
    source: str,
    *,
    filename: str,
    key: str | None = None,
    way: Way = Way.DIRECT,
    headers: dict[str, str] | None = None,
    page_url: str | None = None,
    caption: str | None = None,
    author: str | None = None,
    size: tuple[int | None, int | None] = (None, None),
    facts: dict[str, object] | None = None,
) -> Media:
    referer = {"referer": page_url} if page_url and urlsplit(page_url).scheme == urlsplit(url).scheme else {}
    return Media(
        key=key or key_of(url),
        url=url,
        kind=kind,
        filename=filename,
        source=source,
        content_type=str(kind),
        way=way,
        headers=headers or referer,
        page_url=page_url,
        author=author,
        caption=caption,
        width=size[0],
        height=size[1],
        facts=facts or {},
    )


def key_of(url: str) -> str:
    """The key of a file that has no name but its address: campaign marks and the fragment do not count."""
    parts = urlsplit(urldefrag(url).url)
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name[:4] != "utm_"]
    plain = parts._replace(query=urlencode(query), scheme="", netloc=parts.netloc.lower()).geturl()
    return hashlib.sha256(plain.encode()).hexdigest()[:32]


def _announced(page: Page) -> str | None:
    """The name in Content-Disposition, if there is one."""
    header = Message()
    header["content-disposition"] = page.headers.get("content-disposition", "")
    name = header.get_filename()
    return tidy(unquote(name)) if name else None


def _whole(number: float | None) -> int | None:
    return None if number is None else round(number)
