"""The service socket: JSON lines over a UNIX stream, one request, one answer, or a stream.

Request ``{"call": name, "args": {…}, "watch": false}``. Answer ``{"ok": true, "data": …,
"warnings": []}`` or ``{"ok": false, "error": {"code", "message", "hint", "params"}}``. With
``watch`` such lines follow until the client hangs up. Names and shapes: docs/service.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import stat
from typing import TYPE_CHECKING, Any, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

LOGGER = logging.getLogger(__name__)

Json: TypeAlias = Any
Call: TypeAlias = "Callable[[Mapping[str, Json]], Awaitable[Json]]"
Stream: TypeAlias = "Callable[[Mapping[str, Json]], AsyncIterator[Json]]"

MAX_LINE_BYTES = 64 * 1024
MAX_CLIENTS = 16
IDLE_S = 60.0
SEND_S = 5.0
MAX_PATH_BYTES = 107  # unix(7): sun_path, with its closing zero


class CallError(Exception):
    """A call that cannot be answered: code of the error catalogue, English text, what to do."""

    def __init__(self, code: str, message: str, hint: str = "", **params: str | int) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.params = params

    def as_json(self) -> Json:
        """Shape of the ``error`` member."""
        return {
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "params": self.params,
        }


class Service:
    """Listens on a UNIX socket and answers calls."""

    def __init__(
        self, path: Path, calls: Mapping[str, Call], streams: Mapping[str, Stream]
    ) -> None:
        """Serve ``calls`` and ``streams`` by name at ``path``."""
        self.path = path
        self._calls = calls
        self._streams = streams
        self._clients = 0

    async def run(self) -> None:
        """Serve until cancelled; a stale socket file of a dead process is replaced."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if (length := len(os.fsencode(self.path))) > MAX_PATH_BYTES:
            raise OSError(f"{self.path} has {length} bytes, 107 are possible: choose --socket")
        _remove_stale(self.path)
        server = await asyncio.start_unix_server(
            self._serve, path=str(self.path), limit=MAX_LINE_BYTES
        )
        self.path.chmod(stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP | stat.S_IWGRP)
        own = self.path.stat().st_ino
        try:
            async with server:
                await server.serve_forever()
        finally:
            with contextlib.suppress(OSError):
                if self.path.stat().st_ino == own:
                    self.path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._clients >= MAX_CLIENTS:
            await _send(writer, _refusal("E-SRV-003", "too many clients", "close one of them"))
            writer.close()
            return
        self._clients += 1
        try:
            while await self._serve_one(reader, writer):
                pass
        except (ConnectionError, TimeoutError, ValueError, asyncio.LimitOverrunError) as error:
            LOGGER.debug("x service client: %s", error)
        except asyncio.CancelledError:  # the service ends; asyncio would log it as an error
            LOGGER.debug("x service client: the service ends")
        finally:
            self._clients -= 1
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        async with asyncio.timeout(IDLE_S):  # wait_for of Python 3.11 may swallow a cancellation
            line = await reader.readline()
        if not line.strip():
            return False
        try:
            name, args, watch = _parse(line)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            hint = 'send {"call": "status", "args": {}}'
            await _send(writer, _refusal("E-SRV-001", f"not a request: {error}", hint))
            return True
        if watch:
            await self._stream(name, args, reader, writer)
            return False
        await _send(writer, await self._answer(name, args))
        return True

    async def _answer(self, name: str, args: Mapping[str, Json]) -> Json:
        call = self._calls.get(name)
        if call is None:
            return _refusal("E-SRV-002", f"unknown call {name!r}", "see docs/service.md")
        try:
            return {"ok": True, "data": await call(args), "warnings": []}
        except CallError as error:
            return {"ok": False, "error": error.as_json()}
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            LOGGER.info("! call %s with unusable arguments: %s", name, error)
            return _refusal("E-SRV-004", f"unusable arguments for {name}: {error}", "")
        except Exception as error:  # a bug in one call is no dead service
            LOGGER.exception("! call %s failed", name)
            why = f"{type(error).__name__}: {error}"
            return _refusal("E-INT-001", why, "report it with the log of the service")

    async def _stream(
        self,
        name: str,
        args: Mapping[str, Json],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        source = self._streams.get(name)
        if source is None:
            hint = "see docs/service.md"
            await _send(writer, _refusal("E-SRV-002", f"{name!r} cannot be watched", hint))
            return
        gone = asyncio.ensure_future(reader.read(1))
        try:
            async for item in source(args):
                if gone.done():
                    return
                await _send(writer, {"ok": True, "data": item, "warnings": []})
        except CallError as error:
            await _send(writer, {"ok": False, "error": error.as_json()})
        finally:
            gone.cancel()


async def _send(writer: asyncio.StreamWriter, message: Json) -> None:
    writer.write(json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    async with asyncio.timeout(SEND_S):
        await writer.drain()


def _parse(line: bytes) -> tuple[str, dict[str, Json], bool]:
    request: Json = json.loads(line)
    name: Json = request["call"]
    args: Json = request.get("args", {})
    if not isinstance(name, str) or type(args) is not dict:
        raise TypeError("call is a string, args an object")
    return name, cast("dict[str, Json]", args), bool(request.get("watch", False))


def _refusal(code: str, message: str, hint: str) -> Json:
    return {"ok": False, "error": CallError(code, message, hint).as_json()}


def _remove_stale(path: Path) -> None:
    """Remove the socket of a dead process; that of a living one is not ours to take."""
    if not path.exists():
        return
    if not stat.S_ISSOCK(os.stat(path).st_mode):
        raise OSError(f"{path} exists and is not a socket; remove it or choose --socket")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0)
        try:
            probe.connect(str(path))
        except BlockingIOError:
            pass  # its queue is full: somebody lives there
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise OSError(f"another service listens on {path}; end it or choose --socket")
