"""The command line from outside: every command in a process of its own, its words and its exit codes."""

import contextlib
import io
import os
import pty
import re
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Generator, Sequence
from pathlib import Path

import httpx
import pytest
from faults import content
from insight.exports import NEW, archive, lines, profile
from PIL import Image
from servers.entourage_server import PROGRAM, Ran, entourage, environment, serving, started
from servers.pages_server import Pages

GOOD = "a long and good password"
LOOPBACK = ("--allow-network", "127.0.0.0/8")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def pages() -> Generator[Pages]:
    with Pages() as server:
        yield server


def picture(seed: int, width: int = 60, height: int = 40) -> bytes:
    out = io.BytesIO()
    Image.frombytes("RGB", (width, height), content(seed, width * height * 3)).save(out, "JPEG")
    return out.getvalue()


def gallery(pages: Pages, *numbers: int, gone: Sequence[str] = ()) -> str:
    """A page with these pictures, and some that its server does not have."""
    for number in numbers:
        pages.put(f"/{number}.jpg", picture(number), "image/jpeg")
    shown = [f"/{number}.jpg" for number in numbers] + list(gone)
    body = "".join(f'<img src="{path}" width="600" height="400">' for path in shown)
    return pages.put("/page", f"<html><title>Harbour</title><body>{body}".encode(), "text/html")


def blobs(data: Path) -> list[Path]:
    return sorted((data / "blobs").glob("*/*"))


def test_the_script_and_the_module_are_the_same_program() -> None:
    script = Path(sys.executable).with_name("entourage")
    for program in ([str(script)], list(PROGRAM)):
        ended = subprocess.run(
            [*program, "--version"], check=True, capture_output=True, text=True, env=environment(), cwd="/"
        )
        assert re.fullmatch(r"entourage \d+\.\d+\.\d+\n", ended.stdout)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("nonsense",),
        ("serve", "--nonsense"),
        ("serve", "--port", "many"),
        ("serve", "--port", "65536"),
        ("serve", "--allow-network", "everything"),
        ("serve", "--database", "mysql://somewhere"),
        ("work", "--port", "1"),
        ("get",),
        ("get", "ftp://example.org/a.jpg"),
        ("get", "not an address"),
        ("get", "http://example.org/", "--max-downloads", "0"),
        ("get", "http://example.org/", "--days-back", "soon"),
        ("get", "http://example.org/", "--platform", "myspace"),
        ("get", "http://example.org/", "--profile", "huge"),
        ("import",),
        ("import", "facts.jsonl", "--slots", "3"),
        ("user",),
        ("user", "add"),
        ("user", "add", "ann", "--role", "queen", "--password-stdin"),
        ("user", "add", "ann"),
        ("migrate", "now"),
        ("verify", "--slots", "3"),
        ("doctor", "--help-me"),
    ],
)
def test_what_is_misused_is_said_in_one_line_and_nothing_is_made(data: Path, words: Sequence[str]) -> None:
    place = ("--data", data) if words and words[0] != "nonsense" and words != ("user",) else ()
    ended = entourage(*words, *place)
    assert ended.code == 2
    assert len(ended.said_plainly()) < 300
    assert not data.exists()


@pytest.mark.parametrize(
    "command", ["serve", "work", "get", "import", "user add", "user list", "migrate", "verify", "doctor", "demo"]
)
def test_every_command_explains_itself_and_takes_a_data_folder(command: str) -> None:
    ended = entourage(*command.split(), "--help")
    assert (ended.code, ended.err) == (0, "")
    assert "--data DATA" in ended.out
    assert "ENTOURAGE_DATA" in ended.out


def test_the_server_answers_with_api_and_pages_and_stops_cleanly_when_told(data: Path) -> None:
    with serving(data) as server:
        with httpx.Client(base_url=server.url, trust_env=False, follow_redirects=True) as web:
            assert web.get("/").status_code == 200
            refused = web.get("/api/v1/downloads")
            assert (refused.status_code, refused.json()["error_code"]) == (401, "NOT_AUTHENTICATED")
            assert "openapi" in web.get("/docs/openapi.json").text
            code = re.search(r"/setup and enter the code ([0-9a-f]{8})", server.said)
            assert code is not None
        assert server.end() == 0
        assert "Traceback" not in server.said
    with serving(data) as again:
        assert again.end(signal.SIGINT) == 0
        assert "Traceback" not in again.said


