"""Mastodon: people, posts, followers, favourites and answers, as a server tells them through its API.

Ids must agree between servers, while each server has its own numbers. So a person's id is the whole name in lower case
(user@host, which nobody can change) and a post's id its ActivityPub address; a server's number of what is listed stays
in the cursor.
"""

import asyncio
import importlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, TypeVar
from urllib.parse import quote, urlsplit

from msgspec import UNSET

from entourage.kernel.errors import Damaged, NotAllowed, NotFound, Unauthenticated
from entourage.networks.facts import CommentFact, Fact, FollowFact, LikeFact, MediaFact, PostFact, ProfileFact
from entourage.networks.mastodon_words import link_in, plain
from entourage.networks.reading import Access, Batch, Listing, SignedIn
from entourage.networks.told import Told, address, count, is_list, moment, origin, part, parts, pixels, words

if TYPE_CHECKING:
    from entourage.networks.mastodon_client import Server

NAME: str = "mastodon"
DISPLAY_NAME: str = "Mastodon"
SERVER: str = ""
CREDENTIALS: Sequence[tuple[str, str]] = (
    (
        "access_token",
        "An access token (on your server: Preferences, Development, New application, with the right)",
    ),
)
CALLS_PER_HOUR: int = 1_800
"""Half of what a server allows: 300 calls in 5 minutes (docs.joinmastodon.org, "Rate limits")."""
LISTINGS: Mapping[Listing, int] = {
    # docs.joinmastodon.org/methods: the limits of accounts, statuses and timelines.
    Listing.POSTS: 40,
    Listing.FOLLOWERS: 80,
    Listing.FOLLOWINGS: 80,
    Listing.LIKERS: 80,
    Listing.HASHTAG: 40,
    # One answer has all of them, up to this number; strangers are shown 60.
    Listing.COMMENTS: 4_096,
}
MORE_CALLS: Mapping[str, int] = {
    # Members ask whether they are blocked, and have the server look for somebody it was never told of; strangers first
    # have to learn its name.
    "profile": 2,
    # The server's number of a person; and who asks, where a circle is hidden from all others.
    Listing.POSTS: 1,
    Listing.FOLLOWERS: 2,
    Listing.FOLLOWINGS: 2,
    # The server's number of a post that was made elsewhere.
    Listing.LIKERS: 1,
    Listing.COMMENTS: 1,
}
_CLIENT = "entourage.networks.mastodon_client"
_OPT_OUT = re.compile(r"#(?:nobots?|noindex|noarchive)\b", re.IGNORECASE)
_NUMBER = re.compile(r"[\w-]{1,64}")
_LOCAL_POST = re.compile(r"/statuses/([\w-]{1,64})$")
_NO_PICTURE = "/avatars/original/missing.png"
_OPEN = frozenset({"public", "unlisted"})
_PLACES = frozenset({"location", "based in", "where", "city", "country", "ort", "wohnort", "lieu", "ville", "📍", "🌍"})
_KINDS: Mapping[str, Literal["image", "video", "audio", "file"]] = {
    "image": "image",
    "gifv": "video",
    "video": "video",
    "audio": "audio",
}
_T = TypeVar("_T")

_domains: dict[str, str] = {}
"""What servers call themselves in the names of their people, by address: often, but not always, their host."""


def at_home(server: str, session: Mapping[str, str] | None, of: str) -> bool:
    """Whether a person or a post is of this very server; of all others it knows what reached it."""
    at = origin(server)
    names = {_domains.get(at, ""), (session or {}).get("domain", ""), urlsplit(at).netloc.lower()}
    try:
        host = urlsplit(of).netloc if "://" in of else of.rpartition("@")[2]
    except ValueError:
        return False
    return bool(host) and host.lower() in names


async def sign_in(access: Access, given: Mapping[str, str]) -> SignedIn:
    """Try an access token; raises Unauthenticated for one that does not count."""
    token = given.get("access_token", "").strip()
    if not token:
        raise Unauthenticated("An access token is needed.")

    def question(server: "Server") -> SignedIn:
        domain = server.name()
        name = _name(server.me(), domain)
        if name is None:
            raise Damaged("What the server answered is no account.")
        return SignedIn(name.lower(), name, {"access_token": token, "domain": domain})

    return await _ask(access, question, token)


