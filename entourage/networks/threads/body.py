"""The files that a post shows or links to: its own, each once, in the largest form that the post names."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, unquote, urlsplit

from entourage.networks.facts import LONGEST_TEXT
from entourage.networks.model import MediaKind
from entourage.networks.threads import links
from entourage.networks.threads.markup import Node, attr, words
from entourage.networks.threads.page import File

DEEPEST = 200
"""A picture nested deeper than this in a post is markup made to keep us busy, not a picture."""

_FULL = ("data-fullsize-url", "data-full", "data-zoom-src", "data-original", "data-url")
_LAZY = ("data-src", "data-lazy-src", "data-cfsrc", "src")
_NOISE_CLASSES = frozenset(
    [
        "smilie",
        "smilies",
        "smiley",
        "emoji",
        "emoticon",
        "mceSmilie",
        "mceSmilieSprite",
        "inlineimg",
        "avatar",
        "poster-avatar",
        "icon",
        "ranks",
    ]
)
_NOISE_PATH = re.compile(
    r"/(?:smil(?:ies|eys?)|emojis?|emoticons|twemoji|avatars|ranks|statusicon|reaction_?s?)/", re.IGNORECASE
)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_PIXEL = frozenset(("0", "1", "2", "0px", "1px", "2px"))
_UNNAMED = "attachment-"
_SPACES = re.compile(r"\s+")
_SILENT = frozenset(["script", "style", "template", "noscript", "svg", "video", "audio", "iframe", "button", "form"])
_BLOCKS = frozenset(["p", "br", "div", "li", "ul", "ol", "tr", "table", "h1", "h2", "h3", "h4", "h5", "h6", "pre"])
_NAMED = re.compile(r"[^/\\<>:\"|?*\n\r\t]{1,180}\.[A-Za-z0-9]{2,5}")
_LABEL = re.compile(r"^.*\bName:")  # vBulletin: "Click image … Name: boat.jpg"
_DENSITY = re.compile(r"([\d.]+)([wx])")


@dataclass(frozen=True, slots=True)
class Attachment:
    """What an attachment's address says: the board that keeps it, its id there, and its full-size address."""

    board: str
    id: str
    url: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """How one engine writes posts: which parts are not the author's own, and which addresses are attachments."""

    drop: tuple[str, ...]
    attachment: Callable[[str, SplitResult], Attachment | None]


def files(bodies: Iterable[Node], base: str, rules: Rules) -> tuple[File, ...]:
    """The files in these parts of a post, in order, each once; where a picture links to its full size, that one."""
    found: dict[str, File] = {}
    for body in bodies:
        for file in _in_body(body, base, rules):
            found[file.key] = _better(found[file.key], file) if file.key in found else file
    shown_small = {links.identity(file.preview) for file in found.values() if file.preview}
    return tuple(file for file in found.values() if file.key not in shown_small or file.preview)


def text(bodies: Iterable[Node], rules: Rules) -> str:
    """What these parts of a post say in the author's own words, a line for each paragraph; at most LONGEST_TEXT."""
    pieces: list[str] = []
    for body in bodies:
        dropped = {node.mem_id for selector in rules.drop for node in body.css(selector)} - {body.mem_id}
        pieces += _said(body, dropped)
        pieces.append("\n")
    lines = (_SPACES.sub(" ", line).strip() for line in "".join(pieces).splitlines())
    return "\n".join(line for line in lines if line)[:LONGEST_TEXT]


def _said(body: Node, dropped: set[int]) -> Iterator[str]:
    """The pieces of text within a node, in order, with a line's end after what is a block of its own."""
    waiting: list[Node | str] = [body]
    while waiting:
        here = waiting.pop()
        if isinstance(here, str):
            yield here
        elif here.is_text_node:
            yield (here.text_content or "").replace("\n", " ")
        elif here.mem_id not in dropped and here.tag not in _SILENT:
            if here.tag in _BLOCKS:
                waiting.append("\n")
            waiting += reversed(list(here.iter(include_text=True)))


def _better(known: File, again: File) -> File:
    """What two mentions of one file say together: an icon and a name, a preview and a kind."""
    named = not known.filename.startswith(_UNNAMED) or again.filename.startswith(_UNNAMED)
    return replace(
        known,
        kind=again.kind if known.kind is MediaKind.FILE else known.kind,
        filename=known.filename if named else again.filename,
        preview=known.preview or again.preview,
    )


def _in_body(body: Node, base: str, rules: Rules) -> Iterator[File]:
    dropped = {node.mem_id for selector in rules.drop for node in body.css(selector)} - {body.mem_id}
    for node in body.css("a[href], img, video, audio, source, [data-video-src]"):
        lineage = _lineage(node, body)
        if lineage is None or any(up.mem_id in dropped for up in lineage):
            continue
        link = next((up for up in lineage[1:] if up.tag == "a" and attr(up, "href")), None)
        behind = _linked(link, base, rules) if link is not None else None
        if node.tag == "a":
            file = _linked(node, base, rules)
        elif behind is not None:
            continue  # the link has been taken, and it is the larger one
        elif node.tag == "img":
            file = _shown(node, link, base, rules)
        else:
            file = _played(node, base, rules)
        if file is not None:
            yield file


