"""The sandbox's web site as an ASGI application: a forum, galleries and films, on a line as slow as is wanted."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

from entourage.kernel.clock import Clock
from entourage.networks.sandbox import answers, pictures
from entourage.networks.sandbox.answers import Answer, Pace
from entourage.networks.sandbox.api import LONGEST_BODY, Api, Asked
from entourage.networks.sandbox.galleries import FILM_PAGES, GALLERIES, Gallery
from entourage.networks.sandbox.network import Network
from entourage.networks.sandbox.profiles import Profiles
from entourage.networks.sandbox.rendering import page, shipped
from entourage.networks.sandbox.talk import FILMS, OPENED, PEOPLE, PER_PAGE, Post, Thread, stumbling

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_CHUNK = 8_192
_AGAIN = 2
"""Seconds after which a picture that failed at the first try may be asked for again."""
_TYPES = {"mp4": "video/mp4", "m4s": "video/iso.segment", "m3u8": "application/vnd.apple.mpegurl"}


class Site:
    """Answers every request. `hurry` once it is to end: then nothing is slow any more."""

    def __init__(self, threads: Sequence[Thread], network: Network, api: Api, *, pace: Pace, clock: Clock) -> None:
        self.hurry = False
        self._api = api
        self._profiles = Profiles(network, api, clock)
        self._threads = {str(thread.plan.id): thread for thread in threads}
        self._galleries = {gallery.name: gallery for gallery in GALLERIES}
        self._pace = pace
        self._clock = clock
        self._stumbles = set(stumbling(threads))
        self._attached = {str(one.attachment): one for thread in threads for post in thread.first for one in post.shown}
        self._routes: Sequence[tuple[re.Pattern[str], Callable[..., Answer]]] = [
            (re.compile(pattern), answer)
            for pattern, answer in (
                (r"/", self._index),
                (r"/credits", self._credits),
                (
                    r"/threads/[^/]*?(?P<thread>\d+)/?(?:page-(?P<page>\d{1,6})|post-(?P<post>\d{1,12}))?/?",
                    self._thread,
                ),
                (r"/attachments/[^/]*?(?P<number>\d+)/?", self._attachment),
                (r"/data/attachments/0/(?P<number>\d+)-[^/]+\.jpg", self._attachment_small),
                (r"/data/video/0/\d+-(?P<name>[a-z-]+)\.mp4", self._film),
                (r"/data/avatars/m/0/(?P<number>\d)\.png", self._avatar),
                (r"/data/banners/(?P<number>\d)\.png", self._banner),
                (r"/styles/smilies/smile\.png", self._smiley),
                (r"/styles/site\.css", self._style),
                (r"/pictures/(?P<name>[a-z-]+)\.jpg", self._picture),
                (r"/thumbs/(?P<name>[a-z-]+)\.jpg", self._thumbnail),
                (r"/galleries/(?P<name>[a-z-]+)/?", self._gallery),
                (r"/films/(?P<name>[a-z-]+)/?", self._film_page),
                (r"/films/(?P<name>[a-z-]+)\.mp4", self._film),
                (r"/films/woodland-brook/(?P<part>woodland-brook\.m3u8|start\.mp4|part[0-3]\.m4s)", self._film_part),
            )
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        asked = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        path = unquote(scope["path"])
        if path.startswith("/api/"):
            answer = await asyncio.to_thread(self._api.answer, await _call(scope, path, asked, receive))
        elif path.startswith(("/people", "/portraits/", "/challenge")) and scope["method"] in {"GET", "HEAD", "POST"}:
            call = await _call(scope, path, asked, receive)
            answer = await asyncio.to_thread(self._profiles.answer, call) or _nothing()
        elif scope["method"] not in {"GET", "HEAD"}:
            answer = Answer(HTTPStatus.METHOD_NOT_ALLOWED, {"allow": "GET, HEAD"})
        else:
            answer = await asyncio.to_thread(self.answer, path, asked)
        await self._send(answer, receive, send, head=scope["method"] == "HEAD")

    def answer(self, path: str, asked: Mapping[str, str]) -> Answer:
        """What a GET of `path` with these headers (names in lower case) is answered."""
        if path in self._stumbles:
            self._stumbles.discard(path)
            sorry = page("sorry.html", title="One moment", words="This picture will be here in a moment; ask again.")
            return answers.page(sorry, HTTPStatus.SERVICE_UNAVAILABLE, **{"retry-after": str(_AGAIN)})
        for pattern, answer in self._routes:
            if (found := pattern.fullmatch(path)) is not None:
                return answer(asked, **found.groupdict())
        return _nothing()

    async def _send(self, answer: Answer, receive: Receive, send: Send, *, head: bool) -> None:
        pace = self._pace if answer.slow and not head and not self.hurry else Pace()
        if pace.latency:
            await asyncio.sleep(pace.latency)
        headers = {**answer.headers, "x-robots-tag": "noindex"}
        if answer.status != HTTPStatus.NOT_MODIFIED:
            headers["content-length"] = str(len(answer.body))
        told = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": int(answer.status), "headers": told})
        if head or pace.rate is None:
            await send({"type": "http.response.body", "body": b"" if head else answer.body})
            return
        gone = asyncio.ensure_future(_gone(receive))
        begun = time.monotonic()
        for start in range(0, len(answer.body), _CHUNK):
            wait = start / pace.rate - (time.monotonic() - begun)
            if gone.done():
                return
            if wait > 0 and not self.hurry:
                await asyncio.sleep(wait)
            part = answer.body[start : start + _CHUNK]
            await send({"type": "http.response.body", "body": part, "more_body": start + _CHUNK < len(answer.body)})
        gone.cancel()

    def _index(self, _: Mapping[str, str]) -> Answer:
        threads = [(thread, len(thread.posts(self._clock()))) for thread in self._threads.values()]
        return answers.page(page("index.html", threads=threads, galleries=GALLERIES, films=FILM_PAGES))

    def _credits(self, _: Mapping[str, str]) -> Answer:
        return answers.page(page("credits.html", photographs=list(pictures.photographs().values())))

    def _thread(self, _: Mapping[str, str], thread: str, page: str | None, post: str | None) -> Answer:
        found = self._threads.get(thread)
        if found is None:
            return _nothing()
        posts = found.posts(self._clock())
        if post is not None:
            return _to_post(found, posts, int(post))
        pages = -(-len(posts) // PER_PAGE)
        current = int(page or 1)
        if not 1 <= current <= pages:
            return _nothing()
        if page == "1":
            return answers.moved(found.path)
        return answers.page(_thread_page(found, posts, current, pages))

    def _attachment(self, asked: Mapping[str, str], number: str) -> Answer:
        for thread in self._threads.values():
            film = next((post.film for post in thread.first if post.film and str(post.film_id) == number), None)
            if film is not None:
                return self._film(asked, film)
        picture = self._attached_picture(number)
        if picture is None:
            return _nothing()
        return answers.file(pictures.jpeg(picture), "image/jpeg", OPENED, asked, name=f"{picture.name}.jpg")

    def _attachment_small(self, asked: Mapping[str, str], number: str) -> Answer:
        picture = self._attached_picture(number)
        if picture is None:
            return _nothing()
        return answers.file(pictures.thumbnail(picture), "image/jpeg", OPENED, asked, slow=False)

    def _attached_picture(self, number: str) -> pictures.Picture | None:
        if number in self._attached:
            return self._attached[number].picture
        for thread in self._threads.values():  # one of a post that has come since
            for post in thread.posts(self._clock())[len(thread.first) :]:
                for one in post.shown:
                    if str(one.attachment) == number:
                        return one.picture
        return None

    def _picture(self, asked: Mapping[str, str], name: str) -> Answer:
        picture = pictures.pictures().get(name)
        return answers.file(pictures.jpeg(picture), "image/jpeg", OPENED, asked) if picture else _nothing()

    def _thumbnail(self, asked: Mapping[str, str], name: str) -> Answer:
        picture = pictures.pictures().get(name)
        if picture is None:
            return _nothing()
        return answers.file(pictures.thumbnail(picture), "image/jpeg", OPENED, asked, slow=False)

    def _avatar(self, asked: Mapping[str, str], number: str) -> Answer:
        return _png(pictures.avatar(int(number) + 2), asked)

    def _banner(self, asked: Mapping[str, str], number: str) -> Answer:
        return _png(pictures.banner(int(number)), asked)

    def _smiley(self, asked: Mapping[str, str]) -> Answer:
        return _png(pictures.smiley(), asked)

    def _style(self, asked: Mapping[str, str]) -> Answer:
        return answers.file(shipped("templates/site.css"), "text/css; charset=utf-8", OPENED, asked, slow=False)

    def _gallery(self, _: Mapping[str, str], name: str) -> Answer:
        gallery = self._galleries.get(name)
        return answers.page(page("gallery.html", gallery=gallery, shown=_shown(gallery))) if gallery else _nothing()

    def _film_page(self, _: Mapping[str, str], name: str) -> Answer:
        film = next((film for film in FILM_PAGES if film.name == name), None)
        return answers.page(page("film.html", film=film)) if film else _nothing()

    def _film(self, asked: Mapping[str, str], name: str) -> Answer:
        if name not in FILMS:
            return _nothing()
        return answers.file(shipped(f"clips/{name}.mp4"), "video/mp4", OPENED, asked, name=f"{name}.mp4")

    def _film_part(self, asked: Mapping[str, str], part: str) -> Answer:
        kind = _TYPES[part.rpartition(".")[2]]
        return answers.file(shipped(f"clips/woodland-brook/{part}"), kind, OPENED, asked, slow=kind != _TYPES["m3u8"])


async def _call(scope: Scope, path: str, headers: Mapping[str, str], receive: Receive) -> Asked:
    """A call with its query and body."""
    body, more = b"", True
    while more and len(body) <= LONGEST_BODY:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    client = scope["client"][0] if scope.get("client") else ""
    return Asked(scope["method"], path, client, headers, query, body[:LONGEST_BODY])


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _nothing() -> Answer:
    sorry = page("sorry.html", title="Nothing here", words="There is nothing at this address.")
    return answers.page(sorry, HTTPStatus.NOT_FOUND)


def _png(body: bytes, asked: Mapping[str, str]) -> Answer:
    return answers.file(body, "image/png", OPENED, asked, slow=False)


def _to_post(thread: Thread, posts: Sequence[Post], post_id: int) -> Answer:
    for place, post in enumerate(posts):
        if post.id == post_id:
            return answers.moved(f"{_path(thread, place // PER_PAGE + 1)}#post-{post_id}", HTTPStatus.SEE_OTHER)
    return _nothing()


def _path(thread: Thread, number: int) -> str:
    return thread.path if number == 1 else f"{thread.path}page-{number}"


def _thread_page(thread: Thread, posts: Sequence[Post], current: int, pages: int) -> str:
    return page(
        "thread.html",
        thread=thread,
        posts=posts[(current - 1) * PER_PAGE : current * PER_PAGE],
        current=current,
        pages=[(number, _path(thread, number)) for number in range(1, pages + 1)],
        previous=_path(thread, current - 1) if current > 1 else None,
        next=_path(thread, current + 1) if current < pages else None,
        people=PEOPLE,
        when=_when,
    )


def _when(at: datetime) -> str:
    return f"{at:%d %B %Y, %H:%M}".lstrip("0")


def _shown(gallery: Gallery) -> Sequence[pictures.Picture]:
    return [pictures.pictures()[name] for name in gallery.pictures]