async def profile(access: Access, who: str) -> ProfileFact:
    """The profile of user@host, or of "@" and a name; with the calls that MORE_CALLS tells of."""

    def question(server: "Server") -> ProfileFact:
        domain = _domain(access, server)
        account = _account(access, server, who, domain)
        fact = _person(account, domain, datetime.now(UTC))
        if fact is None:
            raise Damaged("What the server answered is no account.")
        # To whom it blocks, the server shows empty lists; so this is asked once, before all of them.
        if access.session is not None and server.is_blocked_by(_number(account)):
            raise NotAllowed("This account has blocked the one we read with.")
        return fact

    return await _ask(access, question)


async def listing(access: Access, what: Listing, of: str, cursor: str | None = None) -> Batch:
    """One page of `what`: one call, and some more on a first page (MORE_CALLS) to learn what the server calls it."""

    def question(server: "Server") -> Batch:
        page = _Page(access, server, of, _domain(access, server), datetime.now(UTC), *_place(cursor))
        facts = list(_READ[what](page))
        following = f"{page.number} {page.next_id}" if page.next_id else None
        return Batch(facts, following, page.entries, page.withheld, server.calls)

    return await _ask(access, question)


async def _ask(access: Access, question: "Callable[[Server], _T]", token: str | None = None) -> _T:
    # The first time this takes a third of a second, which the loop need not wait for.
    _ = await asyncio.to_thread(importlib.import_module, _CLIENT)
    from entourage.networks.mastodon_client import asked  # noqa: PLC0415 - see above

    token = token or (access.session or {}).get("access_token")
    return await asked(access, origin(access.server), token, question)


def _place(cursor: str | None) -> tuple[str, str | None]:
    """The server's number of what is listed, and where its next page begins."""
    number, _, max_id = (cursor or "").partition(" ")
    return (number, max_id) if _NUMBER.fullmatch(number) and max_id else ("", None)


def _domain(access: Access, server: "Server") -> str:
    told = (access.session or {}).get("domain")
    at = origin(access.server)
    if not told and at not in _domains:
        _domains[at] = server.name()
    return told or _domains[at]


def _account(access: Access, server: "Server", who: str, domain: str) -> Told:
    """The account called `who`, if it may be read."""
    name = who.removeprefix("@").lower()
    local, _, host = name.partition("@")
    asked = local if host in {"", domain} else name
    account = server.known(asked)
    if account is None and access.session is not None and asked != local:
        # A server knows people elsewhere only once somebody looked for them.
        account = next((one for one in server.sought(asked) if (_name(one, domain) or "").lower() == name), None)
    if account is None or account.get("suspended") is True:
        raise NotFound(f"The server knows nobody called {name}, or has suspended them.")
    if _opted_out(account):
        raise NotAllowed("This account asks not to be read by programs or search engines; it is left alone.")
    return account


