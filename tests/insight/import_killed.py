"""A program that imports a file until it is killed: `import_killed.py DATABASE PATH`; it says each batch it stored."""

import sys
from pathlib import Path

from entourage.accounts.model import OPERATOR
from entourage.insight import importing
from entourage.insight.importers import sources
from entourage.kernel.db import Database

url, given = sys.argv[1:]
path = Path(given)
database = Database(url)
found = database.write_now(importing.note, OPERATOR, path, path.name, sources.fingerprint(path))
importing.run(database, found.id, lambda now: print(now.done_bytes, flush=True))  # noqa: T201 - the test listens
print("done", flush=True)  # noqa: T201 - as above
database.close()
