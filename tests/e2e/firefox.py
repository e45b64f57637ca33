"""A headless Firefox over WebDriver BiDi (w3.org/TR/webdriver-bidi), as far as the tests need one."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse

_LISTENING = re.compile(rb"WebDriver BiDi listening on (ws://\S+)")
#: No updates, no studies, no first page; and behind a proxy that is not there lies everything but loopback.
_PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "datareporting.policy.dataSubmissionEnabled": False,
    "intl.accept_languages": "zh-CN, zh",
    "media.autoplay.default": 0,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.proxy.socks": "127.0.0.1",
    "network.proxy.socks_port": 9,
    "network.proxy.type": 1,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}


class Page:
    """One tab."""

    def __init__(self, link: ClientWebSocketResponse) -> None:
        self._link = link
        self._numbers = itertools.count(1)
        self._context = ""
        #: What the page has logged as an error.
        self.errors: list[str] = []

    async def begin(self) -> None:
        """Open the tab."""
        await self._ask("session.new", capabilities={})
        await self._ask("session.subscribe", events=["log.entryAdded"])
        self._context = (await self._ask("browsingContext.create", type="tab"))["context"]

    async def open(self, address: str) -> None:
        """Load a page, to its end."""
        await self._ask("browsingContext.navigate", context=self._context, url=address, wait="complete")

    async def run(self, script: str) -> Any:
        """What `script`, the body of an async function, returns; of what JSON can say."""
        found = await self._ask(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await (async () => {{ {script} }})() ?? null))()",
            target={"context": self._context},
            awaitPromise=True,
            userActivation=True,
        )
        assert found["type"] == "success", found
        return json.loads(found["result"]["value"])

    async def choose(self, selector: str, files: Sequence[Path]) -> None:
        """Choose these files in an input, as a person would."""
        found = await self._ask(
            "browsingContext.locateNodes",
            context=self._context,
            locator={"type": "css", "value": selector},
        )
        await self._ask(
            "input.setFiles",
            context=self._context,
            element={"sharedId": found["nodes"][0]["sharedId"]},
            files=[str(file) for file in files],
        )

    async def _ask(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        await self._link.send_json({"id": number, "method": method, "params": params})
        while True:
            answer = await self._link.receive_json()
            if answer.get("method") == "log.entryAdded" and answer["params"]["level"] == "error":
                self.errors.append(answer["params"]["text"])
            if answer.get("id") == number:
                assert answer["type"] == "success", answer
                return answer["result"]


@asynccontextmanager
async def firefox(profile: Path) -> AsyncIterator[Page]:
    """A tab of a browser of its own, which is gone afterwards; skips the test where there is none."""
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if program is None:
        pytest.skip("there is no Firefox on this machine: apt-get install firefox-esr")
    profile.mkdir(exist_ok=True)
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in _PREFERENCES.items())
    (profile / "user.js").write_text("".join(lines))
    process = await asyncio.create_subprocess_exec(
        program, "--headless", "--no-remote", "--remote-debugging-port=0", f"--profile={profile}",
        stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        async with asyncio.timeout(60):
            while not (found := _LISTENING.search(line := await process.stderr.readline())):
                assert line, "Firefox ended before it could be asked anything"
        drained = asyncio.ensure_future(_drain(process.stderr))
        async with (
            ClientSession() as session,
            session.ws_connect(f"{found[1].decode()}/session", max_msg_size=0) as link,
        ):
            page = Page(link)
            await page.begin()
            yield page
    finally:
        process.kill()
        await process.wait()
    await drained


async def _drain(stream: asyncio.StreamReader) -> None:
    """A pipe that nobody reads would stop it once it is full."""
    while await stream.readline():
        pass
