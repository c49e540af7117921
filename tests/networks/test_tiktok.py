"""TikTok: yt-dlp and gallery-dl themselves judge the emulator, then our connector reads it; all over TLS."""

import asyncio
import contextlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from emulators import tiktok as emulator
from emulators.media import clip, picture
from emulators.mitm import Mitm
from emulators.net import LoopNet
from emulators.site import Reply
from emulators.tiktok import Post, TikTok, User
from msgspec import UNSET

from entourage.kernel.errors import Challenged, ChildFailed, EntourageError, Gone, Refused, Throttled, Unreachable
from entourage.networks import tiktok
from entourage.networks.facts import PostFact, ProfileFact
from entourage.networks.model import About, Cursor, Found, Media, MediaKind, Target, Way

FIRST = 7_400_000_000_000_000_000
START = 1_750_000_000
HOUR = 3600
PROFILE = "https://www.tiktok.com/@alice"

Expand = Callable[..., Sequence[Found]]


def post(n: int, photos: int = 0) -> Post:
    return Post(FIRST + n, START + n * HOUR, f"No. {n} #cats", photos)


@pytest.fixture
def world(tmp_path: Path) -> Generator[TikTok]:
    """Eighteen posts, more than a page: 16 videos, 2 photo posts of two pictures."""
    world = TikTok(tmp_path)
    world.add(User("alice", posts=[post(n, 2 if n in {3, 16} else 0) for n in range(18)]))
    world.add(User("hermit", private=True, posts=[post(100)]))
    with world.site:
        yield world


@pytest.fixture
def mitm(world: TikTok, tmp_path: Path) -> Generator[Mitm]:
    with Mitm(dict.fromkeys((*emulator.HOSTS, "vm.tiktok.com"), world.site.port), tmp_path) as mitm:
        yield mitm


@pytest.fixture
def net(mitm: Mitm, tmp_path: Path) -> LoopNet:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return LoopNet(mitm, scratch)


@pytest.fixture
def expand(net: LoopNet) -> Expand:
    """Everything that the connector finds."""

    async def listed(target: Target) -> Sequence[Found]:
        async with contextlib.aclosing(tiktok.expand(target, net)) as found:
            return [one async for one in found]

    def run(url: str, **wishes: object) -> Sequence[Found]:
        return asyncio.run(listed(replace(Target(url), **wishes)))

    return run


def media_of(found: Sequence[Found]) -> list[Media]:
    return [one for one in found if isinstance(one, Media)]


def cursor_of(found: Sequence[Found]) -> str | None:
    return next((one.value for one in found if isinstance(one, Cursor)), None)


# The judges: the real clients, unpatched


def judged(net: LoopNet, *argv: str) -> None:
    async def run() -> None:
        async for _ in net.lines(argv):
            pass

    asyncio.run(run())


def yt_dlp(net: LoopNet, folder: Path, url: str) -> list[Path]:
    judged(net, "yt_dlp", "--ignore-config", "--compat-options=no-certifi", "-o", f"{folder}/%(id)s.%(ext)s", url)
    return sorted(folder.iterdir())


def gallery_dl(net: LoopNet, folder: Path, url: str) -> list[Path]:
    judged(net, "gallery_dl", "--config-ignore", "-D", str(folder), "-o", "audio=false", url)
    return sorted(folder.iterdir())


def test_yt_dlp_itself_downloads_a_video_from_the_emulator(net: LoopNet, tmp_path: Path, mitm: Mitm) -> None:
    (file,) = yt_dlp(net, tmp_path / "got", f"{PROFILE}/video/{FIRST + 1}")
    assert file.read_bytes() == clip(tmp_path).read_bytes()
    assert mitm.refused == []


def test_yt_dlp_itself_walks_a_profile_and_complains_of_photo_posts(net: LoopNet, tmp_path: Path) -> None:
    with pytest.raises(ChildFailed) as caught:
        yt_dlp(net, tmp_path / "got", PROFILE)
    assert caught.value.stderr.count("No video formats found") == 2
    assert len(list((tmp_path / "got").iterdir())) == 16


def test_gallery_dl_itself_downloads_videos_and_photo_posts(net: LoopNet, tmp_path: Path) -> None:
    assert len(gallery_dl(net, tmp_path / "photos", f"{PROFILE}/photo/{FIRST + 3}")) == 2
    assert len(gallery_dl(net, tmp_path / "all", f"{PROFILE}/posts")) == 16 + 4
    assert len(gallery_dl(net, tmp_path / "avatar", f"{PROFILE}/avatar")) == 1


