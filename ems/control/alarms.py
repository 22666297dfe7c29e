"""Which alarms are on; gives the transitions only, so that no alarm is told twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ems.control.commands import Alarm

if TYPE_CHECKING:
    from collections.abc import Mapping

DEVICE_SILENT: Final = "E-DEV-001"
DEVICE_REFUSES: Final = "E-DEV-002"
DEVICE_DISOBEYS: Final = "E-DEV-005"
DEVICE_NOT_FREE: Final = "E-DEV-006"
METER_SILENT: Final = "E-MET-001"
CONTACT_FLAPS: Final = "E-CON-001"
CONTACT_UNREADABLE: Final = "E-CON-005"
SOURCES_CONTRADICT: Final = "W-SIG-001"
LIMIT_BELOW_PMIN: Final = "W-SIG-002"
NOTHING_CONTROLLED: Final = "W-SIG-003"
AUTONOMOUS: Final = "W-LPC-002"
OVER_LIMIT: Final = "W-NWB-001"
LIMIT_NOT_KEPT: Final = "E-NWB-001"
DECISION_FAILED: Final = "E-CTL-001"


class AlarmBook:
    """Alarms in force."""

    def __init__(self) -> None:
        self._active: set[tuple[str, str]] = set()
        self._changes: list[Alarm] = []

    def put(
        self,
        code: str,
        subject: str,
        *,
        active: bool,
        params: Mapping[str, str | int] | None = None,
    ) -> None:
        """Say whether an alarm is on; ``params`` count when it begins."""
        key = (code, subject)
        if active == (key in self._active):
            return
        if active:
            self._active.add(key)
        else:
            self._active.discard(key)
        self._changes.append(
            Alarm(code=code, subject=subject, active=active, params=dict(params or {}))
        )

    def grid(self, *, silent: bool) -> None:
        """The meter at the connection point."""
        self.put(METER_SILENT, "grid", active=silent)

    def device(self, load_id: str, *, silent: bool, refused: bool, disobeys: bool) -> None:
        """What may be wrong with one device."""
        self.put(DEVICE_SILENT, load_id, active=silent)
        self.put(DEVICE_REFUSES, load_id, active=refused)
        self.put(DEVICE_DISOBEYS, load_id, active=disobeys)

    def take(self) -> list[Alarm]:
        """Alarms that began or ended since the last call."""
        changes, self._changes = self._changes, []
        return changes
