"""``state.json``: what the next process must know before it writes its first set-point.

At most 4 KiB, checksum inside, two generations. A write goes to a temporary file, is synced and
renamed, then the folder is synced: a power cut leaves one readable generation at every moment. A
damaged file is set aside under a name of its own and reported, never repaired silently.

Source: reliability.md 10, I-05, first-plant.md 4. Everything here blocks; call it from a thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import threading
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import TypeAdapter

from ems.control.saved import SavedState
from ems.disk import sync_folder, write_synced

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Json: TypeAlias = Any

VERSION = 1
MAX_BYTES = 4_096
NAME = "state.json"
PREVIOUS = "state.1.json"
TEMPORARY = "state.json.tmp"
MODE = 0o640
MAX_SET_ASIDE = 8  # files kept; the oldest goes first (I-15)
MAX_SECONDS = 10 * 366 * 86_400.0  # longer times are kept as this


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What ties the state to the journal: open events and the newest record known."""

    open_events: tuple[str, ...] = ()
    journal_seq: int | None = None
    journal_hash: str = ""


_SAVED = TypeAdapter(SavedState)
_MARKS = TypeAdapter(Marks)


class StateFile:
    """The state of one service in its folder. One writer at a time: a second one waits."""

    def __init__(
        self,
        folder: Path,
        *,
        utcnow: Callable[[], datetime] | None = None,
        synchronised: Callable[[], bool] | None = None,
    ) -> None:
        """Keep the state in ``folder``.

        ``utcnow`` is the wall time written beside the remaining seconds; ``synchronised`` tells
        whether it can be trusted. Without either, time that passed between two processes is not
        counted.
        """
        self.folder = folder
        self.marks = Marks()
        self.set_aside: tuple[Path, ...] = ()
        self._generation: int | None = None
        self._writing = threading.Lock()
        self._utcnow = utcnow
        self._synchronised = synchronised or (lambda: False)

    def load(self) -> tuple[SavedState | None, bool]:
        """State of the last process, and whether a damaged file was found and set aside.

        Of two readable generations the newer counts. Remaining seconds are reduced by the time that
        passed only where the clock was synchronised then and is now; they never fall below 0.
        ``None`` with ``True`` means: there was a state and it is lost, so the site stays limited.
        """
        damaged: list[Path] = []
        best: Json = None
        for name in (NAME, PREVIOUS):
            path = self.folder / name
            try:
                raw = path.read_bytes()
            except FileNotFoundError:
                continue
            except OSError:
                damaged.append(path)
                continue
            content = _unpack(raw)
            if content is None:
                damaged.append(path)
            elif best is None or content["generation"] > best["generation"]:
                best = content
        self.set_aside = tuple(self._put_aside(path) for path in damaged)
        self._generation = 0 if best is None else int(best["generation"])
        if best is None:
            return None, bool(damaged)
        self.marks = _marks(best)
        return self._aged(_saved(best["state"]), best), bool(damaged)

    def save(self, saved: SavedState) -> None:
        """Make ``saved`` durable; the generation of before is kept beside it.

        Raises:
            OSError: the disk refuses; an older readable generation is still there.
            ValueError: the state does not fit into 4 KiB.
        """
        with (
            self._writing
        ):  # a cancelled writer's thread may still be at work when the last one comes
            self._save(saved)

    def _save(self, saved: SavedState) -> None:
        if self._generation is None:
            self.load()  # a new file must count as newer than what is there
        self._generation = (self._generation or 0) + 1
        raw = self._pack(saved)
        if len(raw) > MAX_BYTES:
            raise ValueError(f"state of {len(raw)} bytes, at most {MAX_BYTES} are allowed")
        current, temporary = self.folder / NAME, self.folder / TEMPORARY
        write_synced(temporary, raw, mode=MODE)
        with contextlib.suppress(FileNotFoundError):
            os.replace(current, self.folder / PREVIOUS)
        os.replace(temporary, current)
        sync_folder(self.folder)

    def _pack(self, saved: SavedState) -> bytes:
        body = {
            "version": VERSION,
            "generation": self._generation,
            "written_utc": None
            if self._utcnow is None
            else self._utcnow().astimezone(UTC).isoformat(),
            "synchronised": self._utcnow is not None and self._synchronised(),
            "state": asdict(_bounded(saved)),
            "marks": asdict(self.marks),
        }
        return _line({**body, "sha256": _checksum(body)})

    def _aged(self, saved: SavedState, content: Json) -> SavedState:
        """``saved`` with the time between the processes counted, where it is known."""
        written = content["written_utc"]
        if self._utcnow is None or written is None:
            return saved
        if not (content["synchronised"] and self._synchronised()):
            return saved
        passed_s = (self._utcnow() - datetime.fromisoformat(written)).total_seconds()
        if passed_s <= 0:
            return saved
        return replace(
            saved,
            limits=tuple(
                replace(limit, remaining_s=_less(limit.remaining_s, passed_s))
                for limit in saved.limits
            ),
            failsafe_remaining_s=_less(saved.failsafe_remaining_s, passed_s),
        )

    def _put_aside(self, path: Path) -> Path:
        """Rename a damaged file; a folder that cannot be written leaves it where it is."""
        kept = sorted(self.folder.glob("*.damaged-*"), key=_number)
        number = _number(kept[-1]) + 1 if kept else 1
        target = path.with_name(f"{path.name}.damaged-{number}")
        try:
            os.replace(path, target)
            for old in kept[: max(0, len(kept) + 1 - MAX_SET_ASIDE)]:
                old.unlink(missing_ok=True)
        except OSError:
            return path
        return target


