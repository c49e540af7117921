"""Instagram: posts, reels, stories, highlights, tagged posts and the picture of a profile, listed by gallery-dl.

The largest version that gallery-dl names is the one listed, for both profiles: the smaller candidates are not in what
it prints. "fast" asks the archive (`facts["fit"]`) to keep a picture at no more than 640 pixels on its long side.
Films are the joined version that Instagram offers, at the size it offers it.
"""

import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from entourage.kernel.errors import Gone
from entourage.networks import gallery
from entourage.networks.facts import Fact, MediaFact
from entourage.networks.model import About, Cursor, Found, Media, MediaKind, Net, Target
from entourage.networks.names import tidy
from entourage.networks.seen import Seen

NAME: str = "instagram"
DISPLAY_NAME: str = "Instagram"
CONTENT_TYPES: Sequence[str] = ("posts", "stories", "reels", "tagged", "highlights", "avatar")
EXAMPLE: str = "https://www.instagram.com/nasa/"

FIT = 640
"""The long side of a picture in the profile "fast"."""

_HOSTS = frozenset({"instagram.com", "www.instagram.com", "m.instagram.com"})
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.]{0,28}[A-Za-z0-9_])?")
_NOT_NAMES = frozenset({"p", "tv", "reel", "reels", "explore", "stories", "s", "share", "accounts", "direct", "about"})
_SINGULAR = {"posts": "post", "stories": "story", "reels": "reel", "highlights": "highlight"}
_NEWEST_FIRST = frozenset({"posts", "reels"})
_NO_POSTS = frozenset({"stories", "highlights", "avatar"})


def claims(url: str) -> bool:
    """Whether `url` is on Instagram."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and (parts.hostname or "") in _HOSTS


def source_of(url: str) -> str:
    """The name of the profile in the address, else "instagram"."""
    return _profile_in(url) or NAME


def address_of(name: str, content_type: str | None) -> str:
    """The address of what a profile shows; ValueError, in words for people, when it cannot be a profile's name."""
    name = name.removeprefix("@")
    if not _NAME.fullmatch(name) or ".." in name or name.lower() in _NOT_NAMES:
        raise ValueError("must be the name of an Instagram profile: letters, digits, dots and underscores")
    if content_type == "stories":
        return f"https://www.instagram.com/stories/{name}/"
    tail = f"{content_type}/" if content_type in {"reels", "tagged", "highlights", "avatar"} else ""
    return f"https://www.instagram.com/{name}/{tail}"


@dataclass(frozen=True, slots=True)
class _Listing:
    """What gallery-dl is asked for, and how its answer is to be read. `content_type` is None for a single post."""

    url: str
    source: str
    content_type: str | None


async def expand(target: Target, net: Net, *, pause: float | None = None) -> AsyncGenerator[Found]:
    """The files of a profile, a post, a story or a highlight; newest first where Instagram shows them so.

    `pause` is how long gallery-dl waits between two requests (seconds); None keeps its own careful pace (6 to 12).
    A `Cursor` comes only when the list was read to its end, or to where `since` or an earlier cursor ended it.
    """
    listing = _listing(target)
    pace = {} if pause is None else {"sleep-request": pause}
    options: dict[str, object] = {"videos": "merged", "audio": False, "previews": False, **pace}
    yield About(f"{listing.source}: {listing.content_type or 'post'}", listing.source)
    newest = after = int(target.after) if target.after and target.after.isdecimal() else 0
    in_order = listing.content_type in _NEWEST_FIRST
    left = target.limit
    seen = False
    album = _Album(shows_posts=listing.content_type not in _NO_POSTS)
    async with aclosing(gallery.files(listing.url, net, options, cookies=target.cookies)) as found:
        async for file in found:
            for fact in album.take(file):
                yield fact
            mark = _mark(file)
            known = after and mark <= after and listing.content_type in {*_NEWEST_FIRST, "stories"}
            if known or _older(file, target.since):
                seen = True
                if in_order and not file.pinned:
                    break
                continue
            if left is not None and (left := left - 1) < 0:
                break
            seen = True
            newest = max(newest, mark)
            yield _media(file, listing, target.profile)
    for fact in album.rest():
        yield fact
    if left is not None and left < 0:
        return
    if not seen:
        raise Gone("No files could be seen there: the profile may be private, or it has none of this kind.")
    if newest and listing.content_type in {*_NEWEST_FIRST, "stories"}:
        yield Cursor(str(newest))


