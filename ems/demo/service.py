"""The service socket of the EMS as the demo uses it: calls and the stream of the timeline."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ems.demo.trace import Json

LINE_LIMIT: Final = 1 << 20


class ServiceError(Exception):
    """The service is not there, or said no."""


async def call(path: Path, name: str, args: Json = None) -> Json:
    """``data`` of one answer.

    Raises:
        ServiceError: not reachable, or refused.
    """
    reader, writer = await _connect(path)
    try:
        await _ask(writer, {"call": name, "args": args or {}})
        return _data(await _line(reader))
    finally:
        writer.close()


async def watch(path: Path, name: str) -> AsyncIterator[Json]:
    """``data`` of every line of a stream until the service ends it.

    Raises:
        ServiceError: not reachable, or refused.
    """
    reader, writer = await _connect(path)
    try:
        await _ask(writer, {"call": name, "args": {}, "watch": True})
        while line := await _line(reader):
            yield _data(line)
    finally:
        writer.close()


async def _connect(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        return await asyncio.open_unix_connection(str(path), limit=LINE_LIMIT)
    except OSError as error:
        raise ServiceError(f"{path}: {error}") from error


async def _ask(writer: asyncio.StreamWriter, request: Json) -> None:
    try:
        writer.write(json.dumps(request).encode() + b"\n")
        await writer.drain()
    except OSError as error:
        raise ServiceError(str(error)) from error


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readline()
    except OSError:
        return b""


def _data(line: bytes) -> Json:
    try:
        answer = json.loads(line)
    except ValueError as error:
        raise ServiceError("no answer") from error
    if not answer.get("ok"):
        raise ServiceError(str(answer.get("error")))
    return answer.get("data")
