"""The world as connectors and jobs see it: pages, files and child processes, all behind one egress gate."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from entourage.kernel import children
from entourage.kernel.answers import Page
from entourage.kernel.curl import Pace
from entourage.kernel.egress import Gate
from entourage.kernel.errors import ChildFailed, Refused
from entourage.kernel.landing import Progress
from entourage.kernel.proxy import Proxy
from entourage.kernel.transfer import Client, Received


class World:
    """The client, the proxy and the children of one server. `async with World(gate, scratch) as world: …`."""

    def __init__(self, gate: Gate, scratch: Path, *, pace: Pace | None = None, ca_file: Path | None = None) -> None:
        self._client = Client(gate, pace=pace, ca_file=ca_file)
        self._proxy = Proxy(gate)
        self._scratch = scratch

    async def __aenter__(self) -> Self:
        self._scratch.mkdir(parents=True, exist_ok=True)
        await self._proxy.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._proxy.__aexit__(kind, error, trace)
        await self._client.close()

    async def read(self, url: str, *, headers: Mapping[str, str] | None = None, limit: int = 16_000_000) -> Page:
        """See `Client.read`."""
        return await self._client.read(url, headers=headers, limit=limit)

    async def head(self, url: str, *, headers: Mapping[str, str] | None = None) -> Page:
        """See `Client.head`."""
        return await self._client.head(url, headers=headers)

    @contextlib.asynccontextmanager
    async def granted(self) -> AsyncGenerator[str]:
        """The address of a proxy, good inside the block, for a library's own HTTP client: the gate is in it.

        What the gate refused there is raised as Refused, in its words, when the block fails.
        """
        async with self._proxy.grant() as grant:
            try:
                yield grant.url
            except Exception as failure:
                if grant.refused:
                    raise Refused(grant.refused[0]) from failure
                raise

    async def save(
        self,
        url: str,
        part: Path,
        *,
        headers: Mapping[str, str] | None = None,
        expected: int | None = None,
        limit: int | None = None,
        rate: int | None = None,
        on_progress: Progress | None = None,
    ) -> Received:
        """See `Client.save`."""
        return await self._client.save(
            url, part, headers=headers, expected=expected, limit=limit, rate=rate, on_progress=on_progress
        )

    async def lines(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        limit: int | None = None,
        silence: float = 600.0,
        total: float = 6 * 3600.0,
    ) -> AsyncGenerator[str]:
        """See `children.lines`; `limit` is the most bytes the child may receive from the world.

        A failure that the gate caused is raised as Refused, with the gate's reason. Leave the iteration by
        `contextlib.aclosing` where it may end early: the child is gone then when the block is left.
        """
        scratch = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="child-", dir=self._scratch))
        try:
            async with self._proxy.grant(limit=limit) as grant:
                told = children.lines(argv, proxy_url=grant.url, scratch=scratch, env=env, silence=silence, total=total)
                try:
                    async with contextlib.aclosing(told):
                        async for line in told:
                            yield line
                except ChildFailed as failure:
                    if grant.refused:
                        raise Refused(grant.refused[0]) from failure
                    raise
        finally:
            await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)