def _bounded(saved: SavedState) -> SavedState:
    """``saved`` with seconds that :func:`_saved` takes back: a limit of a hundred years is one."""
    return replace(
        saved,
        limits=tuple(
            replace(limit, remaining_s=_at_most(limit.remaining_s)) for limit in saved.limits
        ),
        failsafe_duration_s=_at_most(saved.failsafe_duration_s),
        failsafe_remaining_s=_at_most(saved.failsafe_remaining_s),
    )


def _at_most(seconds: float | None) -> float | None:
    return None if seconds is None else min(max(0.0, seconds), MAX_SECONDS)


def _less(remaining_s: float | None, passed_s: float) -> float | None:
    return None if remaining_s is None else max(0.0, remaining_s - passed_s)


def _number(path: Path) -> int:
    text = path.name.rpartition("-")[2]
    return int(text) if text.isdigit() else 0


def _line(content: Json) -> bytes:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode() + b"\n"


def _checksum(body: Json) -> str:
    return hashlib.sha256(_line(body)).hexdigest()


def _unpack(raw: bytes) -> Json:
    """Content of a file that is whole and makes sense, else ``None``."""
    if len(raw) > MAX_BYTES:
        return None
    try:
        content = json.loads(raw)
        told = content.pop("sha256")
        if told != _checksum(content) or content["version"] != VERSION:
            return None
        _saved(content["state"])
        _marks(content)
        if content["written_utc"] is not None:
            datetime.fromisoformat(content["written_utc"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return content


def _saved(state: Json) -> SavedState:
    """The record, strictly typed; later versions may add fields with defaults."""
    saved = _SAVED.validate_json(json.dumps(state), strict=True)
    if any(limit.power_w < 0 for limit in saved.limits) or (saved.failsafe_w or 0) < 0:
        raise ValueError("a limit is never negative")
    for limit in saved.limits:
        _check_seconds(limit.remaining_s)
    _check_seconds(saved.failsafe_duration_s)
    _check_seconds(saved.failsafe_remaining_s)
    return saved


def _marks(content: Json) -> Marks:
    return _MARKS.validate_json(json.dumps(content["marks"]), strict=True)


def _check_seconds(value: float | None) -> None:
    if value is not None and not (math.isfinite(value) and 0 <= value <= MAX_SECONDS):
        raise ValueError("seconds out of range")
