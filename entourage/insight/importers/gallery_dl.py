"""What gallery-dl keeps beside its downloads with `--write-metadata`: one file of JSON for each picture and film.

A reader for each network: the forms are those of gallery-dl 1.32's extractors. Posts with several files are told once
for each, so only those with one file tell their media.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Final, Literal

from msgspec import UNSET, UnsetType

from entourage.insight.importers import loose
from entourage.insight.importers.loose import Loose
from entourage.networks.facts import Fact, MediaFact, PostFact, ProfileFact
from entourage.networks.mastodon_words import plain

Reader = Callable[[Loose, datetime], Iterator[Fact]]


def claims(value: object) -> bool:
    """Whether this is what gallery-dl writes about a file of a network that is read here."""
    return loose.text(value, "category") in _READERS and loose.text(value, "subcategory") is not None


def facts(value: object, seen_at: datetime) -> Iterator[Fact]:
    """What a file's metadata tell, as it was at `seen_at`."""
    found = loose.item(value)
    yield from _READERS[loose.text(found, "category") or ""](found, seen_at)


def _one(value: Loose, address: str | None, kind: Literal["image", "video"]) -> tuple[MediaFact, ...] | UnsetType:
    if not address or loose.count(value, "count") not in {1, UNSET}:
        return UNSET
    width, height = (loose.count(value, side) or None for side in ("width", "height"))
    return (MediaFact(url=address, type=kind, width=width or None, height=height or None),)


def _instagram(value: Loose, seen_at: datetime) -> Iterator[Fact]:
    author, name = loose.text(value, "owner_id"), loose.text(value, "username")
    if author is None or not name:
        return
    user = loose.item(value, "user")
    if (loose.text(user, "id") or loose.text(user, "pk")) != author:
        user = loose.NOTHING
    yield ProfileFact(
        network="instagram",
        id=author,
        username=name,
        seen_at=seen_at,
        name=loose.told(value, "fullname"),
        biography=loose.told(user, "biography"),
        picture=loose.told(user, "profile_pic_url"),
        link=loose.told(user, "external_url"),
        followers=_of_user(user, "follower_count", "count_followed"),
        follows=_of_user(user, "following_count", "count_follow"),
        posts=_of_user(user, "media_count", "count_media"),
        is_private=loose.flag(user, "is_private"),
        is_verified=loose.flag(user, "is_verified"),
    )
    story = loose.text(value, "type") in {"story", "highlight"}
    post = loose.text(value, "media_id" if story else "post_id")
    if post is None or not post.isdigit():  # the cover of a highlight is no post
        return
    film = loose.text(value, "video_url")
    yield PostFact(
        network="instagram",
        id=post,
        author=author,
        seen_at=seen_at,
        url=loose.told(value, "post_url"),
        caption=loose.told(value, "description"),
        posted_at=loose.moment(value, "post_date") or loose.moment(value, "date") or UNSET,
        likes=loose.count(value, "likes"),
        media=UNSET if story else _one(value, film or loose.text(value, "display_url"), "video" if film else "image"),
    )


def _of_user(user: Loose, name: str, counted: str) -> int | UnsetType:
    """gallery-dl writes 0 for a count that Instagram did not tell."""
    found = loose.count(user, name)
    return found if found is not UNSET else loose.count(user, counted) or UNSET


def _twitter(value: Loose, seen_at: datetime) -> Iterator[Fact]:
    author = loose.item(value, "author")
    native_id, name = loose.text(author, "id"), loose.text(author, "name")
    post = loose.text(value, "tweet_id")
    if native_id is None or not name:
        return
    yield ProfileFact(
        network="twitter",
        id=native_id,
        username=name,
        seen_at=seen_at,
        name=loose.told(author, "nick"),
        biography=loose.told(author, "description"),
        picture=loose.told(author, "profile_image"),
        link=loose.told(author, "url"),
        location=loose.told(author, "location"),
        followers=loose.count(author, "followers_count"),
        follows=loose.count(author, "friends_count"),
        posts=loose.count(author, "statuses_count"),
        is_private=loose.flag(author, "protected"),
        is_verified=loose.flag(author, "verified"),
    )
    if post is None or loose.count(value, "retweet_id"):  # somebody else's words
        return
    yield PostFact(
        network="twitter",
        id=post,
        author=native_id,
        seen_at=seen_at,
        url=f"https://x.com/{name}/status/{post}",
        caption=loose.told(value, "content"),
        posted_at=loose.moment(value, "date") or UNSET,
        likes=loose.count(value, "favorite_count"),
        comments=loose.count(value, "reply_count"),
    )


