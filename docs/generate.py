"""Makes the pages of the guide that come from the program itself; with --check, says whether they are up to date."""

import argparse
import sys
from pathlib import Path

from entourage import cli
from entourage.kernel import settings

GUIDE = Path(__file__).parent / "guide"


def commands() -> str:
    """The page about the command line."""
    lines = ["# Command line", "", "<!-- Made by `make docs` from entourage/cli.py; change the words there. -->", ""]
    for command in cli.described():
        lines += [f"## `{command.name}`", "", command.about, "", "| argument | what it is for |", "| --- | --- |"]
        lines += [f"| `{written.replace('|', chr(92) + '|')}` | {words} |" for written, words in command.arguments]
        lines.append("")
    lines += [
        "Exit codes: 0 all went well; 1 something failed, and one line on standard error says what; 2 the command was",
        "misused; 130 it was interrupted.",
    ]
    return "\n".join(lines) + "\n"


PAGES = {"settings.md": settings.guide, "commands.md": commands}


def main() -> int:
    """Write the pages, or compare them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale: list[str] = []
    for name, make in PAGES.items():
        page, text = GUIDE / name, make()
        if check and (not page.exists() or page.read_text() != text):
            stale.append(str(page))
        elif not check:
            page.write_text(text)
    for page in stale:
        sys.stderr.write(f"{page} is not what the program says; run `make docs`\n")
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
