"""Logs: what is written, what is found again, what survives, what is never shown."""

import contextlib
import io
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Generator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from testclock import TestClock

from entourage.kernel import logbook, logs, logsearch
from entourage.kernel.errors import NotFound
from entourage.kernel.logbook import Logbook, LogLine
from entourage.kernel.logsearch import search

QUEUE = logs.logger("Queue")
TODAY = "2026-03-02"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "logs"


@pytest.fixture
def console() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def running(root: Path, console: io.StringIO, clock: TestClock) -> Generator[logs.Logs]:
    with logs.start(root, level="DEBUG", clock=clock, console=console) as started:
        yield started


def _book(root: Path, clock: TestClock, limit: int = 1024**3) -> Logbook:
    return Logbook(root, limit=limit, clock=clock)


def _append(book: Logbook, message: str, *, level: str = "INFO", module: str = "Queue", user: int | None = None) -> int:
    return book.append(level, module, message, user, {}).id


def _messages(page: logsearch.LogPage) -> list[str]:
    return [line.message for line in page.lines]


def test_a_line_is_kept_with_all_that_was_said(running: logs.Logs, root: Path, clock: TestClock) -> None:
    QUEUE.info("Downloaded 8 files from alice", user=3, count=8, source="alice")
    kept = json.loads((root / f"{TODAY}.jsonl").read_text())
    assert kept == {
        "id": 1,
        "timestamp": "2026-03-02T12:00:00.000Z",
        "level": "INFO",
        "module": "Queue",
        "user": 3,
        "message": "Downloaded 8 files from alice",
        "metadata": {"count": 8, "source": "alice"},
    }
    page = search(root)
    assert page.lines == [
        LogLine(1, clock.now, "INFO", "Queue", 3, "Downloaded 8 files from alice", {"count": 8, "source": "alice"})
    ]
    assert (page.total, page.filtered) == (1, 1)


def test_what_libraries_log_is_kept_under_names_people_know(running: logs.Logs, root: Path) -> None:
    logging.getLogger("uvicorn.error").warning("port %s is taken", 80, extra={"user": 4, "attempt": 2})
    logging.getLogger("entourage.networks.tiktok").critical("blocked")
    logging.getLogger("apprise").warning("no answer")
    found = [(line.module, line.level, line.message, line.user) for line in search(root).lines]
    assert found == [
        ("Apprise", "WARNING", "no answer", None),
        ("TikTok", "ERROR", "blocked", None),
        ("Server", "WARNING", "port 80 is taken", 4),
    ]
    assert search(root, module="server").lines[0].metadata == {"attempt": 2}


def test_nothing_secret_reaches_a_file_the_console_or_a_listener(
    running: logs.Logs, root: Path, console: io.StringIO
) -> None:
    heard: list[LogLine] = []
    stop = logs.subscribe(heard.append)
    word = "hunter2hunter2"
    QUEUE.warning(f"GET https://a:{word}@x.org/?token={word}", password=word, headers={"Cookie": word}, seen=[word[:3]])
    try:
        int(f"password={word}")
    except ValueError:
        QUEUE.exception("It broke")
    stop()
    texts = [(root / f"{TODAY}.jsonl").read_text(), console.getvalue(), str(heard)]
    assert all(word not in text for text in texts)
    assert len(heard) == 2


def test_an_exception_is_kept_with_its_trace(running: logs.Logs, root: Path) -> None:
    try:
        _ = 1 // len("")
    except ZeroDivisionError:
        QUEUE.exception("Counting failed")
    line = search(root).lines[0]
    assert (line.level, line.metadata["error"]) == ("ERROR", "ZeroDivisionError: integer division or modulo by zero")
    assert "test_an_exception_is_kept" in line.metadata["traceback"]


def test_the_console_gets_one_line_whatever_a_message_holds(running: logs.Logs, console: io.StringIO) -> None:
    QUEUE.error("first\nsecond \x1b[31mred\u202e")
    assert console.getvalue() == "2026-03-02T12:00:00.000Z ERROR   Queue: first\\nsecond \\x1b[31mred\\u202e\n"


def test_a_level_below_the_wanted_one_is_not_kept(root: Path, clock: TestClock) -> None:
    with logs.start(root, level="WARNING", clock=clock, console=None):
        QUEUE.info("quiet")
        QUEUE.warning("loud")
    QUEUE.error("after the end")
    assert _messages(search(root)) == ["loud"]


