"""What a use case is asked before a remote write or binding takes effect, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import msgspec

    from eebus.spine.addresses import FeatureAddress, Peer
    from eebus.spine.functions import AnyFunction
    from eebus.spine.restricted import Filter


@dataclass(frozen=True, slots=True)
class Write:
    """A remote write that passed every check of the device (spine.md 1.7, steps 1 to 8).

    ``cmd_data`` is what the peer sent, ``stored`` what we hold now, ``merged`` what we would hold
    (write check flags kept as stored). ``cmd_data`` is ``None`` for a pure delete.
    """

    peer: Peer
    client: FeatureAddress
    server: FeatureAddress
    function: AnyFunction
    cmd_data: msgspec.Struct | None
    filters: tuple[Filter, ...]
    stored: msgspec.Struct | None
    merged: msgspec.Struct
    msg_counter: int


@dataclass(frozen=True, slots=True)
class BindingRequest:
    """A binding a peer asks for; ``bound`` are the clients bound to ``server`` already."""

    peer: Peer
    client: FeatureAddress
    server: FeatureAddress
    bound: tuple[tuple[Peer, FeatureAddress], ...]


@dataclass(frozen=True, slots=True)
class Accept:
    """Take it; ``data`` replaces what is stored, ``None`` stores ``Write.merged``."""

    data: msgspec.Struct | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """Refuse it; nothing changes and the peer gets a result with this number and text."""

    error_number: int = 7
    description: str = ""


Verdict: TypeAlias = Accept | Refuse
Judge: TypeAlias = Callable[[Write, float], Verdict]
View: TypeAlias = Callable[[Any, float], Any]
"""Turns what is stored into what peers see at a moment, e.g. the remaining duration of a limit."""

BindingJudge: TypeAlias = Callable[[BindingRequest, float], Verdict]