def _lineage(node: Node, body: Node) -> list[Node] | None:
    """The node and what encloses it within the body; None if that is absurdly deep."""
    line: list[Node] = []
    here: Node | None = node
    while here is not None and here.mem_id != body.mem_id:
        line.append(here)
        if len(line) > DEEPEST:
            return None
        here = here.parent
    return line


def _linked(link: Node, base: str, rules: Rules) -> File | None:
    """The file that a link leads to, with the picture inside the link as its preview."""
    url = links.absolute(base, attr(link, "href"))
    if url is None:
        return None
    picture = link.css_first("img")
    preview = _source(picture, base) if picture is not None else None
    attached = rules.attachment(url, urlsplit(url))
    if attached is not None:
        name = _named(words(link), attr(link, "title"), attr(picture, "alt"), attr(picture, "title"), attached.name)
        kind = _attached_kind(name, MediaKind.IMAGE if picture is not None and not _noise(picture, base) else None)
        return _attachment(attached, kind, name, preview)
    kind = links.linked_kind(url)
    if kind is None:
        return None
    return File(links.identity(url), url, kind, links.name_in(url), preview=_unless(preview, url))


def _shown(picture: Node, link: Node | None, base: str, rules: Rules) -> File | None:
    """The file of a picture that the post shows, in the largest form that its markup names."""
    if _noise(picture, base):
        return None
    shown = _source(picture, base)
    full = next((url for name in _FULL if (url := links.absolute(base, attr(picture, name)))), None) or shown
    if full is None:
        return None
    attached = rules.attachment(full, urlsplit(full))
    if attached is not None:
        name = _named(attr(picture, "alt"), attr(picture, "title"), attached.name)
        return _attachment(attached, MediaKind.IMAGE, name, _unless(shown, full))
    viewer = links.absolute(base, attr(link, "href")) if link is not None else None
    return File(
        links.identity(full), full, MediaKind.IMAGE, links.name_in(full), preview=_unless(shown, full), viewer=viewer
    )


def _played(node: Node, base: str, rules: Rules) -> File | None:
    """The file behind a video or audio element; what an outside player would have to play is left out."""
    parent = node.parent
    if node.tag == "source" and (parent is None or parent.tag not in {"video", "audio"}):
        return None
    if node.tag == "source" and parent is not None and (attr(parent, "src") or _is_later_source(node)):
        return None  # the same film in another format
    url = links.absolute(base, attr(node, "data-video-src") or attr(node, "src") or attr(node, "data-src"))
    if url is None:
        return None
    player = parent if node.tag == "source" and parent is not None else node
    wanted = MediaKind.AUDIO if player.tag == "audio" else MediaKind.VIDEO
    attached = rules.attachment(url, urlsplit(url))
    if attached is not None:
        return _attachment(attached, wanted, _named(attr(player, "title"), attached.name), None)
    return File(links.identity(url), url, wanted, links.name_in(url))


def _is_later_source(node: Node) -> bool:
    before = node.prev
    while before is not None:
        if before.tag == "source":
            return True
        before = before.prev
    return False


def _attachment(attached: Attachment, kind: MediaKind, name: str | None, preview: str | None) -> File:
    path = urlsplit(attached.url).path
    ending = f".{links.extension(path)}" if links.kind_of(path) else ""
    return File(
        key=f"{attached.board}/attachment/{attached.id}",
        url=attached.url,
        kind=kind,
        filename=name or f"{_UNNAMED}{attached.id}{ending}",
        attachment=attached.id,
        preview=_unless(preview, attached.url),
    )


def _attached_kind(name: str | None, shown: MediaKind | None) -> MediaKind:
    return (links.kind_of(name) if name else None) or shown or MediaKind.FILE


def _source(picture: Node, base: str) -> str | None:
    """The largest address that an image element offers to a browser."""
    largest: tuple[float, str] | None = None
    for name in ("data-srcset", "srcset"):
        for candidate in attr(picture, name).split(", "):
            address, _, descriptor = candidate.strip().partition(" ")
            url = links.absolute(base, address.rstrip(","))
            size = _DENSITY.fullmatch(descriptor.strip().rstrip(","))
            if url is not None and size is not None and (weight := _weight(size)) > (largest[0] if largest else 1.0):
                largest = (weight, url)
    if largest is not None:
        return largest[1]
    return next((url for name in _LAZY if (url := links.absolute(base, attr(picture, name)))), None)


def _weight(size: re.Match[str]) -> float:
    try:
        return float(size[1])
    except ValueError:
        return 0.0


def _noise(picture: Node, base: str) -> bool:
    """Whether a picture is furniture: a smiley, an avatar, an icon, a counting pixel."""
    if _NOISE_CLASSES.intersection(attr(picture, "class").split()) or attr(picture, "data-shortname"):
        return True
    if _HIDDEN.search(attr(picture, "style")):
        return True
    width, height = attr(picture, "width"), attr(picture, "height")
    if width in _PIXEL and height in _PIXEL:
        return True
    url = _source(picture, base)
    return url is not None and _NOISE_PATH.search(urlsplit(url).path) is not None


def _named(*candidates: str | None) -> str | None:
    """The first of these that is a file name."""
    for text in candidates:
        for part in (text or "").splitlines():
            tidy = _LABEL.sub("", part).strip()
            if _NAMED.fullmatch(tidy):
                return unquote(tidy)
    return None


def _unless(url: str | None, same: str) -> str | None:
    return None if url is None or links.identity(url) == links.identity(same) else url
