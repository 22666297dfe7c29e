"""The user's trust decisions on disk: ``trust.json``, two generations (reliability.md 10).

A damaged file is set aside and the generation before is read; if that is of no use either, the
book starts empty, ``damaged`` says so and unknown peers wait for the user again.
"""

from __future__ import annotations

import hashlib
import json
import logging
from typing import TYPE_CHECKING, Final

from eebus.node import files
from eebus.ship.trust import TrustBook
from eebus.wire.errors import WireError

if TYPE_CHECKING:
    from pathlib import Path

    from eebus.ship.ski import Ski
    from eebus.wire.ejson import JsonValue

LOGGER = logging.getLogger(__name__)

FILE: Final = "trust.json"
MAX_BYTES: Final = 1024 * 1024


class TrustStore:
    """Loads and saves one ``TrustBook``; ``save`` blocks for the disk, call it in a thread."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self.damaged: list[str] = []
        """What was wrong at loading, for status and journal; empty when all was well."""

    @property
    def exists(self) -> bool:
        """Whether anything was ever saved here."""
        return self.path.exists() or files.previous(self.path).exists()

    def load(self, own: Ski) -> TrustBook:
        """Return the newest readable book, an empty one when there is none."""
        for path in (self.path, files.previous(self.path)):
            if not path.exists():
                continue
            try:
                return TrustBook.from_dict(own, _open(path.read_bytes()))
            except (OSError, WireError) as error:
                aside = files.set_aside(path)
                self.damaged.append(f"{path.name}: {error}; kept as {aside}")
                LOGGER.warning("! trust store %s", self.damaged[-1])
        return TrustBook(own)

    def save(self, content: JsonValue) -> None:
        """Write ``TrustBook.to_dict()``; returns when it is on the disk."""
        self.path.parent.mkdir(mode=files.FOLDER_MODE, parents=True, exist_ok=True)
        sealed = {"sha256": _sum(content), "content": content}
        files.write_generations(self.path, json.dumps(sealed, indent=1).encode())


def _open(data: bytes) -> JsonValue:
    if len(data) > MAX_BYTES:
        raise WireError(f"{len(data)} bytes")
    try:
        sealed = json.loads(data)
        content: JsonValue = sealed["content"]
        told = sealed["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise WireError("not a trust store") from error
    if told != _sum(content):
        raise WireError("checksum does not fit")
    return content


def _sum(content: JsonValue) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