@contextlib.contextmanager
def uncaptured() -> Generator[None]:
    """Nothing but our own handler hears: the test runner cannot pass on what is no text."""
    root = logging.getLogger()
    others = [handler for handler in root.handlers if type(handler).__module__.startswith("_pytest")]
    for handler in others:
        root.removeHandler(handler)
    try:
        yield
    finally:
        for handler in others:
            root.addHandler(handler)


def test_odd_values_never_stop_the_work(running: logs.Logs, root: Path) -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    odd: dict[str, object] = {
        "name": "\udc80",
        "big": 2**70,
        "nan": float("nan"),
        "path": root,
        "moment": datetime.now(UTC),
    }
    with uncaptured():
        QUEUE.info("half a character \udc80", user=None, **odd)
    QUEUE.info("broken", value=Broken())
    loop: list[object] = []
    loop.append(loop)
    QUEUE.info("endless", value=loop)
    QUEUE.info("x" * 100_000, more="y" * 100_000)
    QUEUE.info("fine")
    found = search(root)
    assert _messages(found)[0] == "fine"
    assert len(found.lines[1].message) == logs.LONGEST_MESSAGE
    assert (root / f"{TODAY}.jsonl").stat().st_size < 100_000
    assert "half a character \\udc80" in _messages(found)


def test_a_failing_listener_disturbs_nobody_and_may_log_itself(running: logs.Logs, root: Path) -> None:
    heard: list[str] = []

    def broken(line: LogLine) -> None:
        QUEUE.error("I heard something")
        raise RuntimeError("deaf")

    stops = [logs.subscribe(broken), logs.subscribe(lambda line: heard.append(line.message))]
    QUEUE.info("one")
    for stop in stops:
        stop()
    QUEUE.info("two")
    assert heard == ["one"]
    assert sorted(_messages(search(root))) == ["I heard something", "one", "two"]


def test_where_the_log_cannot_be_written_the_console_says_so(
    running: logs.Logs, root: Path, console: io.StringIO
) -> None:
    (root / f"{TODAY}.jsonl").mkdir(parents=True)
    QUEUE.error("this matters")
    assert "this line is only here" in console.getvalue()
    assert "this matters" in console.getvalue()
    (root / f"{TODAY}.jsonl").rmdir()
    QUEUE.info("again")
    assert _messages(search(root)) == ["again"]


def test_the_level_means_exactly_that_level_or_that_and_above(root: Path, clock: TestClock) -> None:
    book = _book(root, clock)
    for level in logbook.LEVELS:
        _append(book, level.lower(), level=level)
    assert _messages(search(root, level="warning")) == ["warning"]
    assert _messages(search(root, level="WARNING", and_above=True)) == ["error", "warning"]
    assert search(root, level="LOUD").filtered == 0


def test_searching_finds_the_newest_and_counts_them_all(root: Path, clock: TestClock) -> None:
    book = _book(root, clock)
    for number in range(3000):
        _append(book, f"Line {number}", module="Instagram" if number % 3 else "Queue", user=number % 2)
        clock.advance(0.001)
    page = search(root, module="instagram", text="LINE 2", limit=3)
    assert _messages(page) == ["Line 2999", "Line 2998", "Line 2996"]
    expected = sum(1 for n in range(3000) if n % 3 and str(n).startswith("2"))
    assert (page.total, page.filtered) == (3000, expected)
    assert len(search(root, limit=5000).lines) == logsearch.MOST_LINES
    assert search(root, limit=0).lines == []
    assert search(root, text="nowhere") == logsearch.LogPage([], 3000, 0)


def test_counting_again_counts_what_came_since(root: Path, clock: TestClock) -> None:
    book = _book(root, clock)
    _append(book, "one")
    assert search(root, text="one").filtered == 1
    _append(book, "one more")
    _append(book, "two")
    assert (search(root, text="one").filtered, search(root).total) == (2, 3)


@pytest.mark.parametrize(
    "text", ['a "quoted" word', "back\\slash", "Größe", "GRÖSSE ist", "день", "ДЕНЬ", "日本", "tab\t"]
)
def test_any_text_can_be_looked_for_in_any_case(root: Path, clock: TestClock, text: str) -> None:
    book = _book(root, clock)
    _append(book, f"before {text} after")
    _append(book, "something else")
    for asked in (text, text.upper() if text.upper().lower() == text.lower() else text, text.lower()):
        assert search(root, text=asked).filtered == 1
        assert len(search(root, text=asked).lines) == 1