class _Album:
    """Puts together what the files of one post, which come one after the other, tell of it."""

    def __init__(self, *, shows_posts: bool) -> None:
        self._shows_posts = shows_posts
        self._seen = Seen(NAME)
        self._files: list[gallery.File] = []

    def take(self, file: gallery.File) -> Iterator[Fact]:
        """One more file; tells of the post before, when this file begins another."""
        if self._files and self._files[0].post_id != file.post_id:
            yield from self.rest()
        if self._shows_posts and file.post_id and file.type not in {"story", "highlight"}:
            self._files.append(file)

    def rest(self) -> Iterator[Fact]:
        """Tells of the post whose files are all here, or will not come."""
        files, self._files = self._files, []
        first = next(iter(files), None)
        author = None if first is None else str(first.owner_id or "") or (first.username and f"@{first.username}")
        if first is None or not author:
            return
        yield from self._seen.post(
            first.post_id,
            author=author,
            username=first.username,
            name=first.fullname,
            url=first.post_url,
            caption=first.description or None,
            posted_at=first.moment,
            likes=first.likes or None,  # gallery-dl says 0 also where Instagram says nothing
            media=[_shown(file) for file in files] if len(files) >= first.count else None,
        )


def _shown(file: gallery.File) -> MediaFact:
    kind = "video" if file.video_url else "image"
    return MediaFact(url=file.file_url, type=kind, width=file.width or None, height=file.height or None)


def _listing(target: Target) -> _Listing:
    """The one list that an address and a content type mean."""
    path = [part for part in urlsplit(target.url).path.split("/") if part]
    name = _profile_in(target.url)
    single = any(part in {"p", "tv", "reel", "share", "s"} for part in path[:2]) or path[:2] == [
        "stories",
        "highlights",
    ]
    if single or name is None or (path[0] == "stories" and len(path) > 2):  # noqa: PLR2004 - /stories/NAME/NUMBER/
        kind = "stories" if path[:1] == ["stories"] else None
        return _Listing(_plain(target.url), name or NAME, "highlights" if path[1:2] == ["highlights"] else kind)
    shown = "stories" if path[0] == "stories" else (path[1] if len(path) > 1 else None)
    content_type = target.content_type or (shown if shown in CONTENT_TYPES else None) or "posts"
    if content_type not in CONTENT_TYPES:
        content_type = "posts"
    if content_type == "stories":
        return _Listing(f"https://www.instagram.com/stories/{name}/", name, content_type)
    return _Listing(f"https://www.instagram.com/{name}/{content_type}/", name, content_type)


def _plain(url: str) -> str:
    return urlsplit(url)._replace(scheme="https", netloc="www.instagram.com", fragment="").geturl()


def _profile_in(url: str) -> str | None:
    path = [part for part in urlsplit(url).path.split("/") if part]
    if path[:1] == ["stories"]:
        path = path[1:] if path[1:2] != ["highlights"] else []
    if not path or path[0].lower() in _NOT_NAMES or not _NAME.fullmatch(path[0]):
        return None
    return path[0]


def _mark(file: gallery.File) -> int:
    """What grows with time: the number of the post, or of the single picture of a story (whose post is the profile)."""
    text = file.media_id if file.type in {"story", "highlight"} else file.post_id
    return int(text) if text.isdecimal() else 0


def _older(file: gallery.File, since: datetime | None) -> bool:
    moment = file.moment
    return since is not None and moment is not None and moment < since


def _media(file: gallery.File, listing: _Listing, profile: str | None) -> Media:
    user = file.username or listing.source
    moment = gallery.moment_of(file.date) or file.moment
    kind = MediaKind.VIDEO if file.video_url else MediaKind.IMAGE
    stamp = f"_{moment:%Y%m%d_%H%M%S}" if moment else ""
    extension = "." + (file.extension or ("mp4" if kind is MediaKind.VIDEO else "jpg"))
    told: dict[str, object] = {
        "shortcode": file.post_shortcode,
        "index": file.num,
        "count": file.count,
        "likes": file.likes,
        "tags": file.tags,
        "location": file.location_name,
        "tagged_users": [str(one.get("username")) for one in file.tagged_users or ()] or None,
        "coauthors": [str(one.get("username")) for one in file.coauthors or ()] or None,
        "pinned": bool(file.pinned) or None,
        "full_name": file.fullname,
        "highlight": file.highlight_title,
        "expires": file.expires,
        "fit": FIT if profile == "fast" and kind is MediaKind.IMAGE else None,
    }
    content_type = listing.content_type or ("reels" if file.type == "reel" else "posts")
    return Media(
        # The number is that of the single picture or film, also within an album: its place there may change.
        key=file.media_id,
        url=file.file_url,
        kind=kind,
        filename=tidy(f"{user}{stamp}_{file.media_id}{extension}"),
        source=user if content_type != "tagged" else listing.source,
        content_type=_SINGULAR.get(content_type, content_type),
        headers={"referer": "https://www.instagram.com/"},
        posted_at=moment,
        page_url=file.post_url,
        post_key=file.post_id or None,
        author=user,
        caption=file.description or None,
        width=file.width or None,
        height=file.height or None,
        facts={name: value for name, value in told.items() if value is not None},
    )