@dataclass(slots=True)
class _Page:
    """A page on its way to facts."""

    access: Access
    server: "Server"
    of: str
    domain: str
    now: datetime
    number: str
    max_id: str | None
    next_id: str | None = None
    entries: int = 0
    withheld: int = 0

    def listed(self, path: str, what: Listing, **params: str) -> Sequence[Told]:
        """The entries of a page; Damaged where there is no list."""
        given = {**params, "limit": LISTINGS[what], **({"max_id": self.max_id} if self.max_id else {})}
        answer, self.next_id = self.server.page(path, given)
        return _entries(answer)

    def person(self, account: Told) -> ProfileFact | None:
        """Somebody in a listing; None for those who do not want to be read."""
        if _opted_out(account):
            self.withheld += 1
            return None
        return _person(account, self.domain, self.now)

    def owner(self, *, circle: bool = False) -> str:
        """The id of whose things are listed; the server is asked for its number of them on the first page."""
        name = self.of.removeprefix("@").lower()
        if not self.number:
            account = _account(self.access, self.server, self.of, self.domain)
            name = (_name(account, self.domain) or name).lower()
            self.number = _number(account)
            if circle and account.get("hide_collections") is True and name != self._reader():
                raise NotAllowed("This account hides whom it follows and by whom it is followed.")
        return name if "@" in name else f"{name}@{self.domain}"

    def post(self) -> str:
        """This server's number of the post whose ActivityPub address is given."""
        if not self.number:
            place = urlsplit(self.of)
            found = _LOCAL_POST.search(place.path)
            if found and place.netloc.lower() in {self.domain, urlsplit(origin(self.access.server)).netloc.lower()}:
                self.number = found[1]
            elif self.access.session is None:
                raise Unauthenticated("Only members of a server can ask it for posts of another; connect an account.")
            else:
                status = self.server.post(self.of)
                if status is None:  # which is no word on whether it still is where it was made
                    raise NotAllowed("The server was never told of this post, or does not show it.")
                self.number = _number(status)
        return self.number

    def _reader(self) -> str | None:
        """Who asks, if it is no stranger: people may list what they hide from others."""
        return (_name(self.server.me(), self.domain) or "").lower() if self.access.session is not None else None


def _entries(answer: object) -> Sequence[Told]:
    if not is_list(answer):
        raise Damaged("What the server answered is not what was asked for.")
    return parts(answer)


def _posts(page: _Page) -> Iterator[Fact]:
    owner = page.owner()
    shown = {"exclude_reblogs": "1", "exclude_replies": "1"}
    for status in page.listed(f"/api/v1/accounts/{page.number}/statuses", Listing.POSTS, **shown):
        post = _post(status, page)
        if post is not None and post.author == owner:
            page.entries += 1
            yield post


def _followers(page: _Page) -> Iterator[Fact]:
    owner = page.owner(circle=True)
    for account in page.listed(f"/api/v1/accounts/{page.number}/followers", Listing.FOLLOWERS):
        person = page.person(account)
        if person is not None:
            page.entries += 1
            yield FollowFact(network=NAME, follower=person.id, followed=owner, seen_at=page.now)
            yield person


def _followings(page: _Page) -> Iterator[Fact]:
    owner = page.owner(circle=True)
    for account in page.listed(f"/api/v1/accounts/{page.number}/following", Listing.FOLLOWINGS):
        person = page.person(account)
        if person is not None:
            page.entries += 1
            yield FollowFact(network=NAME, follower=owner, followed=person.id, seen_at=page.now)
            yield person


def _likers(page: _Page) -> Iterator[Fact]:
    for account in page.listed(f"/api/v1/statuses/{page.post()}/favourited_by", Listing.LIKERS):
        person = page.person(account)
        if person is not None:
            page.entries += 1
            yield LikeFact(network=NAME, post=page.of, profile=person.id, seen_at=page.now)
            yield person


def _comments(page: _Page) -> Iterator[Fact]:
    for status in _entries(page.server.answers(page.post())):
        person, post = page.person(part(status.get("account"))), _post(status, page)
        if person is not None and post is not None:
            page.entries += 1
            said = post.caption if isinstance(post.caption, str) else ""
            at = post.posted_at if isinstance(post.posted_at, datetime) else None
            yield CommentFact(network=NAME, id=post.id, post=page.of, author=person.id, text=said, posted_at=at)
            yield person


def _tagged(page: _Page) -> Iterator[Fact]:
    page.number = "-"
    for status in page.listed(f"/api/v1/timelines/tag/{quote(page.of, safe='')}", Listing.HASHTAG):
        account = part(status.get("account"))
        # Who does not want to be found is not found: this is the one listing that leads to people nobody named.
        if account.get("discoverable") is False or account.get("indexable") is False:
            page.withheld += 1
            continue
        person, post = page.person(account), _post(status, page)
        if person is not None and post is not None:
            page.entries += 1
            yield post
            yield person


