"""The sandbox is real HTTP with known contents: what the connectors find in it must be exactly what is there."""

import asyncio
import io
import tomllib
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.resources import files
from ipaddress import ip_network
from pathlib import Path

import httpx
import pytest
from PIL import Image
from testclock import TestClock

from entourage.kernel.egress import Gate
from entourage.kernel.world import World
from entourage.networks import forum, sandbox, web
from entourage.networks.model import About, Cursor, Expands, Found, Media, MediaKind, Target, Way
from entourage.networks.sandbox import galleries, pictures, talk
from entourage.networks.sandbox.answers import Pace
from entourage.networks.sandbox.server import Place, Sandbox, running
from entourage.networks.sandbox.talk import How, Post


@asynccontextmanager
async def beside(tmp_path: Path, **options: object) -> AsyncGenerator[tuple[Sandbox, World]]:
    async with running(**options) as site, World(Gate([ip_network("127.0.0.1/32")]), tmp_path / "scratch") as world:  # pyright: ignore[reportArgumentType]  # what the test names
        yield site, world


async def found(reader: Expands, target: Target, world: World) -> list[Found]:
    return [one async for one in reader.expand(target, world)]


def media(told: Sequence[Found]) -> list[Media]:
    return [one for one in told if isinstance(one, Media)]


def addresses(site: Sandbox, posts: Sequence[Post]) -> list[str]:
    """What a reader of these posts must find, from what was written and not from how it is shown."""
    listed: list[str] = []
    for post in posts:
        inline = [one.address for one in post.shown if one.how is not How.ATTACHED]
        attached = [one.address for one in post.shown if one.how is How.ATTACHED]
        lost = ["/pictures/lost-roll.jpg"] if post.loses else []
        film = [f"/data/video/0/{post.film_id}-{post.film}.mp4"] if post.film else []
        listed += [site.url + path for path in (*inline, *lost, *attached, *film)]
    return listed


