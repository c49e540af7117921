"""The connector against real forums: Misago and FlaskBB, each filled through its own API or forms."""

import asyncio
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import cast

import pytest
from servers.flaskbb_server import FlaskBB, flaskbb
from servers.misago_server import Misago, misago
from servers.pictures import picture, picture_host

from entourage.kernel.egress import Gate
from entourage.kernel.errors import Gone
from entourage.kernel.transfer import Client
from entourage.networks import forum
from entourage.networks.facts import PostFact
from entourage.networks.model import About, Cursor, Media, MediaKind, Net, Target

POSTS = 46
ATTACHED = picture(201, (640, 480))


@pytest.fixture(scope="module")
def pictures() -> Generator[str]:
    files = {f"/p/{n}.jpg": picture(n, (640, 480)) for n in range(80)}
    files |= {f"/t/{n}.jpg": picture(n, (64, 48)) for n in range(80)}
    with picture_host(files) as url:
        yield url


@pytest.fixture(scope="module")
def real_misago(tmp_path_factory: pytest.TempPathFactory) -> Generator[Misago]:
    with misago(tmp_path_factory.mktemp("misago")) as server:
        yield server


@pytest.fixture(scope="module")
def real_flaskbb(tmp_path_factory: pytest.TempPathFactory) -> Generator[FlaskBB]:
    with flaskbb(tmp_path_factory.mktemp("flaskbb")) as server:
        yield server


def reply_text(n: int, pictures: str, quote: str) -> tuple[str, str | None]:
    """What the nth reply says, and the path of the picture that is its own and new, if it has one."""
    match n % 6:
        case 0:
            return quote.format(f"![q]({pictures}/p/quoted-{n}.jpg)") + "\n\nWell said.", None
        case 1:
            return f"An inline one: ![a]({pictures}/p/{n}.jpg)", f"/p/{n}.jpg"
        case 2:
            return f"[![small]({pictures}/t/{n}.jpg)]({pictures}/p/{n}.jpg)", f"/p/{n}.jpg"
        case 3:
            return f"The same again: ![a]({pictures}/p/1.jpg?v={n})", None
        case 4:
            return f"Only [a link]({pictures}/p/{n}.jpg) to it.", f"/p/{n}.jpg"
        case _:
            return f"See [the page]({pictures}/about.html), [the film](https://video.example.com/embed/1).", None


def listing(target: Target) -> tuple[list[Media], list[Cursor], list[About]]:
    async def collect() -> tuple[list[Media], list[Cursor], list[About]]:
        net = Client(Gate((ip_network("127.0.0.0/8"),)))
        try:
            found = [one async for one in forum.expand(target, cast("Net", net))]  # it starts no child process
        finally:
            await net.close()
        return (
            [one for one in found if isinstance(one, Media)],
            [one for one in found if isinstance(one, Cursor)],
            [one for one in found if isinstance(one, About)],
        )

    return asyncio.run(collect())


def told(url: str) -> list[tuple[str, object]]:
    """The author and the words of each post of a thread."""

    async def collect() -> list[tuple[str, object]]:
        net = Client(Gate((ip_network("127.0.0.0/8"),)))
        try:
            found = [one async for one in forum.expand(Target(url), cast("Net", net))]
        finally:
            await net.close()
        return [(one.author, one.caption) for one in found if isinstance(one, PostFact)]

    return asyncio.run(collect())


def fetched(media: Media) -> bytes:
    async def fetch() -> bytes:
        net = Client(Gate((ip_network("127.0.0.0/8"),)))
        try:
            return (await net.read(media.url, headers=media.headers)).body
        finally:
            await net.close()

    return asyncio.run(fetch())


def host(url: str) -> str:
    return url.removeprefix("http://")


def test_a_misago_thread_is_read_whole_and_a_second_run_lists_only_what_was_added(
    real_misago: Misago, pictures: str
) -> None:
    quote = '[quote="someone"]{}[/quote]'
    thread = real_misago.start_thread("Photos of things", f"The first: ![0]({pictures}/p/0.jpg)")
    expected = [f"{host(pictures)}/p/0.jpg"]
    for n in range(1, POSTS - 1):
        text, own = reply_text(n, pictures, quote)
        _ = real_misago.reply(thread, text)
        expected += [host(pictures) + own] if own else []
    upload = real_misago.upload("harbour.jpg", ATTACHED, "image/jpeg")
    _ = real_misago.reply(thread, "Attached.", [upload])
    expected.append(f"{host(real_misago.url)}/attachment/{upload}")

    media, cursors, abouts = listing(Target(thread.url))

    assert [one.key for one in media] == expected
    assert [one.title for one in abouts] == ["Photos of things"]
    assert len(cursors) == 3
    attached = media[-1]
    assert (attached.filename, attached.kind, fetched(attached)) == ("harbour.jpg", MediaKind.IMAGE, ATTACHED)
    assert {one.author for one in media} == {"admin"}
    assert all(one.posted_at and abs(datetime.now(UTC) - one.posted_at) < timedelta(hours=1) for one in media)
    assert media[1].page_url == f"{thread.url}post/{media[1].facts['post_id']}/"

    assert listing(Target(thread.url, after=cursors[-1].value))[0] == []
    last = real_misago.reply(thread, f"![n]({pictures}/p/60.jpg)")
    added = [f"{host(pictures)}/p/60.jpg"]
    for n in range(61, 80):
        _ = real_misago.reply(thread, f"![n]({pictures}/p/{n}.jpg)")
        added.append(f"{host(pictures)}/p/{n}.jpg")
    grown, later, _ = listing(Target(thread.url, after=cursors[-1].value))
    assert [one.key for one in grown] == added
    assert last

    ids = [int(str(one.facts["post_id"])) for one in grown]
    for post in ids[-18:]:
        real_misago.delete_post(thread, post)
    assert listing(Target(thread.url, after=later[-1].value))[0] == []
    _ = real_misago.reply(thread, f"![n]({pictures}/p/42.jpg)")
    after_deletion, _, _ = listing(Target(thread.url, after=later[-1].value))
    assert [one.key for one in after_deletion] == [f"{host(pictures)}/p/42.jpg"]


