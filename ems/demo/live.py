"""The live view: the stage on a terminal, with keys for everything that can happen."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import termios
import tty
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.live import Live

from eebus.node.clock import SystemClock
from ems.demo.child import ChildFailedError
from ems.demo.service import ServiceError
from ems.demo.view import Picture, render
from ems.demo.words import watts, word

if TYPE_CHECKING:
    from collections.abc import Generator

    from ems.demo.stage import Stage
    from ems.demo.trace import Json

REFRESH_S: Final = 0.25
LIMITS_W: Final = (20_000, 15_120, 4_200, 0)
"""Successive presses of L walk through these."""
SUN_W: Final = 6_000


async def play_live(stage: Stage, lang: str) -> None:
    """Start everything, then show it and obey the keyboard until Q."""
    with raw_keys() as keys, Live(console=Console(), auto_refresh=False, screen=True) as live:
        view = LiveView(stage, lang, live)
        await view.open()
        await view.run(keys)


class LiveView:
    """Keys in, pictures out. One owner."""

    def __init__(self, stage: Stage, lang: str, live: Live) -> None:
        self._stage = stage
        self._lang = lang
        self._live = live
        self._message = ""
        self._beats = True
        self._contact = "closed"
        self._sun = False
        self._next_limit = 0
        self._began_at = stage.clock.monotonic()

    async def open(self) -> None:
        """Bring the plant up as the story does: silent box, pairing by full SKI, first word.

        Raises:
            ChildFailedError: a program did not come up.
        """
        await self._say("starting")
        await self._stage.prepare()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._stage.start_ems())
            group.create_task(self._stage.start_box())
        await self._say("pairing")
        await self._stage.pair()
        await self._stage.act("box heartbeat on")
        await self._stage.act("box release")
        await self._say("ready")

    async def run(self, keys: asyncio.Queue[str]) -> None:
        """Show and obey until Q.

        Raises:
            ChildFailedError: a program of the demo has ended.
        """
        real = SystemClock()
        while True:
            key = await real.wait_for(keys.get(), real.monotonic() + REFRESH_S)
            if key is not None and key.lower() in ("q", "\x03"):
                return
            if key is not None:
                await self._try(key.lower())
            self._stage.check_site()
            self._live.update(render(await self._picture()), refresh=True)

    async def press(self, key: str) -> None:
        """Do what the key stands for; other keys do nothing."""
        match key:
            case "l":
                await self._limit()
            case "r":
                await self._stage.act("box release")
                self._message = word("sent_release", self._lang)
            case "f":
                self._beats = not self._beats
                await self._stage.act(f"box heartbeat {'on' if self._beats else 'off'}")
                self._message = word("beat_on" if self._beats else "beat_off", self._lang)
            case "k":
                self._contact = "open" if self._contact == "closed" else "closed"
                await self._stage.act(f"contact {self._contact}")
                self._message = word(f"contact_{self._contact}", self._lang)
            case "s":
                self._sun = not self._sun
                await self._stage.act(f"site sun {SUN_W if self._sun else 0}")
                self._message = word("sun_on" if self._sun else "sun_off", self._lang)
            case _:
                pass

    async def _try(self, key: str) -> None:
        """A program that was ended from outside is shown, it does not end the view."""
        try:
            await self.press(key)
        except ChildFailedError as error:
            self._message = str(error)

    async def _limit(self) -> None:
        limit_w = LIMITS_W[self._next_limit % len(LIMITS_W)]
        self._next_limit += 1
        await self._stage.act(f"box limit {limit_w} for 30m")
        text = word("sent_limit", self._lang)
        self._message = text.format(watts=watts(limit_w, self._lang))

    async def _say(self, key: str) -> None:
        self._message = word(key, self._lang)
        self._live.update(render(await self._picture()), refresh=True)

    async def _picture(self) -> Picture:
        stage = self._stage
        now = stage.clock.monotonic()
        beats = stage.box_log.beats
        return Picture(
            lang=self._lang,
            t_s=now - self._began_at,
            speed=stage.clock.speed,
            status=await self._status(),
            truth=stage.seen.site[-1] if stage.seen.site else None,
            box_ski=stage.box_log.ski,
            box_connected=stage.box_log.connected,
            beat_s=now - beats[-1] if beats and self._beats else None,
            contact=self._contact,
            message=self._message,
        )

    async def _status(self) -> Json | None:
        with contextlib.suppress(ServiceError):
            return await self._stage.call("status")
        return None


@contextlib.contextmanager
def raw_keys() -> Generator[asyncio.Queue[str]]:
    """Single key presses of the terminal, without echo; the terminal is restored afterwards."""
    keys: asyncio.Queue[str] = asyncio.Queue(maxsize=32)
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)

    def pressed() -> None:
        key = sys.stdin.read(1)
        with contextlib.suppress(asyncio.QueueFull):
            keys.put_nowait(key)

    loop = asyncio.get_running_loop()
    tty.setcbreak(descriptor)
    loop.add_reader(descriptor, pressed)
    try:
        yield keys
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