def test_the_real_clients_get_past_the_waiting_page(net: LoopNet, tmp_path: Path, world: TikTok) -> None:
    world.waiting_page = True
    assert len(yt_dlp(net, tmp_path / "a", f"{PROFILE}/video/{FIRST}")) == 1
    assert len(gallery_dl(net, tmp_path / "b", f"{PROFILE}/photo/{FIRST + 3}")) == 2


# Our connector


def test_a_profile_is_listed_with_videos_and_photo_posts_newest_first(expand: Expand) -> None:
    found = expand(PROFILE)
    media = media_of(found)
    assert found[0] == About("@alice", "alice")
    assert len(media) == len({m.key for m in media}) == 16 + 4
    moments = [m.posted_at for m in media if m.posted_at]
    assert moments == sorted(moments, reverse=True)
    assert cursor_of(found) == str(FIRST + 17)


def test_a_video_comes_with_all_that_its_file_server_wants(expand: Expand, net: LoopNet, tmp_path: Path) -> None:
    (medium,) = media_of(expand(f"{PROFILE}/video/{FIRST + 1}"))
    assert (medium.key, medium.kind, medium.way) == (str(FIRST + 1), MediaKind.VIDEO, Way.DIRECT)
    assert medium.filename == f"alice_20250615_160640_{FIRST + 1}.mp4"
    assert medium.posted_at == datetime(2025, 6, 15, 16, 6, 40, tzinfo=UTC)
    assert (medium.author, medium.caption) == ("alice", "No. 1 #cats")
    assert medium.page_url == f"{PROFILE}/video/{FIRST + 1}"
    assert "1080p" in medium.url
    assert asyncio.run(net.read(medium.url, headers=medium.headers)).body == clip(tmp_path).read_bytes()
    with pytest.raises(Gone):
        asyncio.run(net.read(medium.url))


def test_posts_and_their_maker_are_known_from_what_is_fetched_anyway(expand: Expand, world: TikTok) -> None:
    found = expand(PROFILE)
    (alice,) = [one for one in found if isinstance(one, ProfileFact)]
    assert (alice.id, alice.username, alice.name) == (world.users["alice"].id, "alice", "Alice")
    told = {one.id: one for one in found if isinstance(one, PostFact)}
    assert set(told) == {str(FIRST + n) for n in range(18)}
    film, photos = told[str(FIRST + 1)], told[str(FIRST + 3)]
    assert (film.author, film.caption, film.likes, film.comments) == (alice.id, "No. 1 #cats", 10, 2)
    assert (film.url, film.posted_at) == (f"{PROFILE}/video/{FIRST + 1}", datetime.fromtimestamp(START + HOUR, UTC))
    assert isinstance(film.media, tuple)
    assert [(one.type, one.width, one.height) for one in film.media] == [("video", 1080, 1920)]
    assert isinstance(photos.media, tuple)
    assert [(one.type, one.width, one.height) for one in photos.media] == [("image", 720, 960)] * 2


def test_what_is_known_already_is_told_again_without_its_files(expand: Expand) -> None:
    found = expand(PROFILE, after=str(FIRST + 17))
    assert media_of(found) == []
    told = [one for one in found if isinstance(one, PostFact)]
    assert told[0].id == str(FIRST + 17)
    assert (told[0].likes, told[0].media) == (10, UNSET)


def test_a_smaller_video_can_be_asked_for(expand: Expand) -> None:
    (medium,) = media_of(expand(f"{PROFILE}/video/{FIRST + 1}", profile="sd"))
    assert "540p" in medium.url
    (medium,) = media_of(expand(f"{PROFILE}/video/{FIRST + 1}", profile="hd"))
    assert "1080p" in medium.url


@pytest.mark.parametrize("kind", ["photo", "video"])
def test_a_photo_post_gives_its_pictures(kind: str, expand: Expand, net: LoopNet) -> None:
    media = media_of(expand(f"{PROFILE}/{kind}/{FIRST + 3}?lang=en"))
    assert [m.key for m in media] == [f"{FIRST + 3}_1", f"{FIRST + 3}_2"]
    assert {m.kind for m in media} == {MediaKind.IMAGE}
    assert media[0].filename.endswith("_1.jpg")
    assert asyncio.run(net.read(media[0].url, headers=media[0].headers)).body == picture((FIRST + 3) % 9973, 720, 960)