def test_what_people_wrote_in_a_misago_thread_is_known_without_what_they_quote(real_misago: Misago) -> None:
    thread = real_misago.start_thread("Words", "First words, *with* stress, on #sea.")
    _ = real_misago.reply(thread, '[quote="someone"]Old words.[/quote]\n\nMy own words.')
    author = f"{host(real_misago.url)}/admin"
    assert told(thread.url) == [(author, "First words, with stress, on #sea."), (author, "My own words.")]


def test_a_misago_address_of_a_later_page_means_the_whole_thread_and_limits_are_kept(
    real_misago: Misago, pictures: str
) -> None:
    thread = real_misago.start_thread("A longer one", f"![0]({pictures}/p/0.jpg)")
    for n in range(1, 30):
        _ = real_misago.reply(thread, f"![n]({pictures}/p/{n}.jpg)")
    whole = [f"{host(pictures)}/p/{n}.jpg" for n in range(30)]

    assert [one.key for one in listing(Target(f"{thread.url}2/"))[0]] == whole
    media, cursors, _ = listing(Target(thread.url, limit=5))
    assert [one.key for one in media] == whole[:5]
    assert cursors == []
    posted = listing(Target(thread.url))[0][19].posted_at
    assert [one.key for one in listing(Target(thread.url, since=posted))[0]] == whole[19:]


def test_a_missing_misago_thread_is_gone(real_misago: Misago) -> None:
    with pytest.raises(Gone):
        _ = listing(Target(f"{real_misago.url}/t/never-was/987654/"))
    with pytest.raises(Gone, match="no posts"):
        _ = listing(Target(f"{real_misago.url}/categories/"))


def test_a_flaskbb_topic_is_read_whole_and_a_second_run_lists_only_what_was_added(
    real_flaskbb: FlaskBB, pictures: str
) -> None:
    real_flaskbb.sign(f"![signed]({pictures}/p/70.jpg)")
    topic = real_flaskbb.start_topic("Photos of things", f"The first: ![0]({pictures}/p/0.jpg)")
    expected = [f"{host(pictures)}/p/0.jpg"]
    for n in range(1, POSTS - 1):
        text, own = reply_text(n, pictures, "> You said {}")
        real_flaskbb.reply(topic, text)
        expected += [host(pictures) + own] if own else []
    real_flaskbb.reply(topic, "Attached.", ("harbour.jpg", ATTACHED, "image/jpeg"))

    media, cursors, abouts = listing(Target(topic.url))

    assert [one.key for one in media[:-1]] == expected
    attached = media[-1]
    assert (attached.filename, attached.kind) == ("harbour.jpg", MediaKind.IMAGE)
    assert attached.key.startswith(f"{host(real_flaskbb.url)}/uploads/attachment/")
    assert fetched(attached) == ATTACHED
    assert [one.title for one in abouts] == ["Photos of things"]
    assert len(cursors) == 5
    assert {one.author for one in media} == {"admin"}
    assert all(one.posted_at and abs(datetime.now(UTC) - one.posted_at) < timedelta(hours=1) for one in media)

    assert listing(Target(topic.url, after=cursors[-1].value))[0] == []
    for n in range(60, 67):
        real_flaskbb.reply(topic, f"![n]({pictures}/p/{n}.jpg)")
    grown, _, _ = listing(Target(topic.url, after=cursors[-1].value))
    assert [one.key for one in grown] == [f"{host(pictures)}/p/{n}.jpg" for n in range(60, 67)]


def test_what_people_wrote_in_a_flaskbb_topic_is_known_without_what_they_quote(real_flaskbb: FlaskBB) -> None:
    topic = real_flaskbb.start_topic("Words", "First words, *with* stress, on sea.")
    real_flaskbb.reply(topic, "> Old words.\n\nMy own words.")
    author = f"{host(real_flaskbb.url)}/admin"
    assert told(topic.url) == [(author, "First words, with stress, on sea."), (author, "My own words.")]


def test_a_missing_flaskbb_topic_is_gone(real_flaskbb: FlaskBB) -> None:
    with pytest.raises(Gone):
        _ = listing(Target(f"{real_flaskbb.url}/topic/987654"))


def test_pictures_that_a_thread_links_to_come_as_they_were_posted(real_flaskbb: FlaskBB, pictures: str) -> None:
    topic = real_flaskbb.start_topic("One", f"[![small]({pictures}/t/9.jpg)]({pictures}/p/9.jpg)")
    media, _, _ = listing(Target(topic.url))
    assert [fetched(one) for one in media] == [picture(9, (640, 480))]
    assert media[0].facts["preview_url"] == f"{pictures}/t/9.jpg"
    assert media[0].headers["Referer"].startswith(topic.url)
