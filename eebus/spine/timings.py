"""Times and bounds of the SPINE layer, each with its source."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SpineTimings:
    """Seconds and counts; the defaults are those of the references."""

    response_s: float = 10.0
    """Default maximum response delay (SPINE 5.2.5.3); a feature may announce its own."""

    retries_s: tuple[float, ...] = (30.0, 300.0, 900.0)
    """Waits before an unanswered request is sent again (implementation guide 2.6.2)."""

    discovery_repeat_s: float = 30.0
    """Silence of a new partner after which the discovery read is repeated (SPINE annex D.3)."""

    max_response_s: float = 900.0
    """Upper bound for a response delay a peer announces."""

    max_peers: int = 32
    max_relations: int = 32
    """Bindings, and as many subscriptions, one peer may hold (H-47)."""

    max_requests: int = 64
    """Open requests of ours per peer; more are reported unanswered at once."""

    max_items: int = 128
    """Entries per list a peer may write (spine.md 8.2)."""

    max_remote_items: int = 1024
    """Entries per list of a peer's server that are kept."""

    max_cached: int = 512
    """Functions of one peer whose data are kept."""

    max_cached_chars: int = 2 * 1024 * 1024
    """Length of all data of one peer that are kept, written out."""

    max_entities: int = 128
    max_features: int = 1024
    """Features of one peer that are kept from its discovery."""