def test_only_messages_are_searched_not_the_rest_of_the_line(root: Path, clock: TestClock) -> None:
    book = _book(root, clock)
    book.append("INFO", "Queue", "hello", None, {"note": "metadata", "message": "queue"})
    for text in ("info", "queue", "metadata", "timestamp", '","metadata":', "2026"):
        assert search(root, text=text).filtered == 0, text
    assert search(root, text="hell").filtered == 1


def test_dates_are_included_on_both_ends(root: Path, clock: TestClock) -> None:
    book = _book(root, clock)
    moments: list[datetime] = []
    for number in range(6):
        moments.append(clock.now)
        _append(book, str(number))
        clock.advance(12 * 3600)
    assert len(list(root.glob("*.jsonl"))) == 4
    page = search(root, date_from=moments[1], date_to=moments[4])
    assert _messages(page) == ["4", "3", "2", "1"]
    assert (page.total, page.filtered) == (6, 4)
    paris = moments[1].astimezone(tz=None)
    assert search(root, date_from=paris).filtered == 5
    assert search(root, date_to=moments[0] - timedelta(days=3)).filtered == 0


def test_a_user_sees_only_what_is_about_their_own(root: Path, clock: TestClock) -> None:
    book = _book(root, clock)
    _append(book, "mine", user=3)
    _append(book, "nobody's")
    _append(book, "another's", user=33)
    forged = '"user":3,"message":"forged","metadata":{}}\n{"id":9,"timestamp":"2026-03-02T12:00:00.000Z","level":"INFO"'
    book.append("INFO", "Queue", forged, 4, {"id": 1, "user": 3, "message": "x"})
    page = search(root, visible_to=3)
    assert _messages(page) == ["mine"]
    assert (page.total, page.filtered) == (1, 1)
    assert b"mine" in b"".join(logsearch.download(root, clock.now.date(), visible_to=3))
    assert b"another" not in b"".join(logsearch.download(root, clock.now.date(), visible_to=3))
    assert [line.message for line in logsearch.newer(root, 0, visible_to=3)] == ["mine"]


def test_what_is_new_can_be_followed(root: Path, clock: TestClock) -> None:
    assert logsearch.last_id(root) == 0
    book = _book(root, clock)
    for number in range(5):
        _append(book, str(number))
    seen = logsearch.last_id(root)
    assert (seen, logsearch.newer(root, seen)) == (5, [])
    _append(book, "next")
    clock.advance(86400)
    _append(book, "next day")
    assert [line.message for line in logsearch.newer(root, seen)] == ["next", "next day"]


def test_a_line_cut_by_a_crash_spoils_neither_reading_nor_writing(root: Path, clock: TestClock) -> None:
    book = _book(root, clock)
    for number in range(3):
        _append(book, str(number))
    path = root / f"{TODAY}.jsonl"
    with path.open("ab") as file:
        file.write(path.read_bytes().splitlines()[-1][:-20])
    assert _messages(search(root)) == ["2", "1", "0"]
    assert _messages(search(root, text="2")) == ["2"]
    assert _append(_book(root, clock), "after") == 4
    assert _append(book, "both go on") == 5
    assert _messages(search(root)) == ["both go on", "after", "2", "1", "0"]
    assert b"".join(logsearch.download(root, clock.now.date(), as_text=True)).count(b"\n") == 5


def test_numbers_rise_over_days_restarts_and_clocks_set_back(root: Path, clock: TestClock) -> None:
    numbers = [_append(_book(root, clock), "a"), _append(_book(root, clock), "b")]
    clock.advance(86400)
    numbers.append(_append(_book(root, clock), "c"))
    clock.jump(-3 * 86400)
    numbers.append(_append(_book(root, clock), "d"))
    assert numbers == [1, 2, 3, 4]


WRITER = """
import sys
from pathlib import Path
from entourage.kernel.logbook import Logbook
book = Logbook(Path(sys.argv[1]), limit=400_000)
for number in range(400):
    book.append("INFO", sys.argv[2], f"{number} " + "x" * 40, None, {})
"""


def test_several_processes_write_whole_lines_with_numbers_of_their_own(root: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(root), f"W{number}"]) for number in range(4)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]
    raw = b"".join(file.path.read_bytes() for file in logbook.files(root))
    lines = [json.loads(line) for line in raw.splitlines()]
    assert [line["id"] for line in lines] == list(range(1, 1601))
    for writer in range(4):
        mine = [int(line["message"].split()[0]) for line in lines if line["module"] == f"W{writer}"]
        assert mine == list(range(400))
    assert len(list(root.glob("*.jsonl"))) > 1


def test_threads_share_a_logbook(running: logs.Logs, root: Path) -> None:
    def write() -> None:
        for number in range(50):
            QUEUE.info(f"line {number}")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(line.id for line in search(root, limit=1000).lines) == list(range(1, 201))


