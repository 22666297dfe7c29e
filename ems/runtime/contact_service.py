"""The contact of the plant: reader, filter, learnt polarity, and what people are shown of it."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from ems.control.contact import ContactConfig, ContactFilter
from ems.disk import write_durably
from ems.runtime.inputs import (
    BrokenContact,
    ContactWatch,
    FileContact,
    GpioContact,
    GpiodContact,
    LastingContact,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from drivers.api import Clock
    from ems.config.schema import Contact
    from ems.control.events import ContactChanged
    from ems.runtime.inputs import ContactReader

LOGGER = logging.getLogger(__name__)

LEARNT_FILE = "contact.json"
LEVELS = ("open", "closed")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactView:
    """The contact for people.

    Attributes:
        level: of the line now; ``unknown``: it cannot be read.
        stable_level: after debounce.
        limiting: whether it limits now (also because of ``fault``).
        confirmed: polarity was confirmed by a live operation (R-14A-63).
    """

    backend: str
    place: str
    level: str
    stable_level: str
    limiting: bool
    limiting_when: str
    confirmed: bool
    fault: str | None


class ContactService:
    """Owns the contact."""

    def __init__(
        self,
        config: Contact,
        path: Path | None,
        state_dir: Path,
        clock: Clock,
        submit: Callable[[ContactChanged], None],
    ) -> None:
        """Open the input; one that cannot be opened counts as unreadable, therefore limits.

        ``path``: file of a contact with ``backend = "file"``.
        """
        self._config = config
        self._learnt_path = state_dir / LEARNT_FILE
        self._clock = clock
        self.limiting_when: Literal["open", "closed"] = config.limiting_when
        self.confirmed = config.confirmed
        self.is_polarity_lost = False
        """What was learnt is damaged: whatever the level, it limits until it is learnt anew."""
        self._apply_learnt()
        judge = ContactFilter(self._filter_config(), clock.monotonic())
        self.watch = ContactWatch(BrokenContact(), judge, clock, submit)
        self._reader = self.watch.reader = LastingContact(partial(self._open, path), clock)

    def view(self) -> ContactView:
        """Level, meaning and polarity now."""
        state = self.watch.judge.state
        return ContactView(
            backend=self._config.backend,
            place=self._config.path or self._config.pin or "",
            level=self._reader.read() or "unknown",
            stable_level=state.level,
            limiting=state.limiting,
            limiting_when=self.limiting_when,
            confirmed=self.confirmed,
            fault=state.fault,
        )

    def learn(self, limiting_when: Literal["open", "closed"]) -> None:
        """Keep the polarity confirmed by a live operation, and judge by it from now on.

        Raises:
            OSError: the disk refuses; the polarity of before stays in force.
        """
        learnt = {
            "limiting_when": limiting_when,
            "utc": self._clock.utcnow().isoformat(),
            "wiring": self._wiring(),
        }
        write_durably(self._learnt_path, json.dumps(learnt).encode())
        self.limiting_when, self.confirmed, self.is_polarity_lost = limiting_when, True, False
        self.watch.judge = ContactFilter(self._filter_config(), self._clock.monotonic())
        self.watch.sample()

    def _filter_config(self) -> ContactConfig:
        return ContactConfig(
            limiting_when=None if self.is_polarity_lost else self.limiting_when,
            debounce_limit_s=self._config.debounce_limit_s,
            debounce_release_s=self._config.debounce_release_s,
            flap_changes=self._config.flap_changes,
            flap_window_s=self._config.flap_window_s,
            read_failure_s=self._config.read_failure_s,
        )

    def _wiring(self) -> str:
        """What a polarity was learnt for: input, pull and what the configuration said then."""
        config = self._config
        place = config.path or config.pin or ""
        return f"{config.backend} {place} {config.pull} {config.limiting_when}"

    def _apply_learnt(self) -> None:
        try:
            learnt = json.loads(self._learnt_path.read_bytes())
            level, wiring = learnt["limiting_when"], learnt.get("wiring", self._wiring())
            if level not in LEVELS:
                raise ValueError(f"limiting_when is {level!r}")  # noqa: TRY301  # as any damage
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            LOGGER.error("! learnt polarity unreadable, the contact limits: %s", error)  # noqa: TRY400
            self.is_polarity_lost, self.confirmed = True, False
            return
        if wiring != self._wiring():
            LOGGER.warning("! the contact was changed since its polarity was learnt; learn it anew")
        else:
            self.limiting_when, self.confirmed = level, True

    def _open(self, path: Path | None) -> ContactReader:
        config = self._config
        if path is not None and config.backend == "file":
            return FileContact(path)
        if config.backend == "gpiod":
            return GpiodContact(config.pin or "", pull=config.pull)
        return GpioContact(config.pin or "", pull=config.pull, edge=self.watch.edge)
