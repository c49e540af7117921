"""The social network's pages for people: who is there, what they post, and the button that only a person presses."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from urllib.parse import parse_qs

from markupsafe import Markup, escape

from entourage.kernel.clock import Clock
from entourage.networks.sandbox import answers, pictures
from entourage.networks.sandbox.answers import Answer
from entourage.networks.sandbox.api import Api, Asked
from entourage.networks.sandbox.network import PASSWORD, Network, read, written
from entourage.networks.sandbox.people import Kind
from entourage.networks.sandbox.rendering import page

PER_PAGE = 24
_SHOWN_COMMENTS = 50
_NAMED = re.compile(r"([@#])([^\W]+)")


class Profiles:
    """Answers for what is below /people, /portraits and /challenge."""

    def __init__(self, network: Network, api: Api, clock: Clock) -> None:
        self._network = network
        self._api = api
        self._clock = clock
        self._routes: Sequence[tuple[re.Pattern[str], Callable[..., Answer | None]]] = [
            (re.compile(pattern), answer)
            for pattern, answer in (
                (r"/people/?", self._everybody),
                (r"/people/(?P<name>\w+)/?", self._person),
                (r"/people/\w+/(?P<post>[0-9a-z]+)/?", self._post),
                (r"/portraits/(?P<native>\d+)\.(?:jpg|png)", self._portrait),
                (r"/challenge", self._challenge),
            )
        ]

    def answer(self, asked: Asked) -> Answer | None:
        """The answer to a call; None where there is nothing at this address."""
        for pattern, answer in self._routes:
            if (found := pattern.fullmatch(asked.path)) is not None:
                return answer(asked, **found.groupdict())
        return None

    @property
    def _now(self) -> int:
        return self._network.people.seconds(self._clock())

    def _everybody(self, _: Asked) -> Answer:
        return answers.page(page("people.html", creators=self._network.creators(self._now), password=PASSWORD))

    def _person(self, asked: Asked, name: str) -> Answer | None:
        now, network = self._now, self._network
        number = network.people.named(name, now)
        if number is None or not network.people.there(number, now):
            return None
        found = network.posts.indexes(number, now) if network.may_see(None, number, now) else []
        pages = max(1, -(-len(found) // PER_PAGE))
        wished = asked.query.get("page", "1")
        current = int(wished) if wished.isascii() and wished.isdecimal() and len(wished) < len("1000000") else 0
        if not 1 <= current <= pages:
            return None
        posts = [self._shown(number, index, now) for index in found[(current - 1) * PER_PAGE : current * PER_PAGE]]
        told = page(
            "person.html",
            who=network.profile(number, now),
            about=linked(network.people.about(number).biography or ""),
            posts=posts,
            current=current,
            pages=pages,
            password=PASSWORD,
        )
        return answers.page(told)

    def _post(self, _: Asked, post: str) -> Answer | None:
        now, network = self._now, self._network
        number = read(post)
        found = network.posts.find(number) if number is not None else None
        if found is None or found.at > now or (found.removed is not None and found.removed <= now):
            return None
        if not network.people.there(found.author, now) or not network.may_see(None, found.author, now):
            return None
        said = network.posts.comments(found.author, found.index, now)[:_SHOWN_COMMENTS]
        told = page(
            "post.html",
            who=network.profile(found.author, now),
            caption=linked(found.caption or ""),
            media=found.media,
            titles={name: picture.title for name, picture in pictures.pictures().items()},
            when=_when(network.people.moment(found.at)),
            likes=len(network.posts.likes(found.author, found.index, now)),
            comments=[
                (
                    network.people.username(one.author, now),
                    linked(one.text),
                    _when(network.people.moment(one.at)),
                )
                for one in said
            ],
        )
        return answers.page(told)

    def _shown(self, author: int, index: int, now: int) -> Mapping[str, object]:
        """A post among others: its first picture, small."""
        post = self._network.posts.post(author, index)
        first = post.media[0]
        return {
            "path": f"/people/{self._network.people.username(author, now)}/{written(post.number)}",
            "picture": first.name if not first.is_film else f"{first.name}-wide",
            "film": first.is_film,
            "more": len(post.media) - 1,
            "caption": post.caption or "",
            "likes": len(self._network.posts.likes(author, index, now)),
        }

    def _portrait(self, asked: Asked, native: str) -> Answer | None:
        network = self._network
        number = network.people.number(native)
        if number is None or not network.people.about(number).has_picture:
            return None
        opened = network.people.origin
        if network.people.kind[number] != Kind.CREATOR:
            return answers.file(pictures.pattern(number + 20), "image/png", opened, asked.headers, slow=False)
        looks = pictures.looks_of(network.people.creators[number].photographs.split()[0])
        picture = looks[number % len(looks)]
        return answers.file(pictures.square(picture), "image/jpeg", opened, asked.headers, slow=False)

    def _challenge(self, asked: Asked) -> Answer:
        """A page with a button; programs are to leave it to their people."""
        if asked.method == "POST":
            name = parse_qs(asked.body.decode("latin-1")).get("account", [""])[0].removeprefix("@")
            done = self._api.person_came(name)
        else:
            name, done = asked.query.get("account", ""), False
        status = HTTPStatus.OK if done or asked.method != "POST" else HTTPStatus.NOT_FOUND
        return answers.page(page("challenge.html", name=name, done=done, asked=asked.method == "POST"), status)


def linked(text: str) -> Markup:
    """A text with its mentions leading to people; hashtags are set apart."""
    made, last = Markup(), 0
    for found in _NAMED.finditer(text):
        made += escape(text[last : found.start()])
        last = found.end()
        if found[1] == "@":
            made += Markup('<a href="/people/{name}">@{name}</a>').format(name=found[2])
        else:
            made += Markup('<span class="tag">#{}</span>').format(found[2])
    return made + escape(text[last:])


def _when(at: datetime) -> str:
    return f"{at:%d %B %Y, %H:%M}".lstrip("0")
