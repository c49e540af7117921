"""Instagram: gallery-dl itself judges the emulator, then our connector reads it; all over TLS with real host names."""

import asyncio
import contextlib
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from emulators import instagram as emulator
from emulators.instagram import Instagram, Post, User, shortcode
from emulators.media import clip, picture
from emulators.mitm import Mitm
from emulators.net import LoopNet
from msgspec import UNSET

from entourage.kernel.errors import Challenged, EntourageError, Gone, Refused, Throttled, Unreachable
from entourage.networks import instagram
from entourage.networks.facts import PostFact, ProfileFact
from entourage.networks.model import About, Cursor, Found, Media, MediaKind, Target, Way

FIRST = 3_100_000_000_000_000_000
START = 1_700_000_000
HOUR = 3600
PROFILE = "https://www.instagram.com/nat_geo/"
SIGNED_IN = {"sessionid": emulator.SESSION}

Expand = Callable[..., Sequence[Found]]


def post(n: int, *items: str, pinned: bool = False) -> Post:
    return Post(FIRST + n * 1000, START + n * HOUR, f"No. {n} #cats", items or ("image",), pinned=pinned)


@pytest.fixture
def world(tmp_path: Path) -> Generator[Instagram]:
    """Fifteen posts: an album every fifth, a reel every seventh; the second oldest is pinned."""
    world = Instagram(tmp_path)
    user = world.add(User(1003, "nat_geo"))
    for n in range(15):
        items = ("image", "video", "image") if n % 5 == 4 else ("video",) if n % 7 == 6 else ("image",)
        user.posts.append(post(n, *items, pinned=n == 1))
    user.stories = [Post(3_300_000_000_000_000_000 + n, START + n * HOUR) for n in range(2)]
    user.highlights = {17900: [Post(3_000_000_000_000_000_000, START)]}
    world.add(User(1004, "hermit", private=True, posts=[post(100)]))
    world.add(User(1005, "friend", posts=[post(200)]))
    user.tagged = [post(200).pk]
    with world.site:
        yield world


@pytest.fixture
def mitm(world: Instagram, tmp_path: Path) -> Generator[Mitm]:
    with Mitm(dict.fromkeys(emulator.HOSTS, world.site.port), tmp_path) as mitm:
        yield mitm


@pytest.fixture
def net(mitm: Mitm, tmp_path: Path) -> LoopNet:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return LoopNet(mitm, scratch)


@pytest.fixture
def expand(net: LoopNet) -> Expand:
    """Everything that the connector finds, without gallery-dl's own pauses.

    Where a list must end early `pause` is how long gallery-dl thinks before it asks on, so that it is stopped by then.
    """

    async def listed(target: Target, pause: float) -> Sequence[Found]:
        async with contextlib.aclosing(instagram.expand(target, net, pause=pause)) as found:
            return [one async for one in found]

    def run(url: str, *, pause: float = 0, **wishes: object) -> Sequence[Found]:
        return asyncio.run(listed(replace(Target(url), **wishes), pause))

    return run


def media_of(found: Sequence[Found]) -> list[Media]:
    return [one for one in found if isinstance(one, Media)]


def cursor_of(found: Sequence[Found]) -> str | None:
    return next((one.value for one in found if isinstance(one, Cursor)), None)


# The judge: the real client, unpatched, with nothing of ours but the proxy


def judged(net: LoopNet, folder: Path, url: str, cookies: Mapping[str, str] | None = None) -> list[Path]:
    """What gallery-dl downloads from the emulator with its own defaults (but no pauses)."""

    async def run() -> None:
        options = ["-o", "sleep-request=0", "-o", "cache.file=:memory:", "-o", "videos=merged"]
        for name, value in (cookies or {}).items():
            options += ["-o", f"cookies.{name}={value}"]
        async for _ in net.lines(["gallery_dl", "--config-ignore", "-D", str(folder), *options, url]):
            pass

    asyncio.run(run())
    return sorted(folder.iterdir())


def test_gallery_dl_itself_downloads_a_profile_from_the_emulator(
    net: LoopNet, tmp_path: Path, world: Instagram, mitm: Mitm
) -> None:
    files = judged(net, tmp_path / "got", PROFILE + "posts/")
    assert len(files) == 21
    assert (tmp_path / "got" / f"{FIRST}.jpg").read_bytes() == picture(FIRST % 9973, 1080, 1350)
    assert (tmp_path / "got" / f"{FIRST + 6000}.mp4").read_bytes() == clip(tmp_path).read_bytes()
    assert len(world.site.asked("graphql/query")) == 2
    assert mitm.refused == []


def test_gallery_dl_itself_downloads_posts_reels_and_stories(net: LoopNet, tmp_path: Path) -> None:
    assert len(judged(net, tmp_path / "a", f"https://www.instagram.com/p/{shortcode(FIRST + 4000)}/")) == 3
    assert len(judged(net, tmp_path / "b", PROFILE + "reels/")) == 2
    assert len(judged(net, tmp_path / "c", "https://www.instagram.com/stories/nat_geo/", SIGNED_IN)) == 2


