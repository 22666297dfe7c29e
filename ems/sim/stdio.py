"""Standard input and output of a simulator as lines, without threads."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Json: TypeAlias = Any


async def input_lines(stream: TextIO) -> AsyncIterator[str]:
    """Lines of a pipe, a terminal or a file until it ends; without one, none."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    try:
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), stream
        )
    except ValueError:  # an ordinary file: all of it is there at once
        for text in stream:
            yield text.strip()
        return
    try:
        while line := await reader.readline():
            yield line.decode(errors="replace").strip()
    finally:
        transport.close()


def emit(document: Json) -> None:
    """One JSON document as one line, at once."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    sys.stdout.flush()
