"""Topics as Discourse tells them: JSON for every topic, its post bodies as HTML."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import cast
from urllib.parse import SplitResult, urlsplit

from entourage.networks.html import tree_of
from entourage.networks.threads import body, dates, links
from entourage.networks.threads.markup import Tree, generator
from entourage.networks.threads.page import Post, ThreadPage

NAME: str = "Discourse"
CHUNK = 20
"""How many posts one request asks for (what Discourse's own pages do)."""

_TOPIC = re.compile(r"^(.*)/t/(?:([^/]+)/)?(\d+)(?:/\d+)?(?:\.json)?/?$")
_UPLOADED = re.compile(r"^(.*)/uploads/short-url/([A-Za-z0-9]+)(\.\w+)?$")


def recognises(tree: Tree) -> bool:
    """Whether Discourse wrote this page."""
    return (
        generator(tree).startswith("discourse")
        or tree.css_first('#data-discourse-setup, meta[name="discourse_theme_id"]') is not None
    )


def topic_address(url: str) -> str | None:
    """Where the JSON of the topic behind a page's address is; None if the address names no topic."""
    parts = urlsplit(url)
    found = _TOPIC.match(parts.path)
    return parts._replace(path=f"{found[1]}/t/{found[3]}.json", query="", fragment="").geturl() if found else None


def chunk_address(topic: str, ids: Sequence[int]) -> str:
    """Where the JSON of these posts of the topic at `topic_address` is."""
    asked = "&".join(f"post_ids%5B%5D={post}" for post in ids)
    return f"{topic.removesuffix('.json')}/posts.json?{asked}"


def parse_topic(raw: bytes, url: str) -> ThreadPage:
    """The topic: its title, its first posts, and the ids of all. Raises ValueError if this is no topic."""
    told = _mapping(json.loads(raw))
    thread_id, slug = str(told["id"]), str(told.get("slug") or "-")
    parts = urlsplit(url)
    found = _TOPIC.match(parts.path)
    start = parts._replace(path=f"{found[1] if found else ''}/t/{slug}/{thread_id}", query="", fragment="").geturl()
    stream = _mapping(told["post_stream"])
    posts = _posts(stream, start)
    ids = tuple(int(cast("int", post)) for post in _list(stream.get("stream")))
    return ThreadPage(
        engine=NAME,
        title=str(told.get("title") or ""),
        thread_id=thread_id,
        url=start,
        first=start,
        posts=posts,
        pages=max(1, -(-len(ids) // CHUNK)),
        stream=ids or tuple(post.id for post in posts),
    )


def parse_posts(raw: bytes, start: str) -> tuple[Post, ...]:
    """The posts of one chunk of the topic at `start`. Raises ValueError if this holds no posts."""
    return _posts(_mapping(_mapping(json.loads(raw))["post_stream"]), start)


def attachment(url: str, parts: SplitResult) -> body.Attachment | None:
    """The upload behind `/uploads/short-url/hash.pdf`."""
    found = _UPLOADED.match(parts.path)
    if found is None:
        return None
    return body.Attachment(links.host_of(url) + found[1], found[2], url, f"{found[2]}{found[3]}" if found[3] else None)


_RULES = body.Rules(
    drop=(
        *("aside.quote", "aside.onebox", ".lightbox-wrapper .meta", ".video-placeholder-wrapper", ".poll"),
        *('[data-video-src="/404"]', 'img[src$="/images/transparent.png"]'),  # uploads that are gone
    ),
    attachment=attachment,
)


def _posts(stream: Mapping[str, object], start: str) -> tuple[Post, ...]:
    return tuple(_post(_mapping(told), start) for told in _list(stream.get("posts")))


def _post(told: Mapping[str, object], start: str) -> Post:
    number = int(cast("int", told.get("post_number") or 0))
    tree = tree_of(str(told.get("cooked") or ""))
    cooked = tree.body
    return Post(
        id=int(cast("int", told["id"])),
        url=f"{start}/{number}" if number else start,
        author=str(told.get("username") or "") or None,
        posted_at=dates.from_iso(str(told.get("created_at") or "")),
        files=body.files([cooked], f"{start}/", _RULES) if cooked is not None else (),
        number=number or None,
        text=body.text([cooked], _RULES) if cooked is not None else "",
    )


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 - callers tell "no topic" by ValueError
    return cast("Mapping[str, object]", value)


def _list(value: object) -> Sequence[object]:
    return cast("Sequence[object]", value) if isinstance(value, list) else ()
