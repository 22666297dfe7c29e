"""One line of proof: canonical JSON in a hash chain.

``hash = SHA-256(previous hash ‖ body)`` where ``body`` is the canonical JSON of sequence number,
UTC time, kind and data. The first record follows 32 zero bytes. Whoever changes, removes or swaps a
record breaks the chain at that place (R-14A-59, reliability.md 10).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Json: TypeAlias = Any

GENESIS = "0" * 64


class Kind(StrEnum):
    """What a record tells. Events: 14a.md 4.2; the others are "other audit entries" there."""

    EVENT_START = "event_start"
    EVENT_CEILING = "event_ceiling"
    EVENT_REACTION = "event_reaction"
    EVENT_TRACE = "event_trace"
    EVENT_SAMPLE = "event_sample"
    EVENT_QUARTER = "event_quarter"
    EVENT_FAULT = "event_fault"
    EVENT_RESUMED = "event_resumed"
    EVENT_END = "event_end"
    BOOT = "boot"
    SHUTDOWN = "shutdown"
    RESTORED = "restored"
    STATE_DAMAGED = "state_damaged"
    LPC_STATE = "lpc_state"
    WRITE_REFUSED = "write_refused"
    WRITE_ACCEPTED = "write_accepted"
    FAILSAFE_WRITTEN = "failsafe_written"
    PAIRING = "pairing"
    CONFIG = "config"
    CONTACT_LEARNT = "contact_learnt"
    TEST_RUN = "test_run"
    ALARM = "alarm"
    CLOCK_STEP = "clock_step"
    IDENTITY = "identity"
    JOURNAL_SET_ASIDE = "journal_set_aside"
    TAIL_LOST = "tail_lost"
    DISK_DELAY = "disk_delay"
    RECORDS_LOST = "records_lost"
    ANCHOR = "anchor"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDraft:
    """A record before it has its place in the chain. ``utc`` is aware; ``data`` is plain JSON."""

    kind: str
    data: Mapping[str, Json]
    utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record in its place. ``body`` is what the hash covers; the rest is read from it."""

    seq: int
    utc: str
    kind: str
    data: Mapping[str, Json]
    body: str
    prev_hash: str
    hash: str

    @property
    def segment(self) -> str:
        """Day (UTC) the record belongs to, ``2026-11-21``."""
        return self.utc[:10]

    @property
    def event_id(self) -> str | None:
        """Event the record belongs to."""
        event_id = self.data.get("event_id")
        return event_id if isinstance(event_id, str) else None


def utc_text(utc: datetime) -> str:
    """RFC 3339 with milliseconds and ``Z``; of fixed width, so that text order is time order."""
    return utc.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utc_time(text: str) -> datetime:
    """The aware time that :func:`utc_text` wrote."""
    return datetime.fromisoformat(text)


def canonical(value: Json) -> str:
    """One text per value: sorted keys, no spaces, no NaN. Raises ``ValueError``/``TypeError``."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def chain_hash(prev_hash: str, body: str) -> str:
    """SHA-256 over the bytes of the previous hash and the body, as 64 hex digits."""
    return hashlib.sha256(bytes.fromhex(prev_hash) + body.encode()).hexdigest()


def seal(draft: RecordDraft, *, seq: int, prev_hash: str) -> Record:
    """Give ``draft`` its place in the chain."""
    utc = utc_text(draft.utc)
    body = canonical({"seq": seq, "utc": utc, "kind": draft.kind, "data": dict(draft.data)})
    return Record(
        seq=seq,
        utc=utc,
        kind=draft.kind,
        data=json.loads(body)["data"],
        body=body,
        prev_hash=prev_hash,
        hash=chain_hash(prev_hash, body),
    )


def unseal(body: str, *, prev_hash: str, stored_hash: str) -> Record:
    """Read a stored record. Raises ``ValueError`` when ``body`` is no record."""
    try:
        content = json.loads(body)
        return Record(
            seq=content["seq"],
            utc=content["utc"],
            kind=content["kind"],
            data=content["data"],
            body=body,
            prev_hash=prev_hash,
            hash=stored_hash,
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"no record: {error}") from error
