"""What each engine's pages say, on small pages of our own written in the engine's markup."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from entourage.networks.model import MediaKind
from entourage.networks.threads import discourse, vbulletin
from entourage.networks.threads.engines import HTML, engine_of, is_discourse
from entourage.networks.threads.page import Post, ThreadPage

PAGES = Path(__file__).with_name("threads_pages")


def page(name: str, url: str) -> ThreadPage:
    tree = LexborHTMLParser((PAGES / f"{name}.html").read_text())
    engine = engine_of(tree)
    assert engine is not None
    return engine.parse(tree, url)


def files(post: Post) -> list[tuple[str, str]]:
    return [(file.key, file.filename) for file in post.files]


def test_a_xenforo_2_page_tells_its_thread_and_where_it_leads() -> None:
    read = page("xenforo2", "https://boats.example.com/threads/harbour-walk.123/")
    assert (read.engine, read.title, read.thread_id, read.position, read.pages) == (
        "XenForo",
        "Harbour walk",
        "123",
        1,
        7,
    )
    assert read.next == "https://boats.example.com/threads/harbour-walk.123/page-2"
    assert read.last == "https://boats.example.com/threads/harbour-walk.123/page-7"
    assert read.previous is None
    assert [(post.id, post.number, post.author, post.posted_at) for post in read.posts] == [
        (900, 1, "Ada", datetime(2024, 3, 5, 8, 30, tzinfo=UTC)),
        (905, None, "Bo", datetime(2024, 3, 6, 10, 0, tzinfo=UTC)),
    ]
    assert read.posts[0].url == "https://boats.example.com/threads/harbour-walk.123/post-900"


def test_a_xenforo_2_post_gives_its_own_pictures_films_and_attachments_once_and_nothing_else() -> None:
    read = page("xenforo2", "https://boats.example.com/threads/harbour-walk.123/")
    board = "boats.example.com/attachment"
    assert files(read.posts[0]) == [
        ("pics.example.org/pier.jpg", "pier.jpg"),
        (f"{board}/77", "gulls.jpg"),
        (f"{board}/78", "sail 2.png"),
        ("thumbs.example.org/t/abc.jpg", "abc.jpg"),
        ("pics.example.org/big/tide.JPG", "tide.JPG"),
        ("pics.example.org/hidden.webp", "hidden.webp"),
        (f"{board}/79", "dock.mp4"),
        (f"{board}/80", "times.pdf"),
    ]
    by_name = {file.filename: file for file in read.posts[0].files}
    assert by_name["gulls.jpg"].url == "https://boats.example.com/attachments/gulls-jpg.77/"
    assert by_name["abc.jpg"].viewer == "https://thumbs.example.org/view/abc"
    assert by_name["dock.mp4"].kind is MediaKind.VIDEO
    assert by_name["times.pdf"].kind is MediaKind.FILE
    assert files(read.posts[1]) == [
        ("pics.example.org/pier.jpg", "pier.jpg"),
        ("pics.example.org/s-1600.jpg", "s-1600.jpg"),
    ]


def test_a_post_tells_its_authors_own_words() -> None:
    read = page("xenforo2", "https://boats.example.com/threads/harbour-walk.123/")
    assert [post.text for post in read.posts] == ["Hello\ntide", "again, and mine:"]


def test_a_xenforo_1_page_is_read_with_its_base_address_and_sprites_left_out() -> None:
    read = page("xenforo1", "http://old.example.net/community/threads/bridges.55/page-2")
    assert (read.title, read.thread_id, read.position, read.pages, read.next) == ("Bridges", "55", 2, 2, None)
    assert read.first == "http://old.example.net/community/threads/bridges.55/"
    assert read.previous == "http://old.example.net/community/threads/bridges.55/"
    (post,) = read.posts
    assert (post.author, post.number, post.posted_at) == ("Cy", 21, datetime(2014, 5, 13, 16, 53, 20, tzinfo=UTC))
    assert files(post) == [
        ("pics.example.org/arch.jpg", "arch.jpg"),
        ("old.example.net/community/attachment/12", "stone.jpg"),
        ("old.example.net/community/attachment/13", "cable.png"),
    ]


def test_a_phpbb_page_is_read_without_session_ids_and_with_full_size_attachments() -> None:
    read = page("phpbb33", "https://trains.example.com/forum/viewtopic.php?p=311")
    assert (read.engine, read.title, read.thread_id, read.position, read.pages) == (
        "phpBB",
        "Night service",
        "44",
        11,
        4,
    )
    assert read.first == "https://trains.example.com/forum/viewtopic.php?t=44"
    assert read.next == "https://trains.example.com/forum/viewtopic.php?t=44&start=20"
    assert read.previous == "https://trains.example.com/forum/viewtopic.php?t=44"
    assert read.last == "https://trains.example.com/forum/viewtopic.php?t=44&start=30"
    (post,) = read.posts
    assert (post.id, post.author, post.posted_at) == (311, "Dee", datetime(2023, 11, 2, 21, 15, tzinfo=UTC))
    assert post.url == "https://trains.example.com/forum/viewtopic.php?p=311#p311"
    assert files(post) == [
        ("pics.example.org/platform.jpg", "platform.jpg"),
        ("pics.example.org/full/clock.png", "clock.png"),
        ("trains.example.com/forum/attachment/51", "engine.jpg"),
        ("trains.example.com/forum/attachment/52", "signal.png"),
        ("trains.example.com/forum/attachment/53", "timetable.pdf"),
    ]
    assert post.files[2].url == "https://trains.example.com/forum/download/file.php?id=51&mode=view"
    assert [file.kind for file in post.files[2:]] == [MediaKind.IMAGE, MediaKind.IMAGE, MediaKind.FILE]


def test_a_vbulletin_3_page_is_read_from_its_tables() -> None:
    read = page("vbulletin3", "http://wind.example.org/showthread.php?t=8")
    assert (read.engine, read.title, read.thread_id, read.position, read.pages) == ("vBulletin", "Kites", "8", 1, 3)
    assert read.next == "http://wind.example.org/showthread.php?t=8&page=2"
    assert read.last == "http://wind.example.org/showthread.php?t=8&page=3"
    (post,) = read.posts
    assert (post.id, post.number, post.author) == (71, 1, "Eve")
    assert post.posted_at == datetime(2009, 12, 25, 19, 5, tzinfo=UTC)
    assert files(post) == [
        ("pics.example.org/red.jpg", "red.jpg"),
        ("wind.example.org/attachment/31", "tail.jpg"),
        ("wind.example.org/attachment/32", "plans.zip"),
    ]
    assert post.files[1].url == "http://wind.example.org/attachment.php?attachmentid=31&d=1261764000"


def test_a_vbulletin_4_page_keeps_pictures_in_its_blockquote_bodies_and_drops_quotes() -> None:
    read = page("vbulletin4", "http://lamps.example.net/showthread.php?9-Old-lamps&page=2")
    assert (read.title, read.thread_id, read.position, read.next) == ("Old lamps", "9", 2, None)
    assert read.first == "http://lamps.example.net/showthread.php?9-Old-lamps"
    assert read.previous == "http://lamps.example.net/showthread.php?9-Old-lamps"
    (post,) = read.posts
    assert (post.number, post.author, post.posted_at) == (11, "Fay", datetime(2015, 3, 3, 6, 36, tzinfo=UTC))
    assert files(post) == [
        ("pics.example.org/brass.jpg", "brass.jpg"),
        ("lamps.example.net/attachment/91", "wick.jpg"),
        ("lamps.example.net/attachment/92", "shade.png"),
    ]
    assert post.files[1].url == "http://lamps.example.net/attachment.php?attachmentid=91&d=1425364560"
    assert post.url == "http://lamps.example.net/showthread.php?9-Old-lamps&p=640#post640"


def test_a_vbulletin_5_page_gives_the_full_size_of_its_attachments() -> None:
    read = page("vbulletin5", "https://clay.example.com/forum/pots/glazes/318-blue-glaze")
    assert (read.engine, read.title, read.thread_id, read.pages) == ("vBulletin 5", "Blue glaze", "318", 2)
    assert read.next == "https://clay.example.com/forum/pots/glazes/318-blue-glaze/page2"
    (post,) = read.posts
    assert (post.id, post.number, post.author) == (318, 1, "Gil")
    assert post.posted_at == datetime(2021, 7, 8, 12, 0, tzinfo=UTC)
    assert [(file.key, file.filename, file.url) for file in post.files] == [
        (
            "clay.example.com/forum/attachment/330",
            "bowl.jpg",
            "https://clay.example.com/forum/filedata/fetch?id=330&d=1625745600",
        ),
        (
            "clay.example.com/forum/attachment/331",
            "kiln.png",
            "https://clay.example.com/forum/filedata/fetch?id=331&d=1",
        ),
    ]


def topic(cooked: str) -> dict[str, Any]:
    post = {"id": 61, "post_number": 1, "username": "hal", "created_at": "2022-02-03T04:05:06.700Z", "cooked": cooked}
    return {"id": 15, "slug": "moss", "title": "Moss", "post_stream": {"posts": [post], "stream": [61, 64, 70]}}


def test_a_discourse_topic_is_read_from_its_json() -> None:
    cooked = """
    <aside class="quote" data-username="ida"><div class="title"><img class="avatar" src="/a.png"></div>
      <blockquote><img src="https://pics.example.org/quoted.jpg"></blockquote></aside>
    <p><img src="https://d.example.com/images/emoji/x/smile.png?v=12" class="emoji" width="20" height="20">
    <div class="lightbox-wrapper"><a class="lightbox" href="//cdn.example.com/uploads/original/1X/aa.jpeg"
      title="fern.jpeg"><img src="//cdn.example.com/uploads/optimized/1X/aa_2_690x400.jpeg"
      srcset="//cdn.example.com/uploads/optimized/1X/aa_2_690x400.jpeg,
        //cdn.example.com/uploads/optimized/1X/aa_2_1380x800.jpeg 2x"
      ><div class="meta"><span class="filename">fern.jpeg</span></div></a></div></p>
    <p><img src="/uploads/original/1X/bb.png" width="300" height="200"></p>
    <aside class="onebox allowlistedgeneric"><article><img class="thumbnail" src="https://news.example.org/x.jpg"></article></aside>
    <p><a class="attachment" href="/uploads/short-url/kQ3.pdf">map.pdf</a></p>
    <div class="video-placeholder-container" data-video-src="/uploads/original/1X/cc.mp4"></div>
    """
    read = discourse.parse_topic(json.dumps(topic(cooked)).encode(), "https://d.example.com/t/moss/15/2")
    assert (read.title, read.thread_id, read.stream) == ("Moss", "15", (61, 64, 70))
    (post,) = read.posts
    assert (post.url, post.author) == ("https://d.example.com/t/moss/15/1", "hal")
    assert post.posted_at == datetime(2022, 2, 3, 4, 5, 6, 700_000, tzinfo=UTC)
    assert files(post) == [
        ("cdn.example.com/uploads/original/1X/aa.jpeg", "aa.jpeg"),
        ("d.example.com/uploads/original/1X/bb.png", "bb.png"),
        ("d.example.com/attachment/kQ3", "map.pdf"),
        ("d.example.com/uploads/original/1X/cc.mp4", "cc.mp4"),
    ]


def test_discourse_is_told_from_its_page_and_its_topics_json_is_found() -> None:
    tree = LexborHTMLParser('<meta name="generator" content="Discourse 3.3.0 - https://example.org"><body></body>')
    assert is_discourse(tree)
    assert engine_of(tree) is None
    assert (
        discourse.topic_address("https://d.example.com/talk/t/moss/15/7?u=x") == "https://d.example.com/talk/t/15.json"
    )
    assert discourse.topic_address("https://d.example.com/latest") is None
    asked = discourse.chunk_address("https://d.example.com/t/15.json", [64, 70])
    assert asked == "https://d.example.com/t/15/posts.json?post_ids%5B%5D=64&post_ids%5B%5D=70"


@pytest.mark.parametrize("broken", [b"", b"[]", b"{}", b'{"post_stream": 3}', b'{"post_stream": {"posts": [{}]}}'])
def test_json_that_is_no_topic_is_told_by_ordinary_errors(broken: bytes) -> None:
    readers: list[Callable[[], object]] = [
        lambda: discourse.parse_topic(broken, "https://d.example.com/t/1"),
        lambda: discourse.parse_posts(broken, "https://d.example.com/t/1"),
    ]
    for read in readers:
        with pytest.raises((ValueError, KeyError, TypeError)):
            _ = read()


@pytest.mark.parametrize(
    "html",
    ["", "<p>A page.</p>", "<html id=shop><div class=post id=p1></div></html>", "<table id=post1><td>x</td></table>"],
)
def test_other_pages_are_no_forum_of_ours(html: str) -> None:
    assert engine_of(LexborHTMLParser(html)) is None


def test_a_film_in_several_formats_is_one_file_and_absurdly_deep_markup_is_passed_over() -> None:
    deep = "<div>" * 400 + '<img src="https://pics.example.org/deep.jpg">' + "</div>" * 400
    film = '<video><source src="https://v.example.org/a.mp4"><source src="https://v.example.org/a.webm"></video>'
    html = f'<div id="post_message_5">{film}{deep}<audio src="https://v.example.org/a.mp3"></audio></div>'
    read = vbulletin.parse(LexborHTMLParser(html), "http://wind.example.org/showthread.php?t=8")
    assert [(file.key, file.kind) for file in read.posts[0].files] == [
        ("v.example.org/a.mp4", MediaKind.VIDEO),
        ("v.example.org/a.mp3", MediaKind.AUDIO),
    ]


@pytest.mark.parametrize("name", ["xenforo1", "xenforo2", "phpbb33", "vbulletin3", "vbulletin4", "vbulletin5"])
@given(st.data())
def test_damaged_pages_are_read_without_an_error(name: str, data: st.DataObject) -> None:
    html = (PAGES / f"{name}.html").read_text()
    start = data.draw(st.integers(0, len(html)))
    end = data.draw(st.integers(start, min(len(html), start + 400)))
    put = data.draw(st.sampled_from(["", "<", '"', ">", "9" * 5000, "²", "]", "%", "http://[", "\x00", "</div>"]))
    tree = LexborHTMLParser(html[:start] + put + html[end:])
    for engine in HTML:
        for url in ("https://boats.example.com/threads/walk.1/page-2", "http://a.example/showthread.php?t=8&page=²"):
            assert engine.parse(tree, url).engine == engine.NAME