# Our connector


def test_a_profile_is_listed_newest_first_behind_its_pinned_post(expand: Expand) -> None:
    found = expand(PROFILE)
    media = media_of(found)
    assert found[0] == About("nat_geo: posts", "nat_geo")
    assert len(media) == len({m.key for m in media}) == 21
    assert media[0].facts["pinned"] is True
    moments = [m.posted_at for m in media[1:] if m.posted_at]
    assert moments == sorted(moments, reverse=True)
    assert cursor_of(found) == str(FIRST + 14_000)


def test_a_medium_says_all_that_is_known(expand: Expand, net: LoopNet) -> None:
    media = {m.key: m for m in media_of(expand(PROFILE))}
    photo = media[str(FIRST + 5000)]
    assert photo.kind is MediaKind.IMAGE
    assert photo.way is Way.DIRECT
    assert photo.filename == f"nat_geo_20231115_031320_{FIRST + 5000}.jpg"
    assert photo.posted_at == datetime(2023, 11, 15, 3, 13, 20, tzinfo=UTC)
    assert photo.page_url == f"https://www.instagram.com/p/{shortcode(FIRST + 5000)}/"
    assert (photo.author, photo.source, photo.caption) == ("nat_geo", "nat_geo", "No. 5 #cats")
    assert (photo.width, photo.height, photo.content_type) == (1080, 1350, "post")
    assert photo.facts["tags"] == ["#cats"]
    assert asyncio.run(net.read(photo.url, headers=photo.headers)).body == picture((FIRST + 5000) % 9973, 1080, 1350)
    album = [m for m in media.values() if m.post_key == str(FIRST + 4000)]
    assert [m.facts["index"] for m in album] == [1, 2, 3]
    assert [m.kind for m in album] == [MediaKind.IMAGE, MediaKind.VIDEO, MediaKind.IMAGE]
    assert album[1].filename.endswith(".mp4")


def test_posts_and_their_maker_are_known_from_what_is_fetched_anyway(expand: Expand, world: Instagram) -> None:
    found = expand(PROFILE)
    assert len(world.site.asked("graphql/query")) == 2  # as without facts
    people = [one for one in found if isinstance(one, ProfileFact)]
    assert [(one.id, one.username, one.name, one.followers) for one in people] == [
        ("1003", "nat_geo", "Nat_Geo", UNSET)
    ]
    told = {one.id: one for one in found if isinstance(one, PostFact)}
    assert set(told) == {str(FIRST + n * 1000) for n in range(15)}
    album = told[str(FIRST + 4000)]
    assert (album.author, album.caption) == ("1003", "No. 4 #cats")
    assert album.url == f"https://www.instagram.com/p/{shortcode(FIRST + 4000)}/"
    assert album.posted_at == datetime.fromtimestamp(START + 4 * HOUR, UTC)
    assert (album.likes, album.comments) == ((FIRST + 4000) % 100 or UNSET, UNSET)
    assert isinstance(album.media, tuple)
    assert [one.type for one in album.media] == ["image", "video", "image"]
    assert (album.media[0].width, album.media[0].height) == (1080, 1350)
    assert album.media[0].url == next(one.url for one in media_of(found) if one.post_key == album.id)


def test_a_post_of_which_only_a_part_was_wanted_keeps_what_is_known_of_its_pictures(expand: Expand) -> None:
    found = expand(f"https://www.instagram.com/p/{shortcode(FIRST + 4000)}/", limit=1)
    (told,) = [one for one in found if isinstance(one, PostFact)]
    assert (told.id, told.media) == (str(FIRST + 4000), UNSET)


def test_a_picture_of_a_profile_and_what_is_shown_for_a_day_are_no_posts(expand: Expand) -> None:
    for content_type in ("avatar", "stories", "highlights"):
        found = expand(PROFILE, content_type=content_type, cookies=SIGNED_IN)
        assert media_of(found)
        assert not [one for one in found if isinstance(one, PostFact)]


def test_a_second_run_lists_only_what_is_newer(expand: Expand, world: Instagram) -> None:
    cursor = cursor_of(expand(PROFILE))
    again = expand(PROFILE, after=cursor, pause=1)
    assert media_of(again) == []
    assert cursor_of(again) == cursor
    world.users["nat_geo"].posts.append(post(20))
    world.site.log.clear()
    news = expand(PROFILE, after=cursor, pause=1)
    assert [m.key for m in media_of(news)] == [str(FIRST + 20_000)]
    assert cursor_of(news) == str(FIRST + 20_000)
    assert len(world.site.asked("graphql/query")) == 1


def test_a_limit_ends_the_list_and_promises_nothing_about_the_rest(expand: Expand, world: Instagram) -> None:
    found = expand(PROFILE, limit=4)
    assert len(media_of(found)) == 4
    assert cursor_of(found) is None
    assert len(world.site.asked("graphql/query")) <= 2  # gallery-dl may ask for the next page before it is stopped


