"""What a node says about itself by mDNS."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Announcement:
    """What we say about ourselves; ``txt`` is the raw TXT record."""

    instance: str
    host_name: str
    port: int
    txt: bytes
