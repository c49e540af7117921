"""A `Net` for tests: httpx and the product's child processes, both through the proxy of `mitm` and nowhere else."""

import contextlib
import ssl
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from emulators.mitm import Mitm

from entourage.kernel import children
from entourage.kernel.errors import Gone, Refused, Throttled, Unreachable


@dataclass(frozen=True, slots=True)
class Answer:
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


class LoopNet:
    """Satisfies networks.model.Net."""

    def __init__(self, mitm: Mitm, scratch: Path) -> None:
        self.mitm = mitm
        self.scratch = scratch
        self.started: list[Sequence[str]] = []

    async def read(self, url: str, *, headers: Mapping[str, str] | None = None, limit: int = 16_000_000) -> Answer:
        return await self._get(url, headers, limit, whole=True)

    async def head(self, url: str, *, headers: Mapping[str, str] | None = None) -> Answer:
        return await self._get(url, headers, 4096, whole=False)

    async def _get(self, url: str, headers: Mapping[str, str] | None, limit: int, *, whole: bool) -> Answer:
        trust = ssl.create_default_context(cafile=str(self.mitm.ca_file))
        body = b""
        try:
            async with (
                httpx.AsyncClient(proxy=self.mitm.url, verify=trust, follow_redirects=True, trust_env=False) as client,
                client.stream("GET", url, headers=dict(headers or {})) as answer,
            ):
                if "x-refused" in answer.headers:
                    raise Refused("This address is not to be reached.")
                _check(answer)
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if whole and len(body) > limit:
                        raise Refused(f"The page is larger than {limit} bytes.")
                    if len(body) > limit:
                        break
                return Answer(str(answer.url), answer.status_code, dict(answer.headers), body[:limit])
        except httpx.ProxyError as error:
            raise Refused("This address is not to be reached.") from error
        except httpx.TransportError as error:
            raise Unreachable(str(error)) from error

    async def lines(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> AsyncGenerator[str]:
        self.started.append(argv)
        told = children.lines(
            argv, proxy_url=self.mitm.url, scratch=self.scratch, env={**(env or {}), **self.mitm.trust}
        )
        async with contextlib.aclosing(told):
            async for line in told:
                yield line


def _check(answer: httpx.Response) -> None:
    status = answer.status_code
    if status == 429:
        raise Throttled("Asked to wait.", float(answer.headers.get("retry-after", 0)) or None)
    if status >= 500:
        raise Unreachable(f"The server answered {status}.")
    if status >= 400:
        raise Gone(f"The server answered {status}.")
