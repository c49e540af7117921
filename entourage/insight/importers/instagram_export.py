"""Instagram's "download your information", the JSON kind: who follows whom, what was posted, what was liked.

The files and their forms, old and new, are described in docs/guide/importing.md. The export knows people by name only,
and posts of its owner by time only: ids are made from these, so that they are the same in every export.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from entourage.insight.importers import loose
from entourage.insight.importers.model import START, Bad, Broken, Place, Step
from entourage.insight.importers.sources import Member
from entourage.insight.importers.text import Entry, Json
from entourage.networks.facts import Fact, FollowFact, LikeFact, PostFact, ProfileFact

NETWORK: Final = "instagram"
ENTRIES: Final = 500
"""At most so many are one step."""
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_DIGITS: Final = {letter: value for value, letter in enumerate(_ALPHABET)}
_CODE: Final = 11
"""Letters of a shortcode that tell the post; those of private accounts go on with a key."""


class NotTold(Exception):
    """An entry lacks what it must have; the text says what."""


@dataclass(frozen=True, slots=True)
class Export:
    """Whose export it is, and when it was made."""

    owner: str
    made_at: datetime

    @property
    def me(self) -> str:
        """The owner's id."""
        return "@" + self.owner


def mended(text: str) -> str:
    """Text whose UTF-8 bytes were written as one character each, as it was meant; other text as it is."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode()
    except UnicodeEncodeError:
        return text
    except UnicodeDecodeError as error:
        # Cut off in the middle of a character? Only where there is another one that shows the mangling.
        before = error.object[: error.start].decode()
        return text if error.end < len(error.object) or before.isascii() else before


def post_id(address: str) -> str | None:
    """The id of a post at an address: the letters of its shortcode are the digits of the id, to the base of 64."""
    found = _address.search(address)
    if found is None:
        return None
    value = 0
    for letter in found[1][:_CODE]:
        value = value * 64 + _DIGITS[letter]
    return str(value)


_address = re.compile(r"instagram\.com/(?:[\w.]+/)?(?:p|reel|reels|tv)/([A-Za-z0-9_-]{5,})")

_profile = re.compile(r"instagram\.com/(?:_u/)?([\w.]+)/?$")

Reader = Callable[[Export, Entry], Iterator[Fact]]


def _text(value: object, *way: str | int) -> str:
    return mended(loose.text(value, *way) or "")


def _name(entry: object) -> str:
    """The user name an entry is about: in the value (followers), the title (followed), or only the address."""
    line = loose.item(entry, "string_list_data", 0)
    name = _text(line, "value") or _text(entry, "title")
    if not name and (found := _profile.search(_text(line, "href"))):
        name = found[1]
    if not name:
        raise NotTold("it names nobody")
    return name.lower()


def _since(entry: object) -> datetime | None:
    return loose.moment(entry, "string_list_data", 0, "timestamp")


def _follow(export: Export, follower: str, followed: str, since: datetime | None) -> Iterator[Fact]:
    """Seen when it began, where that is told, and when the export was made."""
    if since is not None and since < export.made_at:
        yield FollowFact(network=NETWORK, follower=follower, followed=followed, seen_at=since)
    yield FollowFact(network=NETWORK, follower=follower, followed=followed, seen_at=export.made_at)


def _follower(export: Export, entry: Entry) -> Iterator[Fact]:
    yield from _follow(export, "@" + _name(entry.value), export.me, _since(entry.value))


def _followed(export: Export, entry: Entry) -> Iterator[Fact]:
    yield from _follow(export, export.me, "@" + _name(entry.value), _since(entry.value))


def _unfollowed(export: Export, entry: Entry) -> Iterator[Fact]:
    ended = _since(entry.value) or export.made_at
    followed = "@" + _name(entry.value)
    yield FollowFact(network=NETWORK, follower=export.me, followed=followed, seen_at=ended, until=ended)


def _connections(export: Export, entry: Entry) -> Iterator[Fact]:
    """Exports until 2020: one object of names and times for each kind of connection."""
    if entry.key in {"followers", "following"}:
        for name, when in loose.item(entry.value).items():
            who, since = "@" + name.lower(), loose.moment(when)
            if entry.key == "followers":
                yield from _follow(export, who, export.me, since)
            else:
                yield from _follow(export, export.me, who, since)


def _posting(kind: str) -> Reader:
    def read(export: Export, entry: Entry) -> Iterator[Fact]:
        value = entry.value
        media = list(loose.items(value, "media")) or [loose.item(value)]
        posted_at = loose.moment(value, "creation_timestamp") or loose.moment(media[0], "creation_timestamp")
        if posted_at is None:
            raise NotTold("it has no time")
        caption = _text(value, "title") or (_text(media[0], "title") if len(media) == 1 else "")
        yield _posted(export, kind, posted_at, caption)

    return read


def _media(export: Export, entry: Entry) -> Iterator[Fact]:
    """Exports until 2020: `media.json` has photos, videos and stories, each with its time as text."""
    kind = {"photos": "post", "videos": "post", "stories": "story"}.get(entry.key)
    if kind is None:
        return
    posted_at = loose.moment(entry.value, "taken_at")
    if posted_at is None:
        raise NotTold("it has no time")
    yield _posted(export, kind, posted_at, _text(entry.value, "caption"))


def _posted(export: Export, kind: str, posted_at: datetime, caption: str) -> Fact:
    return PostFact(
        network=NETWORK,
        id=f"{export.me}/{kind}/{int(posted_at.timestamp())}",
        author=export.me,
        caption=caption or None,
        posted_at=posted_at,
        seen_at=max(export.made_at, posted_at),
    )


def _liked(export: Export, entry: Entry) -> Iterator[Fact]:
    value = entry.value
    line = loose.item(value, "string_list_data", 0)
    address, owner, seen_at = _text(line, "href"), _text(value, "title"), loose.moment(line, "timestamp")
    for label, said in _labels(value):
        if label == "URL" and not address:
            address = said
        elif label in _USERNAME:
            owner = said
    post = post_id(address)
    if post is None:
        raise NotTold("it has no address of a post")
    seen_at = seen_at or loose.moment(value, "timestamp") or export.made_at
    if owner:
        yield PostFact(network=NETWORK, id=post, author="@" + owner.lower(), url=address, seen_at=seen_at)
    yield LikeFact(network=NETWORK, post=post, profile=export.me, seen_at=seen_at)


def _labels(value: object) -> Iterator[tuple[str, str]]:
    """Labels and what they say, in the form of exports from 2025 on: lists of them, one in another."""
    for each in loose.items(value, "label_values"):
        yield _text(each, "label"), _text(each, "href") or _text(each, "value")
        for inner in loose.items(each, "dict"):
            for leaf in loose.items(inner, "dict"):
                yield _text(leaf, "label"), _text(leaf, "value")


_USERNAME: Final = (
    *("Username", "Gebruikersnaam", "Benutzername", "Nom d\u2019utilisateur", "Nom d'utilisateur", "Nombre de usuario"),
    *("Nome utente", "Nome de usuário", "Nome de utilizador"),
)
_NAME: Final = ("Name", "Naam", "Nom", "Nombre", "Nome")
_BIOGRAPHY: Final = ("Bio", "Biography", "Biografie", "Biographie", "Biografía", "Biografia")
_LINK: Final = ("Website", "Webseite", "Site web", "Sitio web", "Sito web", "Site")
_PRIVATE: Final = ("Private Account", "Privéaccount", "Privates Konto")
"""The labels are in the language that the account is used in."""


def _said(labels: Mapping[str, object], wanted: Sequence[str]) -> str | None:
    return next((_text(labels, each, "value") for each in wanted if each in labels), None)


def _mended_keys(value: object) -> Mapping[str, object]:
    return {mended(key): found for key, found in loose.item(value, "string_map_data").items()}


def owner_in(member: Member) -> str | None:
    """The user name in a file of personal information; None where it tells none. Raises Broken."""
    with member.opened() as stream:
        for entry in Json(stream).entries():
            if entry.key == "username":  # exports until 2020
                return _text(entry.value) or None
            if entry.key == "profile_user" and (name := _said(_mended_keys(entry.value), _USERNAME)):
                return name.lower()
    return None


def _owner(export: Export, entry: Entry) -> Iterator[Fact]:
    if entry.key != "profile_user":
        return
    labels = _mended_keys(entry.value)
    private = _said(labels, _PRIVATE)
    yield ProfileFact(
        network=NETWORK,
        id=export.me,
        username=export.owner,
        seen_at=export.made_at,
        name=loose.told(_said(labels, _NAME)),
        biography=loose.told(_said(labels, _BIOGRAPHY)),
        link=loose.told(_said(labels, _LINK)),
        is_private=loose.flag({"True": True, "False": False}.get(private or "")),
    )


def _old_owner(export: Export, entry: Entry) -> Iterator[Fact]:
    """Exports until 2020: `profile.json` is one object; each of its values comes as an entry of its own."""
    fields = {"name": "name", "biography": "biography", "website": "link"}
    told = {fields[entry.key]: _text(entry.value)} if entry.key in fields else {}
    if entry.key == "private_account":
        yield ProfileFact(
            network=NETWORK,
            id=export.me,
            username=export.owner,
            seen_at=export.made_at,
            is_private=loose.flag(entry.value),
        )
    elif told:
        yield ProfileFact(
            network=NETWORK,
            id=export.me,
            username=export.owner,
            seen_at=export.made_at,
            name=loose.told(told, "name"),
            biography=loose.told(told, "biography"),
            link=loose.told(told, "link"),
        )


_READERS: Sequence[tuple[re.Pattern[str], Reader]] = [
    (re.compile(pattern), reader)
    for pattern, reader in (
        (r"followers_and_following/followers(_\d+)?\.json", _follower),
        (r"followers_and_following/following(_\d+)?\.json", _followed),
        (r"followers_and_following/recently_unfollowed_(accounts|profiles)\.json", _unfollowed),
        (r"(personal|account)_information/personal_information\.json", _owner),
        (r"(content|media)/posts_\d+\.json", _posting("post")),
        (r"(content|media)/reels\.json", _posting("reel")),
        (r"(content|media)/igtv_videos\.json", _posting("reel")),
        (r"(content|media)/stories\.json", _posting("story")),
        (r"likes/liked_posts\.json", _liked),
    )
]
_FOLDERS: Final = ("followers_and_following", "personal_information", "content", "likes")
_OLD: Mapping[str, Reader] = {"connections.json": _connections, "profile.json": _old_owner, "media.json": _media}
_MARK = re.compile(
    r"(?:^|(?P<top>.*?)/)(?:connections/|your_instagram_activity/|personal_information/)?"
    r"(?:followers_and_following/(?:followers|following)(?:_\d+)?|(?:content|media)/(?:posts_\d+|reels|stories)"
    r"|(?:personal|account)_information/personal_information|likes/liked_posts)\.(?P<kind>json|html)$"
)
_ACCOUNT = re.compile(
    r"instagram-(?P<new>[\w.]{1,30})-(?P<date>\d{4}-\d\d-\d\d)(?:-|$)|(?P<old>[\w.]{1,30})_(?P<day>\d{8})(?:_|$)"
)


def mark(name: str) -> tuple[str, str] | None:
    """Where an export begins and its kind ("json" or "html"), told by the name of one of its files; else None."""
    found = _MARK.match(name)
    return None if found is None else (found["top"] or "", found["kind"])


def named(name: str) -> tuple[str | None, datetime | None]:
    """The owner and the day that an archive's or folder's name tells: instagram-dior-2026-01-31-x1y2, dior_20200131."""
    found = _ACCOUNT.match(name.casefold())
    if found is None:
        return None, None
    day = found["date"] or f"{found['day'][:4]}-{found['day'][4:6]}-{found['day'][6:]}"
    return found["new"] or found["old"], loose.moment(day)


def reader_of(name: str) -> Reader | None:
    """How a file of an export is read; None for those that tell no facts."""
    if "/" not in name:
        return _OLD.get(name)
    return next((reader for pattern, reader in _READERS if pattern.search(name)), None)


def is_part(name: str) -> bool:
    """Whether a file that lies alone has the name of one of an export's files."""
    return name in _OLD or any(reader_of(f"{folder}/{name}") is not None for folder in _FOLDERS)


def read(member: Member, reader: Reader, export: Export, start: Place = START) -> Iterator[Step]:
    """The facts of a file of an export from a place on; raises Broken after what could be read was given."""
    facts: list[Fact] = []
    bad: list[Bad] = []
    number = 0
    broken: Broken | None = None
    with member.opened() as stream:
        try:
            for number, entry in enumerate(Json(stream).entries(), 1):
                if number <= start.entries:
                    continue
                where = f"entry {number}"
                try:
                    good, wrong = loose.sifted(where, reader(export, entry))
                except NotTold as error:
                    good, wrong = [], [Bad(where, str(error))]
                facts += good
                bad += wrong
                if number % ENTRIES == 0:
                    yield Step(facts, bad, Place(0, number), stream.done)
                    facts, bad = [], []
        except Broken as error:
            broken = error
        yield Step(facts, bad, Place(0, number), stream.done)
    if broken is not None:
        raise broken
