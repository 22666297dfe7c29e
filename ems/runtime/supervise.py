"""Restart what breaks, race what may be interrupted: the only place that catches everything."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

T = TypeVar("T")
LOGGER = logging.getLogger(__name__)

RESTART_MIN_S = 1.0
RESTART_MAX_S = 10.0
HEALTHY_AFTER_S = 60.0


class _Sleeper(Protocol):
    def monotonic(self) -> float: ...

    async def sleep_until(self, deadline: float) -> None: ...


async def keep_running(
    name: str,
    work: Callable[[], Awaitable[None]],
    clock: _Sleeper,
    *,
    failed: Callable[[str, BaseException | None], None] | None = None,
) -> None:
    """Run ``work`` for ever; after an error wait 1 s, doubling to 10 s, and begin again.

    A worker that lived for a minute starts again with the short pause. ``failed`` is told the name
    and the error, once while it stays the same, and ``None`` when the next attempt has lived for a
    minute. Cancellation passes.
    """
    pause_s, told = RESTART_MIN_S, ""

    def is_healthy() -> None:
        nonlocal pause_s, told
        pause_s = RESTART_MIN_S
        if told and failed is not None:
            failed(name, None)
        told = ""

    while True:
        health = asyncio.ensure_future(_later(is_healthy, clock))
        try:
            await work()
        except Exception as error:
            if repr(error) == told:
                LOGGER.warning("! %s failed as before: %s", name, error)
            else:
                LOGGER.exception("! %s failed, starts again in %.0f s", name, pause_s)
                if failed is not None:
                    failed(name, error)
            told = repr(error)
        else:
            LOGGER.info("x %s ended, starts again in %.0f s", name, pause_s)
        finally:
            health.cancel()
        await clock.sleep_until(clock.monotonic() + pause_s)
        pause_s = min(2 * pause_s, RESTART_MAX_S)


async def _later(tell: Callable[[], None], clock: _Sleeper) -> None:
    await clock.sleep_until(clock.monotonic() + HEALTHY_AFTER_S)
    tell()


class Harmless:
    """Does what control must not depend on: an error is logged, once while it stays the same.

    ``why``: the error of the last time; empty: it worked.
    """

    def __init__(self, name: str) -> None:
        """``name`` stands in the log."""
        self._name = name
        self.why = ""

    def do(self, work: Callable[[], object]) -> None:
        """Run ``work``; whatever it raises ends here."""
        try:
            work()
        except Exception as error:
            if repr(error) != self.why:
                LOGGER.exception("! %s failed", self._name)
            self.why = repr(error)
        else:
            self.why = ""


async def unless(work: Coroutine[object, object, T], interrupted: asyncio.Event) -> T | None:
    """Result of ``work``, or ``None`` when ``interrupted`` was set first (``work`` is cancelled).

    Both helper tasks end before this returns; errors of ``work`` are raised here.
    """
    task = asyncio.ensure_future(work)
    waiter = asyncio.ensure_future(interrupted.wait())
    try:
        await asyncio.wait({task, waiter}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        waiter.cancel()
        if not task.done():
            task.cancel()
        await asyncio.gather(waiter, task, return_exceptions=True)