def test_videos_or_photos_alone_can_be_asked_for(expand: Expand) -> None:
    assert {m.kind for m in media_of(expand(PROFILE, content_type="videos"))} == {MediaKind.VIDEO}
    assert {m.kind for m in media_of(expand(PROFILE, content_type="photos"))} == {MediaKind.IMAGE}


def test_a_second_run_lists_only_what_is_newer(expand: Expand, world: TikTok) -> None:
    cursor = str(FIRST + 17)
    assert media_of(expand(PROFILE, after=cursor)) == []
    world.users["alice"].posts.append(post(30))
    world.site.log.clear()
    news = expand(PROFILE, after=cursor)
    assert [m.key for m in media_of(news)] == [str(FIRST + 30)]
    assert cursor_of(news) == str(FIRST + 30)
    assert len(world.site.asked("/video/")) < 12


def test_a_limit_and_since_end_the_list(expand: Expand) -> None:
    limited = expand(PROFILE, limit=3)
    assert len(media_of(limited)) == 3
    assert cursor_of(limited) is None
    since = expand(PROFILE, since=datetime.fromtimestamp(START + 15 * HOUR, UTC))
    assert {m.post_key for m in media_of(since)} == {str(FIRST + n) for n in (15, 16, 17)}
    assert cursor_of(since) == str(FIRST + 17)


@pytest.mark.parametrize(("n", "left"), [(10, 19), (3, 18)])
def test_a_post_that_is_gone_does_not_end_the_list(n: int, left: int, expand: Expand, world: TikTok) -> None:
    world.site.fail(rf"/video/{FIRST + n}$", Reply(status=404), times=99)
    media = media_of(expand(PROFILE))
    assert len(media) == left
    assert str(FIRST + n) not in {m.post_key for m in media}


def test_a_short_link_is_followed(expand: Expand, world: TikTok) -> None:
    world.site.fail(r"vm\.tiktok\.com/ZM1", Reply(status=301, headers={"location": f"{PROFILE}/photo/{FIRST + 3}"}), 9)
    assert len(media_of(expand("https://vm.tiktok.com/ZM1/"))) == 2


@pytest.mark.parametrize(
    "path",
    ["@nobody", "@hermit", f"@hermit/video/{FIRST + 100}", f"@alice/video/{FIRST + 99}", f"@a/photo/{FIRST + 99}"],
)
def test_missing_and_private_things_are_gone(path: str, expand: Expand) -> None:
    with pytest.raises(Gone):
        expand(f"https://www.tiktok.com/{path}")


@pytest.mark.parametrize("path", ["", f"/video/{FIRST + 1}"])
@pytest.mark.parametrize(
    ("reply", "error"),
    [(emulator.THROTTLED, Throttled), (emulator.BROKEN, Unreachable), (emulator.LOGIN, Challenged)],
)
def test_what_goes_wrong_is_told_apart(
    path: str, reply: Reply, error: type[EntourageError], expand: Expand, world: TikTok
) -> None:
    world.site.fail(r"www\.tiktok\.com/@", reply, times=99)
    with pytest.raises(error):
        expand(PROFILE + path)


def test_a_list_that_is_throttled_half_way_says_so(expand: Expand, world: TikTok) -> None:
    world.site.fail("item_list", emulator.THROTTLED, times=99)
    with pytest.raises(Throttled):
        expand(PROFILE)


def test_a_host_that_must_not_be_reached_is_refused(expand: Expand, mitm: Mitm) -> None:
    mitm.hosts = {}
    with pytest.raises(Refused):
        expand(f"{PROFILE}/video/{FIRST + 1}")


def test_names_and_addresses_are_recognised() -> None:
    assert tiktok.claims("https://vm.tiktok.com/ZMabc/")
    assert not tiktok.claims("https://tiktok.com.evil.example/@nasa")
    assert tiktok.source_of("https://www.tiktok.com/@nasa/video/1") == "nasa"
    assert tiktok.source_of("https://vm.tiktok.com/ZMabc/") == "tiktok"
    assert tiktok.address_of("@nasa", "videos") == "https://www.tiktok.com/@nasa"
    for wrong in ("", "a b", "../x", "x" * 31, "nasa/video/1", "nasa."):
        with pytest.raises(ValueError, match="name of a TikTok profile"):
            tiktok.address_of(wrong, None)