def test_a_taken_port_is_said_in_one_line(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = entourage("serve", "--data", data, "--port", port)
    assert ended.code == 1
    assert f"Another program has port {port}" in ended.said_plainly()
    assert not data.exists()


def test_an_address_that_is_not_ours_is_said_in_one_line(data: Path) -> None:
    for host in ("192.0.2.1", "no such host"):
        ended = entourage("serve", "--data", data, "--port", 0, "--host", host)
        assert ended.code == 1
        assert host in ended.said_plainly()


def test_a_server_takes_ipv6_and_says_the_port_it_got(data: Path) -> None:
    with serving(data, "--host", "::1") as server:
        assert re.fullmatch(r"http://\[::1\]:[1-9]\d+", server.url)
        assert httpx.get(f"{server.url}/docs", trust_env=False, follow_redirects=True).status_code == 200


def test_a_worker_beside_a_server_does_the_work_and_stops_when_told(
    data: Path, database_url: str, pages: Pages
) -> None:
    given = ("--data", data, "--database", database_url, *LOOPBACK)
    with started("work", *given) as first, started("work", *given) as second:
        first.waits_for(r"Worker \d+ is running")
        second.waits_for(r"Worker \d+ is running")
        ended = entourage("get", gallery(pages, *range(20)), *given)
        assert ended.code == 0, ended.err
        assert (first.end(), second.end(signal.SIGINT)) == (0, 0)
        assert "Traceback" not in first.said + second.said
    assert len(blobs(data)) == 20
    assert sorted(pages.counts[f"/{number}.jpg"] for number in range(20)) == [1] * 20


def test_get_brings_every_file_and_the_second_time_only_says_so(data: Path, pages: Pages) -> None:
    url = gallery(pages, 1, 2, 3)
    first = entourage("get", url, "--data", data, *LOOPBACK)
    assert (first.code, first.out) == (0, "")
    assert first.err.strip() == "Harbour: 3 new files"
    assert sorted(blob.read_bytes() for blob in blobs(data)) == sorted(picture(number) for number in (1, 2, 3))
    second = entourage("get", url, "--data", data, *LOOPBACK)
    assert (second.code, second.err.strip()) == (0, "Harbour: 0 new files 3 kept already")
    assert pages.counts["/1.jpg"] == 1


def test_get_names_what_did_not_come_and_fails(data: Path, pages: Pages) -> None:
    ended = entourage("get", gallery(pages, 1, gone=["/gone.jpg"]), pages.url("/nothing"), "--data", data, *LOOPBACK)
    assert ended.code == 1
    assert re.search(r"(?m)^gone\.jpg: .*404", ended.err), ended.err
    assert re.search(r"(?m)^.*/nothing.*404", ended.err), ended.err
    assert "Harbour: 1 new files" in ended.err
    assert len(blobs(data)) == 1


def test_get_refuses_what_is_inside_unless_it_is_opened(data: Path, pages: Pages) -> None:
    ended = entourage("get", gallery(pages, 1), "--data", data)
    assert ended.code == 1
    assert "--allow-network" in ended.err
    assert ended.err.count(pages.url("/page")) == 1
    assert not pages.counts


def test_all_addresses_are_looked_at_before_anything_is_fetched(data: Path, pages: Pages) -> None:
    ended = entourage("get", gallery(pages, 1), "gopher://old", "--data", data, *LOOPBACK)
    assert (ended.code, ended.said_plainly().split(": ")[1]) == (2, "gopher://old")
    assert not data.exists()
    assert not pages.counts


def test_a_dry_run_lists_and_stores_nothing(data: Path, pages: Pages) -> None:
    ended = entourage("get", gallery(pages, 1, 2), "--dry-run", "--data", data, *LOOPBACK)
    assert ended.code == 0
    assert ended.out.splitlines() == [f"{n}.jpg\t{pages.url(f'/{n}.jpg')}" for n in (1, 2)]
    assert "2 files" in ended.err
    assert blobs(data) == []
    assert set(pages.counts) == {"/page"}
    failed = entourage("get", pages.url("/nothing"), "--dry-run", "--data", data, *LOOPBACK)
    assert (failed.code, failed.out) == (1, "")


def test_ctrl_c_leaves_the_rest_in_the_queue_and_the_next_get_brings_it(data: Path, pages: Pages) -> None:
    url = gallery(pages, *range(6))
    pages.hold("/3.jpg")
    with started("get", url, "--data", data, *LOOPBACK) as running:
        pages.wait_for("/3.jpg")
        assert running.end(signal.SIGINT) in {1, 130}
    assert "stays in the queue" in running.said
    assert "Traceback" not in running.said
    pages.release()
    ended = entourage("get", url, "--data", data, *LOOPBACK)
    assert ended.code == 0, ended.err
    assert len(blobs(data)) == 6


def test_a_progress_bar_is_shown_on_a_terminal_only(data: Path, pages: Pages) -> None:
    ended = entourage("get", gallery(pages, 1, 2), "--data", data, *LOOPBACK)
    assert "\x1b" not in ended.err
    assert "━" not in ended.err
    shutil.rmtree(data)
    master, slave = pty.openpty()
    with subprocess.Popen(
        [*PROGRAM, "get", pages.url("/page"), "--data", str(data), *LOOPBACK],
        env=environment(TERM="xterm", COLUMNS="100"),
        stdin=slave,
        stdout=slave,
        stderr=slave,
    ) as process:
        os.close(slave)
        seen = b""
        while True:
            try:
                more = os.read(master, 65_536)
            except OSError:  # how Linux says that nobody holds the other end any more
                break
            seen += more
        os.close(master)
        assert process.wait(60) == 0
    shown = seen.decode()
    assert "━" in shown
    assert "2/2" in shown
    assert "Harbour: 2 new files" in shown


def test_import_brings_what_it_can_and_names_what_it_cannot(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "facts.jsonl"
    path.write_bytes(lines([profile(1), profile(2, folowers=3), profile(3)]))
    first = entourage("import", path, "--data", data)
    assert first.code == 1
    assert first.err.splitlines() == [
        f"{path}: facts: 2 profiles; 2 new",
        "line 2: unknown key `folowers`",
        "1 record was left out; everything else was read",
    ]
    path.write_bytes(lines([profile(1), profile(3)]))
    second = entourage("import", path, "--data", data)
    assert (second.code, second.err) == (0, f"{path}: facts: 2 profiles; 0 new\n")


def test_a_dry_run_of_an_import_makes_nothing(data: Path, tmp_path: Path) -> None:
    path = archive(tmp_path / "instagram-dior-2026-01-02-x1Y2z3.zip", NEW)
    ended = entourage("import", "--dry-run", path, "--data", data)
    assert (ended.code, data.exists()) == (0, False)
    assert ended.err == (
        f"{path}: Instagram export: would bring 5 follows, 1 profile, 5 posts, 1 like\n"
        "3 files of other kinds left out\n"
    )


def test_what_cannot_be_imported_is_said_in_one_line(data: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\x03\x04")
    for path, word in ((broken, "download it again"), (tmp_path / "nowhere", "No such file"), (tmp_path, "nothing in")):
        for more in ((), ("--dry-run",)):
            ended = entourage("import", path, "--data", data, *more)
            assert ended.code == 1
            assert word in ended.said_plainly()


def test_an_import_that_was_killed_goes_on_with_the_same_command(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "facts.jsonl"
    path.write_bytes(lines([profile(number) for number in range(30_000)]))
    database = data / "entourage.db"
    with started("import", path, "--data", data) as running:
        while not (database.exists() and _imported(database)):
            assert running.process.poll() is None
        running.process.kill()
    assert 0 < _imported(database) < 30_000
    ended = entourage("import", path, "--data", data)
    assert ended.code == 0
    assert ended.err == f"{path}: goes on where it was left\n{path}: facts: 30,000 profiles; 30,000 new\n"


def _imported(database: Path) -> int:
    with contextlib.closing(sqlite3.connect(database)) as connection, contextlib.suppress(sqlite3.OperationalError):
        return connection.execute("SELECT count(*) FROM channels").fetchone()[0]
    return 0


def test_users_are_added_and_listed_and_their_passwords_never_shown(data: Path) -> None:
    added = entourage(
        *("user", "add", "ann", "--email", "ann@example.org", "--role", "admin", "--password-stdin", "--data", data),
        typed=GOOD + "\n",
    )
    assert (added.code, added.out, added.err) == (0, "Added ann (admin).\n", "")
    listed = entourage("user", "list", "--data", data)
    assert listed.code == 0
    assert listed.out.split("\t")[1:4] == ["ann", "ann@example.org", "admin"]
    for ended in (added, listed):
        assert GOOD not in ended.out + ended.err
    assert not any(GOOD.encode() in path.read_bytes() for path in data.rglob("*") if path.is_file())


def test_a_user_that_cannot_be_is_refused_in_one_line(data: Path) -> None:
    given = ("--password-stdin", "--data", data)
    entourage("user", "add", "bob", *given, typed=GOOD)
    for name, password, email, about in (
        ("ann", "short", "ann@example.org", "password"),
        ("ann", "", "ann@example.org", "password"),
        ("ann", "x" * 2000, "ann@example.org", "password"),
        ("../etc", GOOD, "ann@example.org", "username"),
        ("a b", GOOD, "ann@example.org", "username"),
        ("x" * 65, GOOD, "ann@example.org", "username"),
        ("ann", GOOD, "nowhere", "email"),
        ("bob", GOOD, "ann@example.org", "bob"),
        ("BOB", GOOD, "ann@example.org", "BOB"),
    ):
        ended = entourage("user", "add", name, "--email", email, *given, typed=password)
        assert ended.code in {1, 2}
        line = ended.said_plainly()
        assert about in line
        assert not password or password not in line
    assert entourage("user", "list", "--data", data).out.count("\n") == 1


def test_migrate_says_what_it_did(data: Path) -> None:
    first, second = entourage("migrate", "--data", data), entourage("migrate", "--data", data)
    assert (first.code, second.code) == (0, 0)
    assert first.out.startswith("Applied 0001")
    assert second.out == "The database is up to date.\n"


def test_a_database_of_a_newer_version_is_left_alone(data: Path) -> None:
    entourage("migrate", "--data", data)
    with sqlite3.connect(data / "entourage.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    for command in ("migrate", "verify", "serve"):
        ended = entourage(command, "--data", data)
        assert (ended.code, "newer version" in ended.said_plainly()) == (1, True)


@pytest.fixture
def filled(data: Path, pages: Pages) -> Path:
    ended = entourage("get", gallery(pages, *range(5)), "--data", data, *LOOPBACK)
    assert ended.code == 0, ended.err
    return data


def test_verify_finds_sound_files_sound_and_makes_lost_links_again(filled: Path) -> None:
    ended = entourage("verify", "--data", filled)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("5 of 5 files are sound")
    links = [link for link in (filled / "library").rglob("*.jpg") if link.is_symlink()]
    assert len(links) == 5
    links[0].unlink()
    again = entourage("verify", "--data", filled)
    assert (again.code, "1 links" in again.out) == (0, True)
    assert links[0].is_symlink()


def test_verify_names_what_is_damaged_or_missing(filled: Path) -> None:
    hurt, lost, *_ = blobs(filled)
    body = bytearray(hurt.read_bytes())
    body[len(body) // 2] ^= 1
    hurt.chmod(0o600)
    hurt.write_bytes(body)
    lost.unlink()
    ended = entourage("verify", "--data", filled)
    assert ended.code == 1
    assert re.search(r"(?m)^\d\.jpg \(download \d\) is damaged", ended.out), ended.out
    assert re.search(r"(?m)^\d\.jpg \(download \d\) is missing", ended.out), ended.out
    assert "3 of 5 files are sound" in ended.out
    looked = entourage("doctor", "--data", filled)
    assert looked.code == 1
    assert "1 of 5 missing" in looked.out


def test_doctor_masks_secrets_and_finds_a_sound_place_sound(data: Path) -> None:
    entourage("migrate", "--data", data)
    key = "k" * 40
    ended = entourage("doctor", "--data", data, env={"ENTOURAGE_SECRET_KEY": key, "PATH": os.environ["PATH"]})
    assert (ended.code, ended.err) == (0, "")
    assert key not in ended.out
    assert str(data) in ended.out
    away = "postgresql://ann:sesame@127.0.0.1:1/media"
    lost = entourage("doctor", "--data", data, "--database", away)
    assert (lost.code, lost.err) == (1, "")
    assert "sesame" not in lost.out
    assert re.search(r"✗ database: .*does not answer", lost.out)


def test_doctor_finds_what_is_wrong(data: Path, tmp_path: Path) -> None:
    entourage("get", "http://127.0.0.1:1/", "--data", data)
    assert entourage("doctor", "--data", data).code == 0
    (data / "secret.key").chmod(0o644)
    ended = entourage("doctor", "--data", data, env={"ENTOURAGE_PROT": "1"})
    assert ended.code == 1
    assert re.search(r"✗ key: others may read .*chmod 600", ended.out)
    assert re.search(r"· ENTOURAGE_PROT: .*misspelt", ended.out)
    bare = entourage("doctor", "--data", tmp_path / "new", env={"PATH": str(tmp_path)})
    assert (bare.code, "· ffmpeg" in bare.out) == (0, True)
    assert not (tmp_path / "new").exists()


def test_options_come_from_the_environment_and_secrets_from_files(data: Path, tmp_path: Path) -> None:
    told = {
        "DATA": str(data),
        "HOST": "127.0.0.9",
        "PORT": "8123",
        "PUBLIC_URL": "https://media.example.org",
        "ALLOW_NETWORKS": "127.0.0.0/8, 10.1.0.0/16",
        "TRUSTED_PROXIES": "10.2.0.0/16",
        "CORS_ORIGINS": "https://app.example.org",
        "LOG_LEVEL": "WARNING",
        "LOG_MEGABYTES": "99",
        "SLOTS": "7",
        "PUBLIC_RATE": "11",
        "USER_RATE": "12",
        "USER_SOCKETS": "13",
        "ACCESS_SECONDS": "14",
    }
    (tmp_path / "key").write_text("a key that is long enough to be one\n")
    (tmp_path / "url").write_text(f"sqlite:///{tmp_path}/other.db\n")
    files = {"SECRET_KEY_FILE": str(tmp_path / "key"), "DATABASE_FILE": str(tmp_path / "url")}
    env = {f"ENTOURAGE_{name}": value for name, value in {**told, **files}.items()}
    shown = entourage("doctor", env=env).out
    for name, value in told.items():
        line = re.search(rf"(?m)^  {name.lower()} +(.*)$", shown)
        assert line is not None, name
        assert line[1] == value
    assert "a key that" not in shown
    assert "other.db" in shown
    assert "given by the environment" in shown
    nowhere = entourage("doctor", env={"ENTOURAGE_SECRET_KEY_FILE": str(tmp_path / "none")})
    assert (nowhere.code, "ENTOURAGE_SECRET_KEY_FILE" in nowhere.said_plainly()) == (2, True)
    wrong = entourage("migrate", env={"ENTOURAGE_PORT": "many", "ENTOURAGE_DATA": str(data)})
    assert (wrong.code, "ENTOURAGE_PORT" in wrong.said_plainly()) == (2, True)
    flag = entourage("doctor", "--data", tmp_path / "flag", env=env).out
    assert str(tmp_path / "flag") in flag


EVERY = ("serve", "work", "get http://127.0.0.1:1/", "user list", "migrate", "verify", "doctor")


def complaint(ended: Ran, command: str) -> str:
    """What a command that must fail says; `doctor` says it among its findings."""
    assert ended.code == 1, ended
    assert "Traceback" not in ended.out + ended.err
    if command == "doctor":
        (line,) = [line for line in ended.out.splitlines() if line.startswith("  ✗")]
        return line
    return ended.said_plainly()


@pytest.mark.parametrize("command", EVERY)
def test_a_data_folder_that_is_a_file_is_said_in_one_line(tmp_path: Path, command: str) -> None:
    (tmp_path / "file").write_text("mine")
    told = complaint(entourage(*command.split(), "--data", tmp_path / "file"), command)
    assert str(tmp_path / "file") in told
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("command", EVERY)
def test_a_database_that_is_none_is_said_in_one_line_and_left_alone(data: Path, command: str) -> None:
    data.mkdir()
    (data / "entourage.db").write_bytes(b"this is no database at all" * 1000)
    told = complaint(entourage(*command.split(), "--data", data), command)
    assert "entourage.db" in told
    assert (data / "entourage.db").read_bytes() == b"this is no database at all" * 1000


@pytest.mark.parametrize("command", EVERY)
def test_a_database_server_that_is_away_is_said_in_one_line_without_the_password(data: Path, command: str) -> None:
    url = "postgresql://ann:sesame@127.0.0.1:1/media"
    told = complaint(entourage(*command.split(), "--data", data, "--database", url), command)
    assert "does not answer" in told
    assert "sesame" not in told


@pytest.mark.parametrize("command", EVERY)
def test_a_data_folder_that_cannot_be_written_is_said_in_one_line(tmp_path: Path, command: str) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    bounded: Sequence[str] = ()
    if os.geteuid() == 0:  # an administrator may write everywhere, unless this right is given away
        assert shutil.which("setpriv"), "needs setpriv (util-linux)"
        bounded = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    told = complaint(entourage(*command.split(), "--data", closed, prefix=bounded), command)
    assert str(closed) in told


def test_too_little_room_is_said_in_one_line(data: Path) -> None:
    given = [*PROGRAM, "migrate", "--data", str(data)]
    ended = subprocess.run(
        given,
        env=environment(),
        check=False,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192)),
    )
    said = Ran(ended.returncode, ended.stdout, ended.stderr).said_plainly()
    assert ended.returncode == 1
    assert "room" in said or "disk" in said
