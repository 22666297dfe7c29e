"""A story: a table of what happens and what must hold, read from ``stories/<name>.toml``; pure.

Times are protocol seconds counted from the control box's first word, powers watts. What the checks
mean is written at the head of the table files; the verdicts are made in ``judge.py``.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

SETTLE_S = 5.0
GRACE_S = 10.0
INERTIA_S = 60.0


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Effective(_Model):
    """The EMS must say the row's limit and source."""

    kind: Literal["effective"]
    start: Literal["row", "ready"] = Field("row", alias="from")
    within_s: float = SETTLE_S


class Capped(_Model):
    """No sum of set-points above the row's limit, nobody free, from the process's first point."""

    kind: Literal["capped"]


class Comply(_Model):
    """The measured quantity is below the row's limit within ``grace_s`` and stays there."""

    kind: Literal["comply"]
    start: Literal["row", "ready"] = Field("row", alias="from")
    of: Literal["steuve_w", "nwlb_w"] = "steuve_w"
    grace_s: float = GRACE_S
    inertia_s: float = INERTIA_S


class AtLeast(_Model):
    """The SteuVE draw ``power_w``: always from ``after_s`` on, or once ``within_s`` and then on."""

    kind: Literal["at_least"]
    power_w: int
    after_s: float | None = None
    within_s: float | None = None

    @model_validator(mode="after")
    def _one_time(self) -> AtLeast:
        if (self.after_s is None) == (self.within_s is None):
            raise ValueError("at_least needs either after_s or within_s")
        return self


class Steady(_Model):
    """The SteuVE draw what they drew before the row, ± ``power_w``."""

    kind: Literal["steady"]
    power_w: int
    before_s: float = 5.0


class Off(_Model):
    """Every SteuVE draws nothing."""

    kind: Literal["off"]
    grace_s: float = GRACE_S
    inertia_s: float = INERTIA_S


class Free(_Model):
    """No SteuVE is held back by a set-point."""

    kind: Literal["free"]
    within_s: float


class Refused(_Model):
    """The box got an error number for the write of this row."""

    kind: Literal["refused"]
    within_s: float = SETTLE_S


class ExpectedEvent(_Model):
    """One control event that the journal must hold."""

    source: str
    from_s: float
    to_s: float
    ceilings_w: tuple[int, ...]


class Records(_Model):
    """The journal verifies and holds these events."""

    kind: Literal["records"]
    event: tuple[ExpectedEvent, ...] = ()
    notes: tuple[str, ...] = ()


Check: TypeAlias = Effective | Capped | Comply | AtLeast | Steady | Off | Free | Refused | Records


class Row(_Model):
    """One row of a story; it lasts until the next one begins.

    Attributes:
        limit_w: what must be in force [W]; ``None``: no limit. 0 W is a limit.
        delay_s: the row's effect comes this long after its action [s] …
        delay_tolerance_s: … or this much earlier or later.
        do: actions in order: ``box …``, ``site …``, ``contact …``, ``ems kill|start``, ``wait S``.
    """

    name: str
    at_s: float
    text_de: str
    text_en: str
    limit_w: int | None = None
    source: str | None = None
    delay_s: float = 0.0
    delay_tolerance_s: float = 0.0
    do: tuple[str, ...] = ()
    check: tuple[Check, ...] = ()

    @property
    def effect_s(self) -> float:
        """When the row's limit must be in force."""
        return self.at_s + self.delay_s


class Story(_Model):
    """A table in, a verdict per row out."""

    schema_version: Literal[1] = Field(alias="schema")
    name: str
    title_de: str
    title_en: str
    row: tuple[Row, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _rows_ascend(self) -> Story:
        times = [row.at_s for row in self.row]
        if times != sorted(set(times)):
            raise ValueError("rows must ascend in time")
        return self

    def end_of(self, row: Row) -> float:
        """When the next row begins; the last row ends where it begins."""
        index = self.row.index(row)
        return self.row[index + 1].at_s if index + 1 < len(self.row) else row.at_s


def parse_story(text: str) -> Story:
    """Read a table.

    Raises:
        ValueError: not TOML, or not a story.
    """
    return Story.model_validate(tomllib.loads(text))


def story_names() -> list[str]:
    """Names of the stories that come with the program."""
    folder = resources.files("ems.demo.stories")
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    )


def load_story(name: str) -> Story:
    """A story that comes with the program.

    Raises:
        KeyError: there is no story of this name.
    """
    if name not in story_names():
        raise KeyError(name)
    text = resources.files("ems.demo.stories").joinpath(f"{name}.toml").read_text("utf-8")
    return parse_story(text)