@pytest.mark.parametrize("number", range(len(talk.PLANS)))
def test_every_thread_is_read_completely_and_nothing_else_is_taken_from_it(tmp_path: Path, number: int) -> None:
    async def go() -> None:
        async with beside(tmp_path) as (site, world):
            told = await found(forum, Target(site.threads[number].url), world)
            thread = talk.threads(1)[number]
            assert [one.url for one in media(told)] == addresses(site, thread.first)
            assert [one.title for one in told if isinstance(one, About)] == [thread.plan.title]
            pages = -(-len(thread.first) // talk.PER_PAGE)
            assert len([one for one in told if isinstance(one, Cursor)]) == pages

    asyncio.run(go())


def test_the_long_thread_has_six_pages_about_sixty_pictures_quotes_and_two_films(tmp_path: Path) -> None:
    thread = talk.threads(1)[1]
    shown = [one for post in thread.first for one in post.shown]
    assert len(thread.first) == 6 * talk.PER_PAGE
    assert 50 <= len(shown) <= 80
    assert len({one.picture.name for one in shown}) == len(shown)
    assert {one.how for one in shown} == set(How)
    assert any(post.quoted and post.quoted.shown for post in thread.first)
    assert [post.film for post in thread.first if post.film] == list(talk.FILMS)


def test_posts_that_came_since_are_found_from_where_an_earlier_look_ended(tmp_path: Path, clock: TestClock) -> None:
    async def go() -> None:
        starts = [clock.now]
        async with beside(tmp_path, clock=clock, starts=starts) as (site, world):
            growing = site.threads[3].url
            first = await found(forum, Target(growing), world)
            cursor = [one.value for one in first if isinstance(one, Cursor)][-1]
            clock.advance(60 * 7 + 30)
            second = await found(forum, Target(growing, after=cursor), world)
            posts = talk.threads(1, starts)[3].posts(clock.now)
            assert len(posts) == len(talk.threads(1, starts)[3].first) + 7
            assert [one.url for one in media(second)] == addresses(site, posts[-7:])
            assert [one.posted_at for one in media(second)] == [starts[0] + timedelta(minutes=n) for n in range(1, 8)]
            async with httpx.AsyncClient() as client:
                newest = await client.get(media(second)[-1].url)
            assert newest.status_code == 200

    asyncio.run(go())


def test_the_talk_falls_silent_after_a_while_and_goes_on_after_the_next_start(clock: TestClock) -> None:
    day = timedelta(days=1)
    once = talk.threads(1, [clock.now])[3]
    twice = talk.threads(1, [clock.now, clock.now + day])[3]
    assert len(once.posts(clock.now + day)) == len(once.first) + talk.MOST_GROWN
    later = twice.posts(clock.now + day + timedelta(minutes=3))
    assert len(later) == len(once.first) + talk.MOST_GROWN + 3
    assert list(later[:-3]) == list(once.posts(clock.now + day))
    assert [post.id for post in later] == sorted({post.id for post in later})


@pytest.mark.parametrize("number", range(len(galleries.GALLERIES)))
def test_a_gallery_is_read_in_full_size_and_without_its_furniture(tmp_path: Path, number: int) -> None:
    async def go() -> None:
        async with beside(tmp_path) as (site, world):
            told = media(await found(web, Target(site.galleries[number].url), world))
            wanted = [f"{site.url}/pictures/{name}.jpg" for name in galleries.GALLERIES[number].pictures]
            assert [one.url for one in told] == wanted

    asyncio.run(go())


def test_films_are_found_as_a_file_and_as_a_playlist_whose_pieces_are_there(tmp_path: Path) -> None:
    async def go() -> None:
        async with beside(tmp_path) as (site, world), httpx.AsyncClient() as client:
            whole, pieces = [media(await found(web, Target(page.url), world)) for page in site.videos]
            assert [(one.kind, one.way) for one in whole] == [(MediaKind.VIDEO, Way.DIRECT)]
            assert [(one.kind, one.way) for one in pieces] == [(MediaKind.VIDEO, Way.STREAM)]
            playlist = (await client.get(pieces[0].url)).text
            names = [line for line in playlist.splitlines() if line and not line.startswith("#")]
            parts = [(await client.get(f"{site.url}/films/woodland-brook/{name}")) for name in ["start.mp4", *names]]
            assert [part.status_code for part in parts] == [200] * 5
            film = await client.get(whole[0].url)
            assert film.headers["content-type"] == "video/mp4"
            assert film.content[4:8] == b"ftyp"

    asyncio.run(go())


def test_what_a_browser_needs_for_every_page_is_there(tmp_path: Path) -> None:
    async def go() -> None:
        async with running() as site, httpx.AsyncClient(base_url=site.url, follow_redirects=True) as client:
            pages = [site.url, *(each.url for each in (*site.threads, *site.galleries, *site.videos))]
            links: set[str] = set()
            for address in pages:
                links |= _links((await client.get(address)).text)
            answers = {link: (await client.get(link)).status_code for link in sorted(links) if link.startswith("/")}
            odd = {link: status for link, status in answers.items() if status != 200}
            assert set(odd.values()) <= {404, 503}
            assert [link for link, status in odd.items() if status == 404] == ["/pictures/lost-roll.jpg"]

    asyncio.run(go())


def _links(html: str) -> set[str]:
    parts = html.replace('src="', 'href="').split('href="')[1:]
    return {part.partition('"')[0].partition("#")[0] for part in parts}


def test_two_sandboxes_of_one_seed_are_the_same_byte_for_byte_and_of_another_are_not() -> None:
    async def read(seed: int) -> list[bytes]:
        async with running(seed=seed) as site, httpx.AsyncClient() as client:
            thread = site.threads[0].url
            page = (await client.get(thread)).content
            small = await client.get(f"{site.url}/thumbs/fig-left.jpg")
            return [page, small.content, small.headers["etag"].encode()]

    first, again, other = (asyncio.run(read(seed)) for seed in (1, 1, 2))
    assert first == again
    assert first[0] != other[0]


def test_ranges_are_answered_and_only_of_the_file_that_the_asker_began_with() -> None:
    async def go() -> None:
        async with running() as site, httpx.AsyncClient() as client:
            url = f"{site.url}/pictures/raccoon-whole.jpg"
            whole = await client.get(url)
            size, tag, date = len(whole.content), whole.headers["etag"], whole.headers["last-modified"]

            async def ask(**headers: str) -> httpx.Response:
                return await client.get(url, headers={name.replace("_", "-"): told for name, told in headers.items()})

            part = await ask(range="bytes=100-199", if_range=tag)
            assert (part.status_code, part.content) == (206, whole.content[100:200])
            assert part.headers["content-range"] == f"bytes 100-199/{size}"
            assert (await ask(range=f"bytes={size - 5}-", if_range=date)).content == whole.content[-5:]
            assert (await ask(range="bytes=-7")).content == whole.content[-7:]
            assert (await ask(range=f"bytes=0-{size * 2}")).headers["content-range"] == f"bytes 0-{size - 1}/{size}"
            assert (await ask(range="bytes=5-9", if_range='"another"')).content == whole.content
            assert (await ask(range="bytes=0-1,4-5")).content == whole.content
            beyond = await ask(range=f"bytes={size}-")
            assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
            assert (await ask(if_none_match=f'"x", {tag}')).status_code == 304
            assert (await ask(if_modified_since=date)).status_code == 304
            assert (await ask(if_modified_since="yesterday")).status_code == 200
            head = await client.head(url)
            assert (head.content, head.headers["content-length"]) == (b"", str(size))
            assert (await client.post(url)).status_code == 405

    asyncio.run(go())


def test_one_picture_fails_at_the_first_try_and_says_when_to_come_again() -> None:
    async def go() -> None:
        (path,) = talk.stumbling(talk.threads(1))
        async with running() as site, httpx.AsyncClient() as client:
            first, second = [await client.get(site.url + path) for _ in range(2)]
            assert (first.status_code, first.headers["retry-after"]) == (503, "2")
            assert (second.status_code, second.headers["content-type"]) == (200, "image/jpeg")

    asyncio.run(go())


@pytest.mark.parametrize(
    "path",
    [
        "/threads/nothing.999/",
        "/threads/a-handful-of-favourites.101/page-2",
        "/threads/a-handful-of-favourites.101/post-7",
        "/attachments/x-jpg.1/",
        "/pictures/nobody-whole.jpg",
        "/films/../../talk.py",
        "/films/%2e%2e/%2e%2e/photographs/cat.jpg",
        "/styles/site.css/../../site.py",
        "/galleries/",
    ],
)
def test_what_is_not_there_is_told_so(path: str) -> None:
    async def go() -> None:
        async with running() as site:
            reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
            writer.write(f"GET {path} HTTP/1.1\r\nhost: sandbox\r\nconnection: close\r\n\r\n".encode())
            assert (await reader.read()).startswith(b"HTTP/1.1 404 ")
            writer.close()
            await writer.wait_closed()

    asyncio.run(go())


def test_a_post_has_an_address_that_leads_to_its_page() -> None:
    async def go() -> None:
        async with running() as site, httpx.AsyncClient() as client:
            post = talk.threads(1)[1].first[25]
            answer = await client.get(f"{site.threads[1].url}post-{post.id}")
            assert answer.status_code == 303
            assert answer.headers["location"].endswith(f"/page-3#post-{post.id}")

    asyncio.run(go())


def test_a_slow_line_ends_at_once_when_the_sandbox_does() -> None:
    async def go() -> int:
        async with running(pace=Pace(rate=1)) as site:
            reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
            writer.write(b"GET /pictures/cat-left.jpg HTTP/1.1\r\nhost: sandbox\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
        left = await reader.read()
        writer.close()
        return len(left)

    assert asyncio.run(go()) <= len(pictures.jpeg(pictures.pictures()["cat-left"]))


def test_a_port_that_is_taken_is_an_error_and_not_a_hang() -> None:
    async def go() -> None:
        async with running() as site:
            with pytest.raises(OSError, match="in use"):
                async with running(port=site.port):
                    pass

    asyncio.run(go())


def test_every_photograph_ships_small_and_says_who_took_it_and_what_may_be_done_with_it() -> None:
    shipped = {each.name: each.read_bytes() for each in files(sandbox).joinpath("photographs").iterdir()}
    told = tomllib.loads(shipped.pop("CREDITS.toml").decode())
    assert {f"{name}.jpg" for name in told} == set(shipped)
    assert sum(map(len, shipped.values())) < 4_000_000
    for photograph in pictures.photographs().values():
        assert photograph.licence in {"CC0-1.0", "CC-BY-4.0", "Public domain"}
        assert photograph.licence_url.startswith("http")
        with Image.open(io.BytesIO(shipped[f"{photograph.name}.jpg"])) as image:
            assert max(image.size) <= 1600


def test_every_picture_is_another_one_and_carries_its_maker() -> None:
    made = {picture.name: pictures.thumbnail(picture) for picture in pictures.pictures().values()}
    assert len(set(made.values())) == len(made) >= 60
    with Image.open(io.BytesIO(made["fig-wide"])) as image:
        about = image.getexif()
    assert about[0x013B] == 'Trevor "Freespace", 2018'
    assert about[0x8298].startswith("CC-BY-4.0 ")


def test_places_can_be_shown_to_people(tmp_path: Path) -> None:
    async def go() -> list[Place]:
        async with running() as site:
            return [*site.threads, *site.galleries, *site.videos]

    places = asyncio.run(go())
    assert all(place.title and place.about for place in places)
    assert len({place.url for place in places}) == len(places)