def test_all_logs_together_stay_within_their_room_on_a_single_bad_day(root: Path, clock: TestClock) -> None:
    limit = 200_000
    book = _book(root, clock, limit)
    for number in range(3000):
        _append(book, f"{number} " + "x" * 100)
    assert sum(file.path.stat().st_size for file in logbook.files(root)) <= limit
    page = search(root, limit=2)
    assert [line.id for line in page.lines] == [3000, 2999]
    assert page.total == page.filtered
    assert 500 < page.total < 1500
    assert search(root, text="2999 x").filtered == 1
    assert search(root, text="1 x", limit=1000).lines[-1].id > 1000


def test_old_days_go_first_when_room_is_short(root: Path, clock: TestClock) -> None:
    for _ in range(10):
        book = _book(root, clock, 20_000)
        for number in range(20):
            _append(book, f"{number} " + "x" * 100)
        clock.advance(86400)
    days = [file.day for file in logbook.files(root)]
    assert days[-1] == clock.now.date() - timedelta(days=1)
    assert date(2026, 3, 2) not in days


def test_a_day_can_be_taken_away_as_json_lines_or_text(root: Path, clock: TestClock) -> None:
    book = _book(root, clock, 60_000)
    for number in range(100):
        book.append("INFO", "Queue", f"line\n{number}", None, {"count": number})
    assert len(logbook.files(root)) > 2
    lines = b"".join(logsearch.download(root, clock.now.date())).splitlines()
    assert [json.loads(line)["id"] for line in lines] == list(range(1, 101))
    text = b"".join(logsearch.download(root, clock.now.date(), as_text=True)).decode().splitlines()
    assert text[7] == "2026-03-02T12:00:00.000Z INFO    Queue: line\\n7 count=7"
    assert len(text) == 100
    with pytest.raises(NotFound):
        logsearch.download(root, date(2020, 1, 1))


def test_clearing_deletes_old_days_and_never_today(root: Path, clock: TestClock) -> None:
    for _ in range(5):
        _append(_book(root, clock), "x")
        clock.advance(86400)
    book = _book(root, clock)
    _append(book, "today")
    sizes = [file.path.stat().st_size for file in logbook.files(root)]
    assert logbook.clear(root, 3, clock) == logbook.Cleared(2, sum(sizes[:2]))
    assert logbook.clear(root, -5, clock) == logbook.Cleared(3, sum(sizes[2:5]))
    assert _messages(search(root)) == ["today"]
    assert _append(book, "and on") == 7
    assert logbook.clear(root / "absent", 1, clock) == logbook.Cleared(0, 0)


def test_a_folder_deleted_under_us_is_made_again(root: Path, clock: TestClock) -> None:
    book = _book(root, clock)
    _append(book, "one")
    for path in root.iterdir():
        path.unlink()
    root.rmdir()
    assert _append(book, "two") == 2
    assert _messages(search(root)) == ["two"]


def test_other_files_in_the_folder_are_left_alone(root: Path, clock: TestClock) -> None:
    book = _book(root, clock)
    others = {root / name for name in ("notes.txt", "2026-13-77.jsonl", "x.jsonl", "2026-03-02.jsonl.gz")}
    root.mkdir()
    for path in others:
        path.write_text("not ours")
    _append(book, "one")
    assert search(root).total == 1
    clock.advance(100 * 86400)
    logbook.clear(root, 1, clock)
    assert others <= set(root.iterdir())
    book.close()


def test_an_empty_or_absent_logbook_is_an_empty_page(root: Path) -> None:
    assert search(root) == logsearch.LogPage([], 0, 0)
    assert logsearch.newer(root, 0) == []


FULL = """
import resource, sys
from pathlib import Path
from entourage.kernel.logbook import Logbook
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
book, failed = Logbook(Path(sys.argv[1])), 0
for number in range(40):
    try:
        book.append("INFO", "Queue", f"{number} " + "x" * (40 if number < 30 else 1), None, {})
    except OSError:
        failed += 1
print(failed)
"""


def test_a_line_for_which_there_is_no_room_leaves_no_half_of_itself(root: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL, str(root)], check=True, capture_output=True, timeout=60)
    assert int(done.stdout) > 20
    raw = b"".join(file.path.read_bytes() for file in logbook.files(root))
    assert raw.endswith(b"\n")
    ids = [json.loads(line)["id"] for line in raw.splitlines()]
    assert ids == list(range(1, len(ids) + 1))