def _tiktok(value: Loose, seen_at: datetime) -> Iterator[Fact]:
    author, stats = loose.item(value, "author"), loose.item(value, "authorStats")
    native_id, name = loose.text(author, "id"), loose.text(author, "uniqueId")
    post = loose.text(value, "id")
    if native_id is None or not name:
        return
    yield ProfileFact(
        network="tiktok",
        id=native_id,
        username=name,
        seen_at=seen_at,
        name=loose.told(author, "nickname"),
        biography=loose.told(author, "signature"),
        picture=loose.told(author, "avatarLarger"),
        followers=loose.count(stats, "followerCount"),
        follows=loose.count(stats, "followingCount"),
        posts=loose.count(stats, "videoCount"),
        is_private=loose.flag(author, "privateAccount"),
        is_verified=loose.flag(author, "verified"),
    )
    if post is None:
        return
    kind = "photo" if loose.item(value, "imagePost") else "video"
    yield PostFact(
        network="tiktok",
        id=post,
        author=native_id,
        seen_at=seen_at,
        url=f"https://www.tiktok.com/@{name}/{kind}/{post}",
        caption=loose.told(value, "desc"),
        posted_at=loose.moment(value, "createTime") or UNSET,
        likes=loose.count(value, "stats", "diggCount"),
        comments=loose.count(value, "stats", "commentCount"),
    )


def _bluesky(value: Loose, seen_at: datetime) -> Iterator[Fact]:
    author = loose.item(value, "author")
    native_id, name = loose.text(author, "did"), loose.text(author, "handle")
    if native_id is None or not name:
        return
    user = loose.item(value, "user")
    if loose.text(user, "did") != native_id:
        user = author
    yield ProfileFact(
        network="bluesky",
        id=native_id,
        username=name,
        seen_at=seen_at,
        name=loose.told(user, "displayName"),
        biography=loose.told(user, "description"),
        picture=loose.told(user, "avatar"),
        followers=loose.count(user, "followersCount"),
        follows=loose.count(user, "followsCount"),
        posts=loose.count(user, "postsCount"),
    )
    post = loose.text(value, "uri")
    if post is None or "/app.bsky.feed.post/" not in post:
        return
    yield PostFact(
        network="bluesky",
        id=post,
        author=native_id,
        seen_at=seen_at,
        url=f"https://bsky.app/profile/{native_id}/post/{post.rpartition('/')[2]}",
        caption=loose.told(value, "text"),
        posted_at=loose.moment(value, "createdAt") or UNSET,
        likes=loose.count(value, "likeCount"),
        comments=loose.count(value, "replyCount"),
    )


_OPT_OUT = re.compile(r"#(?:nobots?|noindex|noarchive)\b", re.IGNORECASE)
_OPEN: Final = frozenset({"public", "unlisted"})


def _mastodon(value: Loose, seen_at: datetime) -> Iterator[Fact]:
    """As our own connector does: names are ids, what is not for everybody is left out, and who wants no robots is."""
    account = loose.item(value, "account")
    name, host = loose.text(account, "acct"), loose.text(value, "instance")
    biography = plain(loose.text(account, "note"))
    fields = " ".join(plain(loose.text(field, "value")) for field in loose.items(account, "fields"))
    if not name or not host or account.get("noindex") is True or _OPT_OUT.search(f"{biography} {fields}"):
        return
    name = name if "@" in name else f"{name}@{host}"
    yield ProfileFact(
        network="mastodon",
        id=name.lower(),
        username=name,
        seen_at=seen_at,
        name=loose.told(account, "display_name"),
        biography=biography or None,
        picture=loose.told(account, "avatar"),
        followers=loose.count(account, "followers_count"),
        follows=loose.count(account, "following_count"),
        posts=loose.count(account, "statuses_count"),
        is_private=False,
    )
    post = loose.text(value, "uri")
    if post is None or loose.item(value, "reblog") or loose.text(value, "visibility") not in _OPEN:
        return
    mentioned = {
        loose.text(person, "url") or "": acct if "@" in acct else f"{acct}@{host}"
        for person in loose.items(value, "mentions")
        if (acct := loose.text(person, "acct"))
    }
    film = loose.text(value, "media", "type") in {"video", "gifv"}
    yield PostFact(
        network="mastodon",
        id=post,
        author=name.lower(),
        seen_at=seen_at,
        url=loose.told(value, "url"),
        caption=plain(loose.text(value, "content"), mentioned) or None,
        posted_at=loose.moment(value, "created_at") or UNSET,
        likes=loose.count(value, "favourites_count"),
        comments=loose.count(value, "replies_count"),
        media=_one(value, loose.text(value, "media", "url"), "video" if film else "image"),
    )


_READERS: Final[Mapping[str, Reader]] = {
    "instagram": _instagram,
    "twitter": _twitter,
    "tiktok": _tiktok,
    "bluesky": _bluesky,
    "mastodon": _mastodon,
}
