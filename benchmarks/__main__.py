"""`python -m benchmarks [name…]`: measure, print tables, and with `--write` put them into the guide.

Every number stands beside a peer's in the same run; on a shared machine only their ratio means anything.
"""

import argparse
import importlib
import sys

from benchmarks import report

NAMES = {
    "downloads": "downloads",
    "api": "media_reads",
    "queue": "job_queue",
    "sockets": "sockets",
    "start": "start",
    "accuracy": "accuracy",
    "insight": "insight_reads",
    "facts": "insight_facts",
}
"""What can be measured, and the module that does."""


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"what to measure: {', '.join(NAMES)}; else all")
    parser.add_argument("--small", action="store_true", help="a tenth of everything: to see that it works")
    parser.add_argument("--write", action="store_true", help="put the numbers into the guide")
    chosen = parser.parse_args()
    if unknown := [name for name in chosen.names if name not in NAMES]:
        parser.error(f"no such benchmark: {', '.join(unknown)}")
    for name in chosen.names or NAMES:
        facts = report.machine()
        section: report.Section = importlib.import_module(f"benchmarks.{NAMES[name]}").measure(small=chosen.small)
        print(f"{section.text()}\n  {facts}\n", flush=True)
        if chosen.write:
            report.write(section, facts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
