"""The walk through a thread: all pages, grown threads, thinned threads, circles, walls and challenges."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from entourage.kernel.answers import error_of_status
from entourage.kernel.errors import Challenged, EntourageError, Gone
from entourage.networks import forum
from entourage.networks.facts import MediaFact, PostFact, ProfileFact
from entourage.networks.model import About, Cursor, Found, Media, Target
from entourage.networks.registry import reader_for

START = datetime(2024, 1, 1, tzinfo=UTC)
THREAD = "https://boats.example.com/threads/piers.9/"


@dataclass(frozen=True, slots=True)
class Answer:
    url: str
    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def text(self) -> str:
        return self.body.decode()


class Site:
    """A forum that answers from memory, and remembers what it was asked. Satisfies networks.model.Net."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def answer(self, url: str) -> Answer:
        raise AssertionError(f"this forum has no {url}")

    async def read(self, url: str, **_: object) -> Answer:
        self.asked.append(url)
        return self.answer(url)

    async def head(self, url: str, **_: object) -> Answer:
        return await self.read(url)

    async def lines(self, *_: object, **__: object) -> AsyncGenerator[str]:
        raise AssertionError("a forum needs no child process")
        yield ""


class Board(Site):
    """A thread in XenForo's markup; a post shows one picture named after it, and was written an hour after the last."""

    def __init__(self, posts: Sequence[int], per_page: int = 5) -> None:
        super().__init__()
        self.posts = list(posts)
        self.per_page = per_page
        self.circle = False

    def answer(self, url: str) -> Answer:
        page = int(url.partition("/page-")[2].partition("#")[0] or 1)
        shown = self.posts[(page - 1) * self.per_page : page * self.per_page]
        if not shown:
            raise Gone(f"{url} does not exist (404).")
        pages = -(-len(self.posts) // self.per_page)
        links = "".join(
            f'<li class="pageNav-page"><a href="{THREAD}{f"page-{n}" if n > 1 else ""}">{n}</a></li>'
            for n in range(1, pages + 1)
        )
        following = 1 if self.circle and page == pages else page + 1
        ahead = f'<link rel="next" href="{THREAD}page-{following}">' if self.circle or page < pages else ""
        back = f'<link rel="prev" href="{THREAD}{f"page-{page - 1}" if page > 2 else ""}">' if page > 1 else ""
        articles = "".join(
            f'<article class="message" data-author="Ada" data-content="post-{post}">'
            f'<time class="u-dt" data-time="{int((START + timedelta(hours=post)).timestamp())}"></time>'
            f'<div class="message-body"><img src="https://pics.example.org/{post}.jpg"></div></article>'
            for post in shown
        )
        body = f'<html id="XF"><head>{ahead}{back}</head><h1 class="p-title-value">Piers</h1>{links}{articles}</html>'
        return Answer(url, body.encode())


class Talk(Site):
    """A Discourse topic of these posts, each with one picture named after it."""

    def __init__(self, posts: Sequence[int]) -> None:
        super().__init__()
        self.posts = list(posts)

    def answer(self, url: str) -> Answer:
        parts = urlsplit(url)
        if parts.path == "/t/15.json":
            return self._json(url, {**self._stream(self.posts[:20]), "id": 15, "slug": "moss", "title": "Moss"})
        if parts.path == "/t/15/posts.json":
            return self._json(url, self._stream([int(post) for post in parse_qs(parts.query)["post_ids[]"]]))
        return Answer(url, b'<html><meta name="generator" content="Discourse 3.3.0"><body></body></html>')

    def _stream(self, ids: Sequence[int]) -> dict[str, object]:
        posts = [{"id": i, "post_number": i, "username": "hal", "cooked": f'<img src="/uploads/{i}.jpg">'} for i in ids]
        return {"post_stream": {"posts": posts, "stream": self.posts}}

    def _json(self, url: str, told: dict[str, object]) -> Answer:
        return Answer(url, json.dumps(told).encode(), headers={"content-type": "application/json; charset=utf-8"})


class Single(Site):
    """One page, whatever is asked."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html

    def answer(self, url: str) -> Answer:
        return Answer(url, self.html.encode())


def expand(site: Site, target: Target) -> list[Found]:
    async def collect() -> list[Found]:
        return [one async for one in forum.expand(target, site)]

    return asyncio.run(collect())


def names(found: Sequence[Found]) -> list[int]:
    return [int(one.filename.removesuffix(".jpg")) for one in found if isinstance(one, Media)]


def last_cursor(found: Sequence[Found]) -> str:
    return [one.value for one in found if isinstance(one, Cursor)][-1]


def test_what_posts_say_and_who_wrote_them_is_known_each_once() -> None:
    found = expand(Board(range(1, 13)), Target(THREAD))
    people = [one for one in found if isinstance(one, ProfileFact)]
    assert [(one.id, one.username) for one in people] == [("boats.example.com/Ada", "Ada")]
    told = [one for one in found if isinstance(one, PostFact)]
    assert [one.id for one in told] == [f"boats.example.com/{number}" for number in range(1, 13)]
    assert (told[4].author, told[4].posted_at) == ("boats.example.com/Ada", START + timedelta(hours=5))
    assert told[4].url == f"{THREAD}post-5"
    assert told[4].media == (MediaFact(url="https://pics.example.org/5.jpg", type="image"),)


def test_a_post_without_files_is_told_and_what_it_quotes_is_not_its_own() -> None:
    html = """<html id="XF"><h1 class="p-title-value">Piers</h1>
      <article class="message" data-author="Bo" data-content="post-7"><div class="message-body">
      <blockquote class="bbCodeBlock--quote">Ada said: <b>never</b></blockquote>
      <p>I   disagree,<br>my friend.</p><script>let x = 1</script><div>Come &amp; see #piers</div></div>
      <div class="message-signature">Sent from a boat</div></article></html>"""
    (post,) = [one for one in expand(Single(html), Target(THREAD)) if isinstance(one, PostFact)]
    assert (post.author, post.caption) == ("boats.example.com/Bo", "I disagree,\nmy friend.\nCome & see #piers")


def test_every_page_is_read_once_and_each_ends_with_a_cursor() -> None:
    board = Board(range(1, 13))
    found = expand(board, Target(THREAD))
    assert names(found) == list(range(1, 13))
    assert board.asked == [THREAD, f"{THREAD}page-2", f"{THREAD}page-3"]
    assert isinstance(found[0], About)
    assert (found[0].title, found[0].source) == ("Piers", "example")
    assert [isinstance(one, Cursor) for one in found].count(True) == 3
    assert isinstance(found[-1], Cursor)


def test_a_file_is_told_with_all_that_is_known_about_it() -> None:
    media = next(one for one in expand(Board([7]), Target(THREAD)) if isinstance(one, Media))
    assert (media.key, media.url) == ("pics.example.org/7.jpg", "https://pics.example.org/7.jpg")
    assert (media.content_type, media.author, media.caption) == ("images", "Ada", "Piers")
    assert (media.page_url, media.post_key) == (f"{THREAD}post-7", "boats.example.com/post/7")
    assert media.posted_at == START + timedelta(hours=7)
    assert media.headers == {"Referer": THREAD}
    assert media.facts == {
        "engine": "XenForo",
        "thread_id": "9",
        "thread_title": "Piers",
        "thread_url": THREAD,
        "post_id": 7,
    }


def test_an_address_in_the_middle_of_a_thread_means_the_whole_thread() -> None:
    assert names(expand(Board(range(1, 13)), Target(f"{THREAD}page-2#post-8"))) == list(range(1, 13))


def test_a_second_run_reads_the_last_page_again_and_lists_only_newer_posts() -> None:
    board = Board(range(1, 13))
    after = last_cursor(expand(board, Target(THREAD)))
    board.asked.clear()
    assert names(expand(board, Target(THREAD, after=after))) == []
    assert board.asked == [f"{THREAD}page-3"]
    board.posts += [13, 14, 15, 16, 17]
    again = expand(board, Target(THREAD, after=after))
    assert names(again) == [13, 14, 15, 16, 17]
    assert names(expand(board, Target(THREAD, after=last_cursor(again)))) == []


def test_a_thread_that_lost_its_last_posts_and_pages_is_followed_on() -> None:
    board = Board(range(1, 13))
    after = last_cursor(expand(board, Target(THREAD)))
    board.posts = [*range(1, 9), 20]  # the third page is gone, the new post stands on the second
    found = expand(board, Target(THREAD, after=after))
    assert names(found) == [20]
    assert names(expand(board, Target(THREAD, after=last_cursor(found)))) == []


def test_new_posts_that_slid_to_an_earlier_page_are_found() -> None:
    board = Board(range(1, 13))
    after = last_cursor(expand(board, Target(THREAD)))
    board.posts = [1, 2, *range(9, 13), *range(20, 30)]  # six early ones deleted, the last seen is now on page two
    assert names(expand(board, Target(THREAD, after=after))) == list(range(20, 30))


def test_a_cursor_that_is_not_ours_lists_all() -> None:
    for strange in ("", "null", "[]", "{", '{"page": 3}', '{"page": "x", "post": "y"}'):
        assert names(expand(Board([1, 2]), Target(THREAD, after=strange))) == [1, 2]


def test_since_begins_at_the_page_where_that_time_lies() -> None:
    board = Board(range(1, 51))
    since = START + timedelta(hours=38)
    assert names(expand(board, Target(THREAD, since=since))) == list(range(38, 51))
    assert board.asked == [THREAD, *(f"{THREAD}page-{n}" for n in (10, 9, 8))]


def test_a_limit_ends_the_listing_without_a_cursor_for_the_unfinished_page() -> None:
    found = expand(Board(range(1, 13)), Target(THREAD, limit=7))
    assert names(found) == [1, 2, 3, 4, 5, 6, 7]
    assert names(expand(Board(range(1, 13)), Target(THREAD, after=last_cursor(found)))) == list(range(6, 13))


def test_next_links_in_a_circle_end() -> None:
    board = Board(range(1, 13))
    board.circle = True
    assert names(expand(board, Target(THREAD))) == list(range(1, 13))
    assert len(board.asked) == 4


def test_overlapping_pages_list_a_post_once() -> None:
    board = Board([1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 9, 10])
    assert names(expand(board, Target(THREAD))) == list(range(1, 11))


def test_content_types_are_kept_apart() -> None:
    html = (
        '<html id="XF"><article class="message" data-content="post-1"><div class="message-body">'
        '<img src="https://p.example.org/a.jpg"><video src="https://p.example.org/b.mp4"></video>'
        '<a href="/attachments/c-zip.3/">c.zip</a></div></article></html>'
    )
    for content_type, keys in [
        ("images", ["p.example.org/a.jpg"]),
        ("videos", ["p.example.org/b.mp4"]),
        ("files", ["boats.example.com/attachment/3"]),
        (None, ["p.example.org/a.jpg", "p.example.org/b.mp4", "boats.example.com/attachment/3"]),
    ]:
        found = expand(Single(html), Target(THREAD, content_type=content_type))
        assert [one.key for one in found if isinstance(one, Media)] == keys


def test_a_discourse_topic_is_read_in_chunks_and_later_only_what_is_new() -> None:
    talk = Talk(range(100, 150))
    found = expand(talk, Target("https://talk.example.com/t/moss/15/7"))
    assert names(found) == list(range(100, 150))
    assert len(talk.asked) == 4
    talk.asked.clear()
    talk.posts = [*range(100, 148), 160, 161]
    again = expand(talk, Target("https://talk.example.com/t/moss/15", after=last_cursor(found)))
    assert names(again) == [160, 161]
    assert len(talk.asked) == 3
    assert names(expand(talk, Target("https://talk.example.com/t/moss/15", after=last_cursor(again)))) == []


@pytest.mark.parametrize(
    ("html", "error", "says"),
    [
        ("<p>A shop.</p>", Gone, "XenForo, phpBB, vBulletin, Discourse, Misago and FlaskBB"),
        ("<title>Just a moment...</title><script>window._cf_chl_opt={}</script>", Challenged, "human"),
        ("<h1>Checking your browser before accessing boats.example.com</h1>", Challenged, "browser"),
        (
            '<html id="XF"><p class="blockMessage">You must be logged in.</p><input type="password"></html>',
            Gone,
            "members only.*You must be logged in",
        ),
        (
            '<html id="XF"><div class="blockMessage">The thread could not be found.</div></html>',
            Gone,
            'no posts.*"The thread could not be found."',
        ),
        ('<html id="XF"><header><input type="password"></header></html>', Gone, "no posts"),
        ('<meta name="generator" content="Discourse 3.3"><p>Latest topics</p>', Gone, "does not tell its posts"),
        ("", Gone, "not a thread"),
    ],
)
def test_walls_missing_threads_challenges_and_other_pages_are_told_apart(
    html: str, error: type[EntourageError], says: str
) -> None:
    with pytest.raises(error, match=says):
        _ = expand(Single(html), Target("https://boats.example.com/t/piers/9"))


def test_a_challenge_sent_with_a_refusing_status_is_a_challenge() -> None:
    error = error_of_status(403, {"cf-mitigated": "challenge"}, "https://boats.example.com/")
    assert isinstance(error, Challenged)


def test_a_thread_that_speaks_of_challenges_is_still_a_thread() -> None:
    says = '<div class="message-body">checking your browser <img src="/1.jpg"></div>'
    html = f'<html id="XF"><article class="message" data-content="post-1">{says}</article></html>'
    assert names(expand(Single(html), Target(THREAD))) == [1]


@pytest.mark.parametrize(
    "url",
    [
        "https://forum.example.com/threads/holiday-pictures.123/",
        "https://forum.example.com/community/threads/123/page-4",
        "https://forum.example.com/index.php?threads/holiday.123/",
        "https://example.org/forum/viewtopic.php?f=2&t=44&start=10",
        "https://example.org/viewtopic.php?p=311#p311",
        "http://example.net/showthread.php?t=8",
        "http://example.net/showthread.php?9-Old-lamps&p=640",
        "http://example.net/showthread.php/9-Old-lamps",
        "http://example.net/threads/4945-Old-lamps",
        "https://example.com/forum/pots/glazes/318-blue-glaze/page2",
        "https://talk.example.com/t/moss/15/7",
        "https://talk.example.com/t/15",
        "http://127.0.0.1:8000/t/photos/1/2/",
        "http://127.0.0.1:8000/topic/2-photos?page=2",
        "https://example.org/kites-t12-20.html",
    ],
)
def test_threads_are_claimed_by_the_shape_of_their_address(url: str) -> None:
    assert forum.claims(url)
    assert reader_for(url) is forum


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/",
        "https://example.com/forums/",
        "https://example.com/threads/",
        "https://example.com/photos/123.jpg",
        "https://example.org/viewtopic.php",
        "https://example.org/viewforum.php?f=2",
        "https://www.tiktok.com/t/ZT8abcdef/",
        "https://www.threads.net/@someone/post/Cx1",
        "https://talk.example.com/t/moss",
        "https://example.com/topic/",
        "ftp://example.com/threads/a.1/",
        "http://[",
        "threads/a.1",
    ],
)
def test_other_addresses_are_left_to_others(url: str) -> None:
    assert not forum.claims(url)


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("https://www.picturepub.example/threads/a.1/", "picturepub"),
        ("https://forums.boats.example.com/threads/a.1/", "example"),
        ("https://forum.knitting.co.uk/viewtopic.php?t=1", "knitting"),
        ("https://community.io/t/a/1", "community"),
        ("http://127.0.0.1:8000/t/a/1/", "127.0.0.1"),
        ("http://[::1]:8000/t/a/1/", "::1"),
        ("http://localhost/t/a/1/", "localhost"),
    ],
)
def test_a_forum_is_named_by_the_telling_part_of_its_host(url: str, source: str) -> None:
    assert forum.source_of(url) == source
