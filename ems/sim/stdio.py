"""Standard input and output of a simulator as lines, without threads."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import sys
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeAlias

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Json: TypeAlias = Any

MAX_LINE_BYTES: Final = 4_096
TOO_LONG: Final = b"(a line that is too long)\n"


async def input_lines(stream: TextIO) -> AsyncIterator[str]:
    """Lines of a pipe, a terminal or a file until it ends; without one, none."""
    if not _can_be_waited_for(stream):
        for text in stream:
            yield text.strip()
        return
    reader = asyncio.StreamReader(limit=MAX_LINE_BYTES)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), stream
    )
    try:
        while True:
            try:
                line = await reader.readline()
            except ValueError:  # what does not fit is gone, the next line counts again
                line = TOO_LONG
            if not line:
                return
            yield line.decode(errors="replace").strip()
    finally:
        transport.close()


def _can_be_waited_for(stream: TextIO) -> bool:
    """A file, or /dev/null of a service, has all it will ever have; waiting for it is an error."""
    mode = os.fstat(stream.fileno()).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stream.isatty()


def emit(document: Json) -> None:
    """One JSON document as one line, at once; when nobody reads any more, the program ends."""
    try:
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        os.kill(os.getpid(), signal.SIGTERM)
