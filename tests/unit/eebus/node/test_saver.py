from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from eebus.node.saver import Saver
from eebus.node.trust_store import TrustStore
from eebus.ship.ski import Ski
from eebus.ship.trust import TrustBook, TrustedPeer
from eebus.wire.ejson import JsonValue
from tests.kit.clock import FakeClock
from tests.kit.node import run

OWN = Ski("a" * 40)
BOX = Ski("b" * 40)


class Disk(TrustStore):
    """A store whose disk can be full."""

    is_full = False
    writes = 0

    def save(self, content: JsonValue) -> None:
        self.writes += 1
        if self.is_full:
            raise OSError("no space left on device")
        super().save(content)


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_flush_returns_when_the_change_is_on_the_disk(tmp_path: Path) -> None:
    async def work() -> None:
        store, book = Disk(tmp_path), TrustBook(OWN)
        saver = Saver(store, book, FakeClock())
        task = asyncio.ensure_future(saver.run())
        book.trust(TrustedPeer(ski=BOX))
        saver.mark()
        await saver.flush()
        assert [peer.ski for peer in TrustStore(tmp_path).load(OWN).trusted] == [BOX]
        await stop(task)

    run(work())


def test_full_disk_is_told_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        store, book, clock = Disk(tmp_path), TrustBook(OWN), FakeClock()
        saver = Saver(store, book, clock)
        task = asyncio.ensure_future(saver.run())
        store.is_full = True
        book.trust(TrustedPeer(ski=BOX))
        saver.mark()
        await saver.flush()
        assert "no space left" in saver.problem

        store.is_full = False
        while saver.problem:
            clock.advance(10)
            await asyncio.sleep(0.001)
        assert store.exists
        await stop(task)

    run(work())
    assert "no space left" in caplog.text


def test_change_just_before_the_stop_is_written(tmp_path: Path) -> None:
    async def work() -> None:
        store, book = Disk(tmp_path), TrustBook(OWN)
        saver = Saver(store, book, FakeClock())
        task = asyncio.ensure_future(saver.run())
        await asyncio.sleep(0)
        book.trust(TrustedPeer(ski=BOX))
        saver.mark()
        await stop(task)
        assert [peer.ski for peer in store.load(OWN).trusted] == [BOX]

    run(work())
