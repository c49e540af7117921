"""Runs a Bluesky network of your own for trying things out: `python tests/servers/bluesky_server.py`, until Ctrl+C.

A few invented people are on it, with photographs, follows, likes and replies. What it prints is what the page
"Connections" asks for; start Entourage with `--allow-network 127.0.0.0/8`, as it does not go to your own machine else.
"""

import contextlib
import io
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
PHOTOGRAPHS = ROOT / "entourage" / "networks" / "sandbox" / "photographs"

if TYPE_CHECKING:
    from servers.bluesky_network import Member, Network

PEOPLE = {
    "marta": ("Marta Oliveira", "Photographs of coasts and harbours. Lisbon, Portugal. https://marta.example"),
    "jonas": ("Jonas Weber", "Vater, Radfahrer, Hobbyfotograf aus Hamburg 🇩🇪"),
    "aoife": ("Aoife Byrne", "Walking, tea, dogs. Cork, Ireland"),
    "kenji": ("Kenji Tanaka", "写真と猫。東京"),
    "lucie": ("Lucie Moreau", "Cuisine, voyages, chats. Lyon"),
    "tomas": ("Tomáš Novák", "Climber, 29, Prague"),
    "harbourcafe": ("Harbour Café", "Coffee and cakes by the water. Open daily 8 to 18"),
    "priya": ("Priya Sharma", "Designer from Mumbai. She/her"),
}
WORDS = (
    "A quiet morning #coast #photography",
    "Two hours of waiting for this light #photography",
    "Found on the way home, with @{other} #walking",
    "Another one from last week. Which do you like more? #photography #coast",
    "Thank you @{other} for showing me this place!",
)
ANSWERS = ("Lovely light!", "Where is this?", "I want to go there.", "The second one is my favourite.")


def settle(network: "Network") -> "Member":
    """Lets the people move in and do what people do; the first of them."""
    people = [network.join(name) for name in PEOPLE]
    files = sorted(PHOTOGRAPHS.glob("*.jpg"))
    for n, (member, (name, about)) in enumerate(zip(people, PEOPLE.values(), strict=True)):
        member.describe(name, about, _shrunk(files[n % len(files)], 256)[0])
    for n, member in enumerate(people):
        for step in range(1, len(people) - n // 2):
            member.follow(people[(n + step) % len(people)])
        for number, words in enumerate(WORDS[: 5 - n // 2]):
            other = people[(n + number + 1) % len(people)]
            shots = (files[(n * 5 + number + more) % len(files)] for more in range(1 + number % 2))
            post = member.post(words.format(other=other.handle), *(_shrunk(shot, 1000) for shot in shots))
            for fan in people[: (n + number * 3) % len(people)]:
                fan.like(post)
            for more in range(number % 3):
                _ = people[(n + more + 2) % len(people)].post(ANSWERS[(n + more) % 4], reply_to=(post, post))
    return people[0]


def _shrunk(path: Path, longest: int) -> tuple[bytes, int, int]:
    with Image.open(path) as photograph:
        photograph.thumbnail((longest, longest))
        out = io.BytesIO()
        photograph.convert("RGB").save(out, "JPEG", quality=85)
        return out.getvalue(), *photograph.size


def main() -> int:
    """Runs until it is interrupted."""
    sys.path.insert(0, str(ROOT / "tests"))
    from servers.bluesky_network import bluesky  # noqa: PLC0415 - found only now

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), tempfile.TemporaryDirectory() as folder:
        sys.stderr.write("Starting a Bluesky network (the first time it is installed, which takes minutes) …\n")
        with bluesky(Path(folder) / "bluesky") as network:
            first = settle(network)
            print(f"Server:       {network.pds}")  # noqa: T201 - a command's output
            print(f"Handle:       {first.handle}")  # noqa: T201 - a command's output
            print(f"App password: {first.app_password()}", flush=True)  # noqa: T201 - a command's output
            sys.stderr.write("It runs until Ctrl+C.\n")
            signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())
