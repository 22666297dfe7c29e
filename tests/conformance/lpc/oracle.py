"""A second reading of LPC 2.3, written from the rules and sharing no code with the product.

Times are whole seconds; a rule that says "more than" is taken half a second later. Plain chains of
conditions on purpose: slow, long, and easy to hold beside the document.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

HALF = 0.5
KEEP = "keep"


@dataclass
class Oracle:
    """The controllable system as the document tells it."""

    failsafe_w: Decimal
    failsafe_s: float
    autonomous: bool = True
    hold: float | None = None
    state: str = "init"
    entered: float = 0.0
    value: Decimal = Decimal(0)
    stored_s: float | None = None
    ends: float | None = None
    beat: float | None = None
    first_beat: float | None = None
    reason: str = ""

    # --- what can be seen from outside
    def applied(self) -> Decimal | None:
        if self.state == "limited":
            return self.value
        if self.state in ("init", "failsafe"):  # 901, 911, 912
            return self.failsafe_w
        return None

    # --- time
    def advance(self, now: float) -> None:
        while True:
            due = [(at, what) for at, what in self._coming() if at <= now]
            if not due:
                return
            at, what = min(due)
            if what == "control" and self.state == "failsafe" and self._gone(at):
                self.first_beat = None  # 921 wants a living heartbeat
            elif what == "over":  # 908, 007
                self.ends = self.stored_s = None
                self._go("unlimited_controlled", at)
            elif what == "lost":  # 911, 912
                if self.state == "limited":
                    self.ends = self.stored_s = None
                self._go("failsafe", at)
            else:  # 906, 921, 922
                self._go("unlimited_autonomous", at)

    def _coming(self) -> list[tuple[float, str]]:
        coming: list[tuple[float, str]] = []
        if self.state in ("unlimited_controlled", "limited") and self.beat is not None:
            coming.append((self.beat + 120 + HALF, "lost"))
        if self.state == "limited" and self.ends is not None:
            coming.append((self.ends, "over"))
        if not self.autonomous:
            return coming
        if self.state == "init":
            since = self.entered if self.first_beat is None else self.first_beat
            coming.append((max(since + 120 + HALF, self.hold or 0.0), "control"))
        if self.state == "failsafe":
            # entered a hair after the 120 s, which HALF stands for: the duration runs from there
            coming.append((self.entered - HALF + self.failsafe_s, "duration"))
            if self.first_beat is not None:
                coming.append((self.first_beat + 120 + HALF, "control"))
        return coming

    def _gone(self, now: float) -> bool:
        return self.beat is None or now - self.beat > 120

    def _go(self, state: str, at: float) -> None:
        self.state, self.entered, self.first_beat = state, at, None

    # --- messages; each returns the error number of the result
    def heartbeat(self, now: float) -> None:
        self.advance(now)
        if self.first_beat is None or self._gone(now):
            self.first_beat = now
        self.beat = now

    def limit(self, value: Decimal, active: bool, duration: float | str | None, now: float) -> int:
        self.advance(now)
        proven = self.state in ("unlimited_controlled", "limited")
        if not proven and (self.beat is None or now - self.beat > 60):
            return 7  # TS-036: not evaluated
        if duration == 0:
            active = False  # guide L 2.2: off now
        refused = value < 0 or (active and self.reason != "")  # 035/1, 035/2
        if refused:
            if not proven:  # 902, 918
                self._go("unlimited_controlled", now)
            return 7  # 907/1, 907/2
        self.value = value
        if active:
            self._limited(duration, now)
        else:
            self._deactivated(duration, now)
        return 0

    def _limited(self, duration: float | str | None, now: float) -> None:
        """904, 910, 919; a duration that was not sent runs on, a stored one starts."""
        if isinstance(duration, str):
            if self.ends is None and self.stored_s is not None:
                self.ends = now + self.stored_s
        else:
            self.stored_s = duration
            self.ends = None if duration is None else now + duration
        if self.state != "limited":
            self._go("limited", now)

    def _deactivated(self, duration: float | str | None, now: float) -> None:
        """905, 909, 920; what was running does not survive the limit."""
        if not isinstance(duration, str):
            self.stored_s = duration or None
        elif self.state == "limited":
            self.stored_s = None
        self.ends = None
        if self.state != "unlimited_controlled":
            self._go("unlimited_controlled", now)

    def failsafe(self, limit: Decimal | None, duration: float | None, now: float) -> int:
        self.advance(now)
        if self.state not in ("unlimited_controlled", "limited"):
            return 7  # TS-037
        if limit is not None and limit < 0:
            return 7  # 010
        if duration is not None and duration < 7_200:
            return 7  # 022/3
        if duration is not None and duration > 86_400:
            self.failsafe_s = 86_400.0  # 022/5
            return 7
        if limit is not None:
            self.failsafe_w = limit
        if duration is not None:
            self.failsafe_s = duration
        return 0

    def interrupt(self, now: float) -> None:
        self.advance(now)
        self.reason = "self-protection"
        if self.state == "limited":  # 923
            self.ends = self.stored_s = None
            self._go("unlimited_controlled", now)

    def resume(self) -> None:
        self.reason = ""