def test_since_leaves_out_what_is_older_pinned_or_not(expand: Expand, world: Instagram) -> None:
    found = expand(PROFILE, since=datetime.fromtimestamp(START + 13 * HOUR, UTC), pause=1)
    assert {m.post_key for m in media_of(found)} == {str(FIRST + 13_000), str(FIRST + 14_000)}
    assert cursor_of(found) == str(FIRST + 14_000)
    assert len(world.site.asked("graphql/query")) == 1


def test_reels_tagged_posts_and_the_avatar_have_their_own_lists(expand: Expand) -> None:
    assert {m.content_type for m in media_of(expand(PROFILE, content_type="reels"))} == {"reel"}
    (tagged,) = media_of(expand(PROFILE, content_type="tagged"))
    assert (tagged.author, tagged.source, tagged.content_type) == ("friend", "nat_geo", "tagged")
    (avatar,) = media_of(expand(PROFILE, content_type="avatar"))
    assert (avatar.content_type, avatar.kind) == ("avatar", MediaKind.IMAGE)


def test_stories_and_highlights_want_a_session_that_its_owner_gave(expand: Expand) -> None:
    with pytest.raises(Challenged):
        expand(PROFILE, content_type="stories")
    stories = media_of(expand(PROFILE, content_type="stories", cookies=SIGNED_IN))
    assert [m.content_type for m in stories] == ["story", "story"]
    (kept,) = media_of(expand(PROFILE, content_type="highlights", cookies=SIGNED_IN))
    assert kept.content_type == "highlight"


def test_a_session_is_never_on_a_command_line(expand: Expand, net: LoopNet) -> None:
    expand(PROFILE, content_type="stories", cookies=SIGNED_IN)
    assert emulator.SESSION not in str(net.started)


def test_a_single_post_is_listed_whole_and_without_a_cursor(expand: Expand) -> None:
    for path in ("p", "reel"):
        found = expand(f"https://www.instagram.com/{path}/{shortcode(FIRST + 4000)}/?igsh=abc")
        assert len(media_of(found)) == 3
        assert cursor_of(found) is None


def test_the_fast_profile_asks_for_smaller_pictures_and_best_does_not(expand: Expand) -> None:
    fast = media_of(expand(PROFILE, profile="fast", limit=3))
    assert [m.facts.get("fit") for m in fast] == [640, 640, None]
    assert [m.kind for m in fast] == [MediaKind.IMAGE, MediaKind.IMAGE, MediaKind.VIDEO]
    assert all("fit" not in m.facts for m in media_of(expand(PROFILE, profile="best", limit=3)))


@pytest.mark.parametrize("name", ["nobody", "hermit"])
def test_missing_and_private_profiles_are_gone(name: str, expand: Expand) -> None:
    with pytest.raises(Gone):
        expand(f"https://www.instagram.com/{name}/")


def test_a_missing_post_is_gone(expand: Expand) -> None:
    with pytest.raises(Gone):
        expand(f"https://www.instagram.com/p/{shortcode(FIRST + 77)}/")


@pytest.mark.parametrize("where", [r"instagram\.com/nat_geo/", "graphql/query"])
@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (emulator.THROTTLED, Throttled),
        (emulator.BROKEN, Unreachable),
        (emulator.CHALLENGE, Challenged),
        (emulator.LOGIN, Challenged),
    ],
)
def test_what_goes_wrong_is_told_apart(
    where: str, reply: emulator.Reply, error: type[EntourageError], expand: Expand, world: Instagram
) -> None:
    world.site.fail(where, reply, times=99)
    with pytest.raises(error):
        expand(PROFILE)


def test_a_failure_that_passes_is_not_noticed(expand: Expand, world: Instagram) -> None:
    world.site.fail("graphql/query", emulator.BROKEN, times=1)
    assert len(media_of(expand(PROFILE))) == 21


def test_a_host_that_must_not_be_reached_is_refused(expand: Expand, mitm: Mitm, world: Instagram) -> None:
    mitm.hosts = {"www.instagram.com": world.site.port}
    with pytest.raises(Refused):
        expand(PROFILE)


def test_names_and_addresses_are_recognised() -> None:
    assert instagram.claims("https://instagram.com/nasa")
    assert not instagram.claims("https://notinstagram.com/nasa")
    assert instagram.source_of("https://www.instagram.com/stories/nasa/3300/") == "nasa"
    assert instagram.source_of("https://www.instagram.com/p/abc/") == "instagram"
    assert instagram.address_of("@nasa", "posts") == "https://www.instagram.com/nasa/"
    assert instagram.address_of("nasa", "stories") == "https://www.instagram.com/stories/nasa/"
    for wrong in ("", "a b", "../x", "p", "x" * 31, "nasa/..", "a..b", ".a"):
        with pytest.raises(ValueError, match="name of an Instagram profile"):
            instagram.address_of(wrong, None)
