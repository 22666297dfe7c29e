"""What the journal raises."""

from __future__ import annotations


class JournalError(Exception):
    """A record could not be written or read; the message says which and why."""


class JournalFullError(JournalError):
    """Too many records wait for the disk; this one was counted as lost and will be told."""
