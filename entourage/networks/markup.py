"""What pictures and videos an HTML page shows, read from its markup alone: nothing is fetched, no script is run."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from urllib.parse import urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from entourage.networks.content import MANIFEST_SUFFIXES, is_manifest_type, kind_of_suffix
from entourage.networks.html import tree_of
from entourage.networks.model import MediaKind
from entourage.networks.names import suffix_of

MOST = 5_000
"""No page is taken to show more than this; what comes after is left out."""

_MOST_LOOKED_AT = 50_000

_SMALL = 64
"""A declared side of at most so many pixels makes a picture an icon, an avatar or a tracking pixel."""
_LARGE = 200
"""Declared sides of at least so many pixels make a picture worth keeping, whatever its class is called."""

_FULL = ("data-full", "data-full-src", "data-fullsize", "data-orig-file", "data-large_image", "data-zoom-image")
_LAZY = ("data-src", "data-lazy-src", "data-original", "data-lazy", "data-echo", "data-hi-res-src")
_LAZY_SETS = ("srcset", "data-srcset", "data-lazy-srcset")

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_BREAKS = re.compile(r"[\t\r\n]")
_LINK = re.compile(r"[^\s,]\S*")

_PERSON = {"avatar", "avatars", "gravatar", "userpic", "profilepic"}
_NOISE = (
    {"emoji", "emojis", "smiley", "smilies", "smileys", "emoticon", "icon", "icons", "favicon", "sprite", "sprites"}
    | {"logo", "logos", "badge", "badges", "spacer", "tracking", "tracker", "beacon", "spinner", "captcha"}
    | {"placeholder", "button"}
)
_NOISE_PATH = {"emoji", "emojis", "smiley", "smilies", "smileys", "emoticons", "favicon", "sprite", "sprites", "icons"}
_NOISE_NAMES = {
    "pixel",
    "1x1",
    "blank",
    "spacer",
    "clear",
    "transparent",
    "loading",
    "spinner",
    "favicon",
    "logo",
    "icon",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture, video or manifest of a page: an absolute http(s) address and what the page says about it."""

    url: str
    kind: MediaKind
    manifest: bool = False
    caption: str | None = None
    width: int | None = None
    height: int | None = None
    thumbnail: str | None = None


@dataclass(slots=True)
class Reading:
    """A page as it was read. `cover` is the picture named for previews; `is_video` says that it is about a video."""

    title: str
    shown: list[Shown] = field(default_factory=list[Shown])
    cover: str | None = None
    is_video: bool = False


def read(html: str | bytes, url: str) -> Reading:
    """The pictures and videos of a page, in its order, each once; `url` is the address it came from."""
    tree = tree_of(html if isinstance(html, str) else html.decode("utf-8", "replace"))
    base = _base(tree, url)
    title = tree.css_first("title")
    reading = Reading(" ".join(title.text().split()) if title else "")
    _read_meta(tree, base, reading)
    seen: set[str] = set()
    thumbnails: set[str] = set()
    for shown in _walk(tree, base):
        if shown.thumbnail:
            thumbnails.add(shown.thumbnail)
        if shown.url not in seen:
            seen.add(shown.url)
            reading.shown.append(shown)
        if len(seen) == MOST:
            break
    linked = {shown.url for shown in reading.shown if shown.thumbnail}
    reading.shown = [s for s in reading.shown if s.url in linked or s.url not in thumbnails]
    return reading


def _base(tree: LexborHTMLParser, url: str) -> str:
    base = tree.css_first("base[href]")
    return _absolute(url, base.attributes.get("href")) or url if base else url


def _absolute(base: str, link: str | None) -> str | None:
    """`link` as an absolute address without fragment, or None for whatever is not http(s)."""
    link = (link or "").strip().partition("#")[0]
    scheme = _SCHEME.match(link)
    if not link or (scheme and scheme[0].lower() not in {"http:", "https:"}):
        return None
    try:
        url = urljoin(base, _BREAKS.sub("", link).replace(" ", "%20"))
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and parts.hostname else None


def _read_meta(tree: LexborHTMLParser, base: str, reading: Reading) -> None:
    said: dict[str, str] = {}
    for node in tree.css("meta[content]"):
        name = (node.attributes.get("property") or node.attributes.get("name") or "").lower()
        said.setdefault(name, node.attributes.get("content") or "")
    reading.title = reading.title or said.get("og:title", "")
    for name in ("og:image:secure_url", "og:image", "og:image:url", "twitter:image", "twitter:image:src"):
        reading.cover = reading.cover or _absolute(base, said.get(name))
    video = said.get("og:type", "").startswith("video") or "og:video" in said or "og:video:url" in said
    reading.is_video = video or "twitter:player" in said


def _walk(tree: LexborHTMLParser, base: str) -> Iterator[Shown]:
    for node in islice(tree.css("a[href], img, video, audio"), _MOST_LOOKED_AT):
        match node.tag:
            case "a":
                yield from _linked(node, base)
            case "img":
                yield from _image(node, base)
            case _:
                yield from _player(node, base)


def _linked(node: LexborNode, base: str) -> Iterator[Shown]:
    """The file behind a link: the full size of the picture inside it, or a file of its own."""
    url = _absolute(base, node.attributes.get("href"))
    if not url:
        return
    inner = node.css_first("img")
    if suffix_of(url) in MANIFEST_SUFFIXES:
        yield Shown(url, MediaKind.VIDEO, manifest=True, caption=_words(node))
        return
    kind = kind_of_suffix(suffix_of(url))
    # A colon in the last segment is a wiki's name for a page about a file, not the file.
    if kind is None or ":" in urlsplit(url).path.rpartition("/")[2]:
        return
    if inner is None:
        yield Shown(url, kind, caption=_words(node))
    elif not _is_noise(inner, _source(inner, base) or "", thumbnail=True):
        thumbnail = _source(inner, base) if kind is MediaKind.IMAGE else None
        yield Shown(url, kind, caption=_alt(inner), thumbnail=None if thumbnail == url else thumbnail)