_READ: Mapping[Listing, Callable[[_Page], Iterator[Fact]]] = {
    Listing.POSTS: _posts,
    Listing.FOLLOWERS: _followers,
    Listing.FOLLOWINGS: _followings,
    Listing.LIKERS: _likers,
    Listing.COMMENTS: _comments,
    Listing.HASHTAG: _tagged,
}


def _opted_out(account: Told) -> bool:
    """Whether somebody asks not to be indexed, by the setting for search engines or by a word in the profile."""
    if account.get("noindex") is True:
        return True
    said = [account.get("note"), *(field.get(key) for field in parts(account.get("fields")) for key in _FIELD)]
    return any(_OPT_OUT.search(plain(one)) for one in said if isinstance(one, str) and "#" in one)


_FIELD = ("name", "value")


def _name(account: Told, domain: str) -> str | None:
    """user@host, as the person writes it."""
    acct = words(account.get("acct"))
    if acct is None or acct.startswith("@") or acct.endswith("@"):
        return None
    return acct if "@" in acct else f"{acct}@{domain}"


def _number(thing: Told) -> str:
    number = str(thing.get("id") or "")
    if not _NUMBER.fullmatch(number):
        raise Damaged("What the server answered has no number.")
    return number


def _person(account: Told, domain: str, now: datetime) -> ProfileFact | None:
    name = _name(account, domain)
    if name is None:
        return None
    fields = [(plain(field.get("name")), field) for field in parts(account.get("fields"))]
    proven = [field for _, field in fields if field.get("verified_at")]
    links = (link_in(field.get("value")) for field in (*proven, *(field for _, field in fields)))
    picture = address(account.get("avatar"))
    places = (plain(field.get("value")) for key, field in fields if key.strip(" :").casefold() in _PLACES)
    return ProfileFact(
        network=NAME,
        id=name.lower(),
        username=name,
        seen_at=now,
        name=_without_emoji(words(account.get("display_name")), account),
        biography=plain(account.get("note")) or None,
        picture=None if picture is None or picture.endswith(_NO_PICTURE) else picture,
        link=next((link for link in links if link), None) or link_in(account.get("note")),
        location=next((place for place in places if place), None),
        followers=count(account.get("followers_count")),
        follows=count(account.get("following_count")),
        posts=count(account.get("statuses_count")),
        is_private=False,
        is_verified=bool(proven),
    )


def _without_emoji(name: str | None, account: Told) -> str | None:
    """A name without the pictures that a server lets people put into it as :code:."""
    for emoji in parts(account.get("emojis")):
        name = (name or "").replace(f":{words(emoji.get('shortcode')) or ''}:", " ")
    return " ".join((name or "").split()) or None


def _post(status: Told, page: _Page) -> PostFact | None:
    """A post that everybody may see; None for others, and for what was only shared."""
    uri, author = words(status.get("uri")), _name(part(status.get("account")), page.domain)
    shared, seen_by = status.get("reblog"), words(status.get("visibility"))
    if uri is None or author is None or shared or seen_by not in _OPEN:
        return None
    mentioned = {
        words(person.get("url")) or "": _name(person, page.domain) or "" for person in parts(status.get("mentions"))
    }
    warning, said = words(status.get("spoiler_text")), plain(status.get("content"), mentioned)
    return PostFact(
        network=NAME,
        id=uri,
        author=author.lower(),
        seen_at=page.now,
        url=address(status.get("url")) or address(uri),
        caption=f"{warning}\n\n{said}" if warning else said,
        posted_at=moment(status.get("created_at")) or UNSET,
        likes=count(status.get("favourites_count")),
        comments=count(status.get("replies_count")),
        media=tuple(_media(status)),
    )


def _media(status: Told) -> Iterator[MediaFact]:
    for one in parts(status.get("media_attachments")):
        url = address(one.get("url")) or address(one.get("remote_url"))
        shape = part(part(one.get("meta")).get("original"))
        if url is not None:
            width, height = pixels(shape.get("width")), pixels(shape.get("height"))
            kind = _KINDS.get(words(one.get("type")) or "", "file")
            yield MediaFact(url=url, type=kind, width=width, height=height)
