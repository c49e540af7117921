"""The web connector on a loopback site, through the real gate, client and child processes."""

import asyncio
import gzip
import ipaddress
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import pytest
from emulators.media import clip, hls, picture
from emulators.site import Reply, Request, Site

from entourage.kernel.egress import Gate
from entourage.kernel.errors import EntourageError, Gone, NotFound, Refused, Throttled
from entourage.kernel.world import World
from entourage.networks import markup, registry, web
from entourage.networks.content import Form, look
from entourage.networks.model import About, Found, Media, MediaKind, Target, Way
from entourage.networks.names import LONGEST, name_of, tidy

Expand = Callable[..., Sequence[Found]]
PAGE = "https://photos.example/trips/day1.html"


class Pages:
    """A site whose paths are set by each test."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {}
        self.site = Site(self.answer)

    def answer(self, request: Request) -> Reply:
        return self.replies.get(request.path, Reply(status=404))

    def page(self, html: str, path: str = "/page") -> str:
        return self.put(path, html.encode(), "text/html; charset=utf-8")

    def put(self, path: str, body: bytes, content_type: str, **headers: str) -> str:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.replies[path] = Reply(body, content_type, headers=named)
        return f"http://127.0.0.1:{self.site.port}{path}"


@pytest.fixture
def pages() -> Generator[Pages]:
    pages = Pages()
    with pages.site:
        yield pages


@pytest.fixture
def expand(tmp_path: Path) -> Expand:
    """Everything that the connector finds behind an address."""

    async def listed(target: Target) -> Sequence[Found]:
        async with World(Gate([ipaddress.ip_network("127.0.0.1/32")]), tmp_path / "scratch") as world:
            return [found async for found in web.expand(target, world)]

    def run(url: str, content_type: str | None = None, limit: int | None = None) -> Sequence[Found]:
        return asyncio.run(listed(Target(url, content_type=content_type, limit=limit)))

    return run


def media_of(found: Sequence[Found]) -> list[Media]:
    return [one for one in found if isinstance(one, Media)]


def urls(html: str) -> list[str]:
    return [shown.url.removeprefix("https://photos.example/") for shown in markup.read(html, PAGE).shown]


# One address, one file


def test_a_picture_is_known_by_its_bytes_not_by_its_name(pages: Pages, expand: Expand) -> None:
    url = pages.put("/download.php", picture(1), "application/octet-stream")
    about, medium = expand(url)
    assert about == About("download.php", "127.0.0.1", 1)
    assert isinstance(medium, Media)
    assert (medium.kind, medium.way, medium.url) == (MediaKind.IMAGE, Way.DIRECT, url)
    assert medium.filename == "download.php"


def test_a_file_of_another_kind_is_a_file_too(pages: Pages, expand: Expand) -> None:
    url = pages.put(
        "/x", b"%PDF-1.7 ...", "application/pdf", content_disposition='attachment; filename="../../a b.pdf"'
    )
    (medium,) = media_of(expand(url))
    assert medium.kind is MediaKind.FILE
    assert "/" not in medium.filename
    assert medium.filename.endswith("a b.pdf")


def test_a_video_file_is_fetched_directly(pages: Pages, expand: Expand, tmp_path: Path) -> None:
    url = pages.put("/v", clip(tmp_path).read_bytes(), "video/mp4")
    (medium,) = media_of(expand(url))
    assert (medium.kind, medium.way, medium.filename) == (MediaKind.VIDEO, Way.DIRECT, "v.mp4")


@pytest.mark.parametrize("name", ["index.m3u8", "x.mpd"])
def test_a_manifest_is_a_stream(name: str, pages: Pages, expand: Expand, tmp_path: Path) -> None:
    body = (
        (hls(tmp_path) / "index.m3u8").read_bytes() if name == "index.m3u8" else b'<?xml version="1.0"?>\n<MPD></MPD>'
    )
    (medium,) = media_of(expand(pages.put(f"/{name}", body, "text/plain")))
    assert (medium.kind, medium.way) == (MediaKind.VIDEO, Way.STREAM)
    assert medium.filename.endswith(".mp4")


def test_a_page_with_the_name_of_a_picture_is_read_as_a_page(pages: Pages, expand: Expand) -> None:
    url = pages.page("<!doctype html><img src=/real.png>", "/photo.jpg")
    (medium,) = media_of(expand(url))
    assert medium.url.endswith("/real.png")
    assert medium.page_url == url


# What a page shows


def test_the_full_size_behind_a_thumbnail_is_preferred() -> None:
    page = '<a href="full/1.jpg"><img src="thumb/1.jpg" width=60 height=40></a><img src="thumb/1.jpg"><img src="2.jpg">'
    assert urls(page) == ["trips/full/1.jpg", "trips/2.jpg"]


def test_the_largest_of_several_versions_is_taken() -> None:
    assert urls('<img src="s.jpg" srcset="s.jpg 320w, m.jpg 800w, l.jpg 1600w">') == ["trips/l.jpg"]
    assert urls('<img src="one.jpg" srcset="one.jpg, two.jpg 2x">') == ["trips/two.jpg"]
    assert urls('<img srcset=",a,b.jpg 1x , c,d.jpg 3x,e.jpg 2x">') == ["trips/c,d.jpg"]
    picture_element = '<picture><source srcset="a.webp 500w, b.webp 2000w"><img src="c.jpg"></picture>'
    assert urls(picture_element) == ["trips/b.webp"]
    assert urls('<picture><source srcset="a.webp"><img src="c.jpg"></picture>') == ["trips/c.jpg"]


def test_lazy_pictures_are_found_behind_their_placeholders() -> None:
    assert urls('<img src="data:image/gif;base64,R0" data-src="lazy.jpg">') == ["trips/lazy.jpg"]
    assert urls('<img src="blank.gif" data-original="o.jpg"><noscript><img src="o.jpg"></noscript>') == ["trips/o.jpg"]
    assert urls('<img src="small.jpg" data-full="full.jpg">') == ["trips/full.jpg"]


def test_icons_avatars_smileys_and_tracking_pixels_are_left_out() -> None:
    page = """
        <img src="t.gif" width=1 height=1><img src="a.jpg" class="user avatar" width=400 height=400>
        <img src="/smilies/happy.gif"><img src="logo.png"><img src="i.png" class="icon"><img src="x.svg">
        <img src="b.png" style="width:16px;height:16px"><img src="/sprites/all.png"><img src="keep.jpg">
        <div class="avatar-box"><img src="face.jpg"></div><img src="big.png" class="logo" width=800 height=600>
    """
    assert urls(page) == ["trips/keep.jpg", "trips/big.png"]


def test_addresses_are_joined_with_the_base_and_each_is_taken_once() -> None:
    twice = '<img src="1.jpg"><img src="1.jpg#again"><img src="//photos.example/img/1.jpg">'
    assert urls(f'<base href="/img/">{twice}<img src=2.jpg>') == ["img/1.jpg", "img/2.jpg"]


def test_what_is_not_on_the_web_is_left_out() -> None:
    page = """
        <img src="data:image/png;base64,AAAA"><img src="javascript:alert(1)"><img src="file:///etc/passwd">
        <a href="javascript:x.jpg"><img src="1.jpg"></a><a href="data:text/html,x.jpg">x</a>
        <video src="blob:abc"></video>
        <img src="http://[broken/1.jpg"><img src="http://host:99999/1.jpg"><img src="ftp://h/1.jpg"><img src="">
    """
    assert urls(page) == ["trips/1.jpg"]


def test_a_wiki_page_about_a_file_is_not_the_file() -> None:
    assert urls('<a href="/wiki/File:Cat.jpg"><img src="/thumb/Cat.jpg" width=220></a>') == ["thumb/Cat.jpg"]


def test_a_list_of_links_to_files_is_a_page_of_files() -> None:
    page = '<a href="1.JPG">1.JPG</a><a href="a.mp4">clip</a><a href="readme.txt">readme</a><a href="song.mp3">s</a>'
    assert urls(page) == ["trips/1.JPG", "trips/a.mp4", "trips/song.mp3"]


def test_a_player_gives_its_best_file_or_else_its_manifest() -> None:
    page = "<video poster=p.jpg><source src=v.m3u8><source src=480.mp4 size=480><source src=720.mp4 size=720></video>"
    (shown,) = markup.read(page, PAGE).shown
    assert (shown.url, shown.kind, shown.manifest) == ("https://photos.example/trips/720.mp4", MediaKind.VIDEO, False)
    (shown,) = markup.read("<video><source src=v type=application/x-mpegURL></video>", PAGE).shown
    assert shown.manifest


def test_the_preview_picture_counts_only_when_there_is_nothing_else(pages: Pages, expand: Expand) -> None:
    head = '<title>Trip</title><meta property="og:image" content="/cover.jpg">'
    assert [m.url[-8:] for m in media_of(expand(pages.page(head + "<img src=/one.jpg>")))] == ["/one.jpg"]
    (medium,) = media_of(expand(pages.page(head)))
    assert medium.url.endswith("/cover.jpg")
    assert medium.facts["title"] == "Trip"


def test_content_type_and_limit_choose_from_a_page(pages: Pages, expand: Expand) -> None:
    url = pages.page("<img src=1.jpg><video src=v.mp4></video><img src=2.jpg>")
    assert [m.kind for m in media_of(expand(url))] == [MediaKind.IMAGE, MediaKind.VIDEO, MediaKind.IMAGE]
    assert [m.kind for m in media_of(expand(url, content_type="videos"))] == [MediaKind.VIDEO]
    assert len(media_of(expand(url, content_type="images"))) == 2
    assert len(media_of(expand(url, limit=1))) == 1


def test_the_same_file_has_the_same_key_on_another_day() -> None:
    assert web.key_of("https://h.example/a.jpg?utm_source=x&id=1#top") == web.key_of("http://H.example/a.jpg?id=1")
    assert web.key_of("https://h.example/a.jpg?id=1") != web.key_of("https://h.example/a.jpg?id=2")


def test_a_video_in_a_script_is_found_by_yt_dlp(pages: Pages, expand: Expand, tmp_path: Path) -> None:
    for file in hls(tmp_path).iterdir():
        kind = "application/vnd.apple.mpegurl" if file.suffix == ".m3u8" else "video/mp2t"
        pages.put(f"/hls/{file.name}", file.read_bytes(), kind)
    setup = '{"@context":"http://schema.org","@type":"VideoObject","name":"Clip","contentUrl":"/hls/master.m3u8"}'
    setup = setup.replace("/hls", f"http://127.0.0.1:{pages.site.port}/hls")
    url = pages.page(f'<title>Clip</title><script type="application/ld+json">{setup}</script>')
    (medium,) = media_of(expand(url))
    assert (medium.kind, medium.way) == (MediaKind.VIDEO, Way.STREAM)
    assert medium.url.endswith("/hls/master.m3u8")


# Nothing, too much, and worse


def test_a_page_without_pictures_says_so(pages: Pages, expand: Expand) -> None:
    with pytest.raises(Gone, match="no pictures or videos were found"):
        expand(pages.page("<title>Words</title><p>Nothing but words.</p>"))


def test_a_missing_page_is_gone_and_a_busy_site_asks_to_wait(pages: Pages, expand: Expand) -> None:
    with pytest.raises(Gone):
        expand(f"http://127.0.0.1:{pages.site.port}/nothing")
    pages.site.fail("/busy", Reply(status=429, headers={"retry-after": "7"}), times=9)
    with pytest.raises(Throttled) as caught:
        expand(f"http://127.0.0.1:{pages.site.port}/busy")
    assert caught.value.retry_after == 7


def test_a_page_of_fifty_megabytes_is_refused(pages: Pages, expand: Expand) -> None:
    with pytest.raises(Refused):
        expand(pages.page("<html>" + "<p>endless" * 5_000_000))


def test_a_page_that_unpacks_to_fifty_megabytes_is_refused(pages: Pages, expand: Expand) -> None:
    bomb = gzip.compress(b"<html>" + b"<p>endless" * 5_000_000)
    with pytest.raises(Refused):
        expand(pages.put("/bomb", bomb, "text/html", content_encoding="gzip"))


@pytest.mark.parametrize("inside", ["http://127.0.0.2:9/secret", "http://169.254.169.254/meta", "http://[::1]:9/x"])
def test_a_redirect_inside_is_refused(inside: str, pages: Pages, expand: Expand) -> None:
    pages.replies["/out"] = Reply(status=302, headers={"location": inside})
    with pytest.raises(Refused):
        expand(f"http://127.0.0.1:{pages.site.port}/out")


def test_a_redirect_to_a_file_of_this_machine_is_refused(pages: Pages, expand: Expand) -> None:
    pages.replies["/out"] = Reply(status=302, headers={"location": "file:///etc/hostname"})
    with pytest.raises(EntourageError):
        expand(f"http://127.0.0.1:{pages.site.port}/out")


def test_a_page_with_a_hundred_thousand_pictures_is_cut() -> None:
    assert len(markup.read("".join(f"<img src={n}.jpg>" for n in range(100_000)), PAGE).shown) == markup.MOST


@pytest.mark.parametrize(
    "hostile",
    [
        '<img srcset="' + "," * 1_000_000 + '">',
        '<img srcset="' + "a " * 500_000 + '">',
        '<img style="' + "; " * 500_000 + '" src=1.svg>',
        '<img src="data:image/png;base64,' + "A" * 5_000_000 + '">',
        '<img class="' + "-" * 1_000_000 + '" src="' + "/" * 1_000_000 + '.svg">',
    ],
)
def test_markup_made_to_stall_a_reader_is_read_at_once(hostile: str) -> None:
    assert len(urls(hostile)) <= 1


def test_absurdly_nested_markup_is_refused() -> None:
    with pytest.raises(Refused, match="nested"):
        urls("<div>" * 20_000 + "<img src=1.jpg>" + "</p>" * 20_000)


def test_broken_markup_is_survived() -> None:
    assert urls("<img src='1.jpg'><a href=><img srcset=', , ,' src=2.jpg><video><source>") == [
        "trips/1.jpg",
        "trips/2.jpg",
    ]


# Names, first bytes, the registry


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("../../etc/passwd", "_.._etc_passwd".lstrip("_.")),
        ("a/b\\c:d*e?.jpg", "a_b_c_d_e_.jpg".replace("_.jpg", ".jpg")),
        ("...", "file"),
        ("", "file"),
        ("new\nline\x00.png", "newline.png"),
        ("\u202egpj.exe", "gpj.exe"),
    ],
)
def test_a_name_never_has_a_path_in_it(raw: str, expected: str) -> None:
    name = tidy(raw)
    assert not set(name) & set("/\\\x00\n")
    assert not name.startswith(".")
    assert name == expected


def test_a_name_of_three_hundred_characters_is_cut_but_keeps_its_extension() -> None:
    name = tidy("ü" * 300 + ".jpeg")
    assert len(name.encode()) <= LONGEST
    assert name.endswith("ü.jpeg")
    assert name_of("https://h.example/%2e%2e%2f%2e%2e%2fx.jpg") == tidy("../../x.jpg")


def test_the_first_bytes_tell_what_an_answer_is() -> None:
    assert look(picture(1, form="PNG")[:64]).extension == ".png"
    assert look(picture(1, form="WEBP")[:64]).extension == ".webp"
    assert look(b"<!-- hi --> <!DOCTYPE html><p>", "image/jpeg").form is Form.PAGE
    assert look(b"#EXTM3U\n", "image/jpeg").form is Form.MANIFEST
    assert look(b"", "image/avif").kind is MediaKind.IMAGE
    assert look(b"who knows").kind is MediaKind.FILE


def test_every_address_has_the_connector_that_knows_it_best() -> None:
    expected = {
        "https://www.instagram.com/nasa/": "instagram",
        "https://www.tiktok.com/@nasa": "tiktok",
        "https://forum.example.com/threads/holiday.123/": "forum",
        "https://example.org/page.html": "web",
        "https://instagram.com.evil.example/nasa/": "web",
    }
    assert {url: registry.reader_for(url).NAME for url in expected} == expected
    assert list(registry.READERS)[-1] == "web"
    for name, connector in registry.READERS.items():
        assert name == connector.NAME
        assert registry.reader(name).claims(connector.EXAMPLE)


def test_unknown_platforms_and_other_schemes_are_told_apart() -> None:
    with pytest.raises(NotFound, match="instagram"):
        registry.reader("myspace")
    for url in ("ftp://h.example/x", "file:///etc/hostname", "javascript:alert(1)", "http://[broken", "nonsense"):
        with pytest.raises(Refused):
            registry.reader_for(url)