def _image(node: LexborNode, base: str) -> Iterator[Shown]:
    url = _source(node, base)
    if url and not _is_noise(node, url):
        width, height = _side(node, "width"), _side(node, "height")
        yield Shown(url, MediaKind.IMAGE, caption=_alt(node), width=width, height=height)


def _player(node: LexborNode, base: str) -> Iterator[Shown]:
    """The best source of a player: a file before a manifest, the largest declared size before others."""
    kind = MediaKind.AUDIO if node.tag == "audio" else MediaKind.VIDEO
    files: list[tuple[int, str]] = []
    manifests: list[str] = []
    for source in [node, *node.css("source")]:
        url = _absolute(base, source.attributes.get("src") or source.attributes.get("data-src"))
        if not url:
            continue
        if is_manifest_type(source.attributes.get("type") or "") or suffix_of(url) in MANIFEST_SUFFIXES:
            manifests.append(url)
        else:
            sizes = [_number(source.attributes.get(name)) for name in ("size", "res", "data-res", "label", "title")]
            files.append((max(sizes), url))
    if files:
        yield Shown(
            max(files, key=lambda one: one[0])[1], kind, width=_side(node, "width"), height=_side(node, "height")
        )
    elif manifests:
        yield Shown(manifests[0], kind, manifest=True)


def _source(node: LexborNode, base: str) -> str | None:
    """The largest version of a picture that its element names."""
    attributes = node.attributes
    for name in _FULL:
        if url := _absolute(base, attributes.get(name)):
            return url
    sets = [attributes.get(name) for name in _LAZY_SETS]
    parent = node.parent
    if parent is not None and parent.tag == "picture":
        sets += [source.attributes.get(name) for source in parent.css("source") for name in _LAZY_SETS]
    plain = [(1.0, link) for name in (*_LAZY, "src") if (link := attributes.get(name))]
    named = [*plain, *(one for text in sets if text for one in _candidates(text))]
    # Sorting is stable: of versions of one size, the first counts, and the plain one before those of a set.
    ordered = sorted(named, key=lambda one: -one[0])
    return next((url for _, link in ordered if (url := _absolute(base, link))), None)


def _candidates(srcset: str) -> Iterator[tuple[float, str]]:
    """The (size, link) pairs of a srcset; widths and densities share a scale on which 1 is the plain picture."""
    at = 0
    while found := _LINK.search(srcset, at):
        link, at = found[0], found.end()
        if link.endswith(","):
            yield 1.0, link.rstrip(",")
            continue
        end = srcset.find(",", at)
        end = len(srcset) if end < 0 else end
        yield max((_descriptor(word) for word in srcset[at:end].split()), default=1.0), link
        at = end


def _descriptor(word: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([wxh])", word)
    return float(found[1]) if found and found[2] != "h" else 1.0


def _is_noise(node: LexborNode, url: str, *, thumbnail: bool = False) -> bool:
    """Whether a picture is an icon, avatar, smiley, spacer or tracking pixel, by its declared size and names."""
    width, height = _side(node, "width"), _side(node, "height")
    if not thumbnail and any(side is not None and side <= _SMALL for side in (width, height)):
        return True
    path = urlsplit(url).path.lower()
    words = _tokens(f"{node.attributes.get('class') or ''} {node.attributes.get('id') or ''}")
    parents = _tokens(" ".join(_class_of(parent) for parent in _parents(node)))
    if (words | parents | _tokens(path)) & _PERSON:
        return True
    if width is not None and height is not None and min(width, height) >= _LARGE:
        return False
    stem = path.rpartition("/")[2].rpartition(".")[0]
    named = stem in _NOISE_NAMES or path.endswith((".svg", ".ico"))
    return named or bool(words & _NOISE) or bool(_tokens(path) & _NOISE_PATH)


def _parents(node: LexborNode) -> Iterator[LexborNode]:
    parent = node.parent
    for _ in range(2):
        if parent is None or parent.tag in {"body", "html", "-document"}:
            return
        yield parent
        parent = parent.parent


def _class_of(node: LexborNode) -> str:
    return node.attributes.get("class") or ""


def _tokens(text: str) -> set[str]:
    return set(re.split(r"[^a-z0-9]+", text.lower()))


def _side(node: LexborNode, name: str) -> int | None:
    """A declared width or height in pixels, from the attribute or the style."""
    found = re.fullmatch(r"\s*(\d{1,5})(?:\.\d+)?(?:px)?\s*", node.attributes.get(name) or "")
    styled = re.search(rf"(?:^|;)\s*{name}\s*:\s*(\d{{1,5}})(?:\.\d+)?px", node.attributes.get("style") or "")
    return int((found or styled or [0, "0"])[1]) if found or styled else None


def _number(text: str | None) -> int:
    found = re.search(r"\d{1,5}", text or "")
    return int(found[0]) if found else 0


def _alt(node: LexborNode) -> str | None:
    return " ".join((node.attributes.get("alt") or node.attributes.get("title") or "").split()) or None


def _words(node: LexborNode) -> str | None:
    return " ".join(node.text().split())[:500] or None
