"""What instaloader keeps beside its downloads: posts, profiles and stories (`.json`, `.json.xz`), and comments.

The forms are those of `get_json_structure` and `update_comments` of instaloader 4, also in what older versions wrote.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from msgspec import UNSET, UnsetType

from entourage.insight.importers import loose
from entourage.insight.importers.loose import Loose
from entourage.networks.facts import CommentFact, Fact, LikeFact, MediaFact, PostFact, ProfileFact

NETWORK: Final = "instagram"
COMMENTS: Final = "_comments.json"
"""How the names of files with comments end; the post is in the file beside, with the same beginning."""


def claims(value: object) -> bool:
    """Whether this is what instaloader writes about a post, a profile or a story."""
    return loose.text(value, "instaloader", "node_type") is not None and bool(loose.item(value, "node"))


def facts(value: object, seen_at: datetime) -> Iterator[Fact]:
    """What a post, a profile or a story tells, as it was at `seen_at`."""
    node = loose.item(value, "node")
    match loose.text(value, "instaloader", "node_type"):
        case "Profile":
            yield from _profile(node, seen_at)
        case "Post" | "StoryItem":
            yield from _post(node, seen_at)
        case _:
            return


def post_of(value: object) -> str | None:
    """The id of the post that a file is about."""
    return loose.text(value, "node", "id")


def comments(value: object, post: str, seen_at: datetime) -> Iterator[Fact]:
    """What a file of comments on a post tells, answers included."""
    for comment in loose.items(value):
        yield from _comment(comment, post, seen_at)
        for answer in loose.items(comment, "answers"):
            yield from _comment(answer, post, seen_at)


def _comment(node: Loose, post: str, seen_at: datetime) -> Iterator[Fact]:
    owner = loose.item(node, "owner")
    author = _id(owner)
    comment = loose.text(node, "id")
    if author is None or comment is None:
        return
    yield from _profile(owner, seen_at)
    yield CommentFact(
        network=NETWORK,
        id=comment,
        post=post,
        author=author,
        text=loose.text(node, "text") or "",
        posted_at=loose.moment(node, "created_at"),
    )


def _id(node: Loose) -> str | None:
    """The id of a person; where only the name is known, that."""
    name = loose.text(node, "username")
    return loose.text(node, "id") or loose.text(node, "pk") or (f"@{name}" if name else None)


def _profile(node: Loose, seen_at: datetime) -> Iterator[Fact]:
    name = loose.text(node, "username")
    native_id = _id(node)
    if not name or native_id is None:
        return
    yield ProfileFact(
        network=NETWORK,
        id=native_id,
        username=name,
        seen_at=seen_at,
        name=loose.told(node, "full_name"),
        biography=loose.told(node, "biography"),
        picture=loose.told(node, "profile_pic_url_hd") or loose.told(node, "profile_pic_url"),
        link=loose.told(node, "external_url"),
        followers=_count(node, "edge_followed_by", "follower_count"),
        follows=_count(node, "edge_follow", "following_count"),
        posts=_count(node, "edge_owner_to_timeline_media", "media_count"),
        is_private=loose.flag(node, "is_private"),
        is_verified=loose.flag(node, "is_verified"),
    )


def _post(node: Loose, seen_at: datetime) -> Iterator[Fact]:
    owner = loose.item(node, "owner")
    author, post = _id(owner), loose.text(node, "id")
    if author is None or post is None:
        return
    yield from _profile(owner, seen_at)
    code = loose.text(node, "shortcode") or loose.text(node, "code")
    answers = loose.count(node, "edge_media_to_parent_comment", "count")
    yield PostFact(
        network=NETWORK,
        id=post,
        author=author,
        seen_at=seen_at,
        url=f"https://www.instagram.com/p/{code}/" if code else UNSET,
        caption=_caption(node),
        posted_at=loose.moment(node, "taken_at_timestamp") or loose.moment(node, "date") or UNSET,
        likes=_count(node, "edge_media_preview_like", "like_count"),
        comments=answers if answers is not UNSET else _count(node, "edge_media_to_comment", "comments"),
        media=_media(node),
    )
    for way in ("edge_media_to_parent_comment", "edge_media_to_comment"):
        for edge in loose.items(node, way, "edges"):
            comment = loose.item(edge, "node")
            yield from _comment(comment, post, seen_at)
            for answer in loose.items(comment, "edge_threaded_comments", "edges"):
                yield from _comment(loose.item(answer, "node"), post, seen_at)
    for edge in loose.items(node, "edge_media_preview_like", "edges"):
        liker = loose.item(edge, "node")
        who = _id(liker)
        if who is not None:
            yield from _profile(liker, seen_at)
            yield LikeFact(network=NETWORK, post=post, profile=who, seen_at=seen_at)


def _count(node: Loose, edge: str, plain: str) -> int | UnsetType:
    """A count as the web site says it, or else as the telephone's program does."""
    found = loose.count(node, edge, "count")
    return found if found is not UNSET else loose.count(node, plain)


def _caption(node: Loose) -> str | UnsetType | None:
    edges = loose.at(node, "edge_media_to_caption", "edges")
    if isinstance(edges, list):
        return loose.text(node, "edge_media_to_caption", "edges", 0, "node", "text") or None
    return loose.told(node, "caption")


def _media(node: Loose) -> tuple[MediaFact, ...] | UnsetType:
    children = [loose.item(edge, "node") for edge in loose.items(node, "edge_sidecar_to_children", "edges")] or [node]
    found: list[MediaFact] = []
    for child in children:
        film = loose.at(child, "is_video") is True
        resources = "video_resources" if film else "display_resources"
        address = loose.text(child, "video_url" if film else "display_url") or loose.text(child, resources, -1, "src")
        if address:
            width, height = (loose.count(child, "dimensions", side) for side in ("width", "height"))
            kind = "video" if film else "image"
            found.append(MediaFact(url=address, type=kind, width=width or None, height=height or None))
    return tuple(found) or UNSET
