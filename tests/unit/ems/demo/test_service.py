"""The service socket as the demo uses it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from ems.demo.service import ServiceError, call, watch
from tests.kit.aio import run


async def serve(path: Path, *answers: Any) -> asyncio.Server:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = json.loads(await reader.readline())
        for one in answers:
            text = one if isinstance(one, str) else json.dumps({**one, "asked": request})
            writer.write(text.encode() + b"\n")
        await writer.drain()
        writer.close()

    return await asyncio.start_unix_server(answer, str(path))


def test_a_call_gives_the_data_of_the_answer(tmp_path: Path) -> None:
    async def work() -> Any:
        async with await serve(tmp_path / "s", {"ok": True, "data": {"limit_w": 0}}):
            return await call(tmp_path / "s", "status", {"a": 1})

    assert run(work()) == {"limit_w": 0}


def test_a_stream_gives_every_line_until_the_service_hangs_up(tmp_path: Path) -> None:
    async def work() -> list[Any]:
        lines = [{"ok": True, "data": 1}, {"ok": True, "data": 2}]
        async with await serve(tmp_path / "s", *lines):
            return [data async for data in watch(tmp_path / "s", "timeline")]

    assert run(work()) == [1, 2]


@pytest.mark.parametrize(
    "answer", ['{"ok": false, "error": {"code": "E-1"}}', "not json", ""], ids=str
)
def test_a_refusal_and_a_broken_answer_are_errors(tmp_path: Path, answer: str) -> None:
    async def work() -> Any:
        async with await serve(tmp_path / "s", answer):
            return await call(tmp_path / "s", "status")

    with pytest.raises(ServiceError):
        run(work())


def test_nobody_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ServiceError):
        run(call(tmp_path / "nobody", "status"))
