"""The service socket: one line in, one line out, and no client can hurt another."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from ems.runtime.service import CallError, Service
from tests.kit.aio import run


async def answer(args: Mapping[str, Any]) -> Any:
    return {"limit_w": args.get("w")}


async def whole(args: Mapping[str, Any]) -> Any:
    return int(args["w"])


async def refuse(args: Mapping[str, Any]) -> Any:
    raise CallError("E-PAIR-009", "nothing is known about this SKI", "see pair list", ski="ab")


async def stumble(args: Mapping[str, Any]) -> Any:
    raise RuntimeError("a bug")


async def count(args: Mapping[str, Any]) -> AsyncIterator[Any]:
    for number in range(3):
        yield number


async def for_ever(args: Mapping[str, Any]) -> AsyncIterator[Any]:
    while True:
        yield "tick"
        await asyncio.Event().wait()


@asynccontextmanager
async def service(path: Path) -> AsyncIterator[Path]:
    serving = Service(
        path,
        {"limit": answer, "whole": whole, "refuse": refuse, "stumble": stumble},
        {"count": count, "for_ever": for_ever},
    )
    task = asyncio.ensure_future(serving.run())
    while not path.exists():
        await asyncio.sleep(0.001)
    try:
        yield path
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def ask(path: Path, *lines: bytes) -> list[Any]:
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(b"".join(lines))
    writer.write_eof()
    answers = [json.loads(line) for line in (await reader.read()).splitlines()]
    writer.close()
    return answers


@pytest.mark.loopback
def test_a_call_is_answered_by_one_line(tmp_path: Path) -> None:
    async def story() -> None:
        async with service(tmp_path / "api.sock") as path:
            got = await ask(path, b'{"call":"limit","args":{"w":0}}\n')
        assert got == [{"ok": True, "data": {"limit_w": 0}, "warnings": []}]

    run(story())


@pytest.mark.loopback
def test_a_refusal_carries_code_cause_and_cure(tmp_path: Path) -> None:
    async def story() -> None:
        async with service(tmp_path / "api.sock") as path:
            got = await ask(path, b'{"call":"refuse"}\n')
        error = got[0]["error"]
        assert (error["code"], error["hint"], error["params"]) == (
            "E-PAIR-009",
            "see pair list",
            {"ski": "ab"},
        )

    run(story())


@pytest.mark.loopback
def test_a_bug_in_one_call_is_told_and_the_client_stays(tmp_path: Path) -> None:
    async def story() -> None:
        async with service(tmp_path / "api.sock") as path:
            got = await ask(path, b'{"call":"stumble"}\n', b'{"call":"limit"}\n')
        assert got[0]["error"]["code"] == "E-INT-001"
        assert got[0]["error"]["message"] == "RuntimeError: a bug"
        assert got[1]["ok"] is True

    run(story())


@pytest.mark.loopback
@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"not json\n", "E-SRV-001"),
        (b"[1,2]\n", "E-SRV-001"),
        (b'{"call":7}\n', "E-SRV-001"),
        (b'{"call":"limit","args":[]}\n', "E-SRV-001"),
        (b'{"call":"nothing"}\n', "E-SRV-002"),
        (b'{"call":"limit","watch":true}\n', "E-SRV-002"),
    ],
)
def test_bad_requests_are_refused_with_a_code(tmp_path: Path, line: bytes, code: str) -> None:
    async def story() -> None:
        async with service(tmp_path / "api.sock") as path:
            got = await ask(path, line)
        assert got[0]["error"]["code"] == code

    run(story())


@pytest.mark.loopback
def test_a_number_beyond_all_numbers_is_an_unusable_argument(tmp_path: Path) -> None:
    async def story() -> None:
        async with service(tmp_path / "api.sock") as path:
            got = await ask(path, b'{"call":"whole","args":{"w":1e999}}\n')
        assert got[0]["error"]["code"] == "E-SRV-004"

    run(story())


@pytest.mark.loopback
def test_a_stream_sends_every_item(tmp_path: Path) -> None:
    async def story() -> None:
        async with service(tmp_path / "api.sock") as path:
            reader, writer = await asyncio.open_unix_connection(str(path))
            writer.write(b'{"call":"count","watch":true}\n')
            got = [json.loads(await reader.readline())["data"] for _ in range(3)]
            writer.close()
        assert got == [0, 1, 2]

    run(story())


@pytest.mark.loopback
def test_a_line_without_end_closes_only_that_client(tmp_path: Path) -> None:
    async def story() -> None:
        async with service(tmp_path / "api.sock") as path:
            reader, writer = await asyncio.open_unix_connection(str(path))
            writer.write(b"x" * 200_000)
            gone = await reader.read()
            writer.close()
            got = await ask(path, b'{"call":"limit","args":{"w":1}}\n')
        assert gone == b""
        assert got[0]["ok"] is True

    run(story())


@pytest.mark.loopback
def test_the_socket_of_a_dead_process_is_replaced_and_a_file_is_not(tmp_path: Path) -> None:
    async def story() -> None:
        path = tmp_path / "api.sock"
        async with service(path):
            pass
        file = tmp_path / "notes.txt"
        file.write_text("keep me")
        with pytest.raises(OSError, match=r"notes\.txt exists and is not a socket"):
            await Service(file, {}, {}).run()
        assert file.read_text() == "keep me"

    run(story())


@pytest.mark.loopback
def test_the_socket_of_a_living_service_is_never_taken(tmp_path: Path) -> None:
    async def story() -> None:
        async with service(tmp_path / "api.sock") as path:
            with pytest.raises(OSError, match="another service listens on"):
                await Service(path, {}, {}).run()
            got = await ask(path, b'{"call":"limit","args":{"w":1}}\n')
        assert got[0]["ok"] is True

    run(story())


def test_a_path_too_long_for_a_socket_is_named_with_the_way_out(tmp_path: Path) -> None:
    async def story() -> None:
        with pytest.raises(OSError, match="107 are possible: choose --socket"):
            await Service(tmp_path / ("x" * 108), {}, {}).run()

    run(story())


@pytest.mark.loopback
def test_the_socket_a_dead_process_left_behind_is_replaced(tmp_path: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "api.sock"))
    left.close()

    async def story() -> None:
        path = tmp_path / "api.sock"
        serving = asyncio.ensure_future(Service(path, {"limit": answer}, {}).run())
        async with asyncio.timeout(5):
            while True:
                with suppress(OSError):
                    got = await ask(path, b'{"call":"limit","args":{"w":1}}\n')
                    break
                await asyncio.sleep(0.005)
        assert got[0]["ok"] is True
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        assert not path.exists()

    run(story())


@pytest.mark.loopback
def test_a_watcher_that_is_still_there_when_the_service_ends_leaves_no_trace(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with service(tmp_path / "api.sock") as path:
            _reader, writer = await asyncio.open_unix_connection(str(path))
            writer.write(b'{"call":"for_ever","watch":true}\n')
            await _reader.readline()
        await asyncio.sleep(0.01)
        writer.close()

    run(story())

    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
