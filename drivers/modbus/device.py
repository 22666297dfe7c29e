"""One device behind a link, as its map describes it: read points, run action lists."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final, TypeAlias

from drivers.api import RefusedError, SetupError
from drivers.modbus.blocks import Block, build_blocks
from drivers.modbus.expression import Exact, Expression, ExpressionError, Variables, parse
from drivers.modbus.link import ILLEGAL_ADDRESS, ModbusRefusedError, Priority
from drivers.modbus.mapfile import BlockStep, ReadStep, SetStep, WaitStep
from drivers.modbus.registers import Encoder, decode, decode_raw, encode, encode_raw

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from drivers.api import Clock
    from drivers.modbus.link import ModbusLink
    from drivers.modbus.mapfile import Action, MapFile, Point, Value

LOGGER = logging.getLogger(__name__)

ABSENT_FOR_S: Final = 3_600.0  # device rules 2.3: an absent point is asked again after an hour


@dataclass(frozen=True, slots=True, kw_only=True)
class _Write:
    """A ``set`` step with everything looked up; ``raw``: words that do not depend on anything."""

    name: str
    point: Point
    encoder: Encoder
    raw: list[int] | None
    expression: Expression | None
    constant: Exact
    needs_old: bool
    optional: bool
    if_changed: bool


_Prepared: TypeAlias = _Write | BlockStep | WaitStep | ReadStep


def _constant(value: float) -> Exact:
    """A literal of a map: 0.1 means one tenth."""
    return Fraction(str(value)) if isinstance(value, float) else int(value)


class ModbusDevice:
    """Points and actions of one unit; owned by one driver."""

    def __init__(self, link: ModbusLink, unit_id: int, mapfile: MapFile, clock: Clock) -> None:
        """``mapfile``: with addresses; SunSpec maps are resolved before."""
        self.map = mapfile
        self.link = link
        self.clock = clock
        self.known: dict[str, Fraction] = {}
        self._unit_id = unit_id
        self._expressions: dict[str, Expression] = {}
        self._single: set[str] = set()
        self._absent: dict[str, float] = {}
        self._blocks: dict[tuple[str, ...], list[Block]] = {}
        self._prepared: dict[int, tuple[Action, tuple[_Prepared, ...]]] = {}

    def has(self, name: str) -> bool:
        """Whether the map has the point and it can be read."""
        point = self.map.points.get(name)
        return point is not None and point.readable and point.address is not None

    def accepts(self, name: str) -> bool:
        """Whether the map has the point and it may be written."""
        point = self.map.points.get(name)
        return point is not None and point.writable and point.address is not None

    def blocks(self, names: tuple[str, ...]) -> list[Block]:
        """Requests that reading ``names`` takes at present."""
        now = self.clock.monotonic()
        back = [name for name, until in self._absent.items() if until <= now]
        for name in back:
            del self._absent[name]
        if back or names not in self._blocks:
            self._blocks[names] = self._plan(names)
        return self._blocks[names]

    def _plan(self, names: Iterable[str]) -> list[Block]:
        present = [name for name in names if self.has(name) and name not in self._absent]
        transport = self.map.transport
        merged = build_blocks(
            self.map.points,
            [name for name in present if name not in self._single],
            max_registers=transport.max_read_registers,
            gap_allowed=transport.read_gap_allowed,
        )
        singles = [name for name in present if name in self._single]
        alone = [
            block
            for name in singles
            for block in build_blocks(self.map.points, [name], max_registers=125, gap_allowed=False)
        ]
        return merged + alone

    async def read(self, names: tuple[str, ...], priority: Priority) -> dict[str, Fraction | None]:
        """Values by name; ``None``: the device has no value, or not this point.

        Raises:
            UnreachableError: no answer.
            RefusedError: refused for another reason than an absent point.
        """
        values: dict[str, Fraction | None] = dict.fromkeys(names)
        for block in self.blocks(names):
            values.update(await self.read_block(block, priority))
        return values

    async def read_block(self, block: Block, priority: Priority) -> dict[str, Fraction | None]:
        """Values of one request. An absent point makes a merged block fall apart, once."""
        try:
            words = await self.link.read(
                self._unit_id, block.space, block.address, block.count, priority
            )
        except ModbusRefusedError as error:
            if error.exception_code != ILLEGAL_ADDRESS:
                raise
            return await self._read_singly(block, priority)
        values: dict[str, Fraction | None] = {}
        for name in block.points:
            point = self.map.points[name]
            start = (point.address or 0) - block.address
            values[name] = decode(point, words[start:])
            self._remember(name, values[name])
        return values

    async def _read_singly(self, block: Block, priority: Priority) -> dict[str, Fraction | None]:
        self._blocks.clear()
        if len(block.points) == 1:
            name = block.points[0]
            LOGGER.info("! %s %s has no %s", self.link.endpoint, self.map.id, name)
            self._absent[name] = self.clock.monotonic() + ABSENT_FOR_S
            return {name: None}
        self._single.update(block.points)
        values: dict[str, Fraction | None] = {}
        for name in block.points:
            for single in build_blocks(
                self.map.points, [name], max_registers=125, gap_allowed=False
            ):
                values.update(await self.read_block(single, priority))
        return values

    def _remember(self, name: str, value: Fraction | None) -> None:
        if value is None:
            self.known.pop(name, None)
        else:
            self.known[name] = value

    async def run(self, action: Action, variables: Variables, priority: Priority) -> None:
        """Execute the steps in order.

        Raises:
            DriverError: as soon as a step that is not ``optional`` fails.
        """
        for step in self._prepared_steps(action):
            match step:
                case _Write():
                    await self._set(step, variables, priority)
                case BlockStep():
                    await self._set_block(step, variables, priority)
                case WaitStep(wait=wait_s):
                    await self.clock.sleep_until(self.clock.monotonic() + wait_s)
                case ReadStep(read=name, expect=expect):
                    found = (await self.read((name,), priority))[name]
                    wanted = await self._value(expect, variables, priority)
                    if found != wanted:
                        raise RefusedError(f"{self.link.endpoint}: {name} is {found}, not {wanted}")

    def _prepared_steps(self, action: Action) -> tuple[_Prepared, ...]:
        """Everything that does not depend on the value, once; the action itself is kept alive."""
        kept = self._prepared.get(id(action))
        if kept is None:
            steps = tuple(
                self._prepare_write(step) if isinstance(step, SetStep) else step for step in action
            )
            kept = self._prepared[id(action)] = (action, steps)
        return kept[1]

    def _prepare_write(self, step: SetStep) -> _Write:
        point = self.map.points[step.set]
        raw = None if step.raw is None else encode_raw(point, step.raw)
        if raw is None and step.value is None:
            raise SetupError(f"{self.map.id}: {step.set} without a value")
        expression, constant = None, Fraction(0)
        if isinstance(step.value, str):
            expression = self._expression(step.value)
        elif step.value is not None:
            constant = Fraction(_constant(step.value))
        return _Write(
            name=step.set,
            point=point,
            encoder=Encoder(point),
            raw=raw,
            expression=expression,
            constant=constant,
            needs_old=expression is not None and "old" in expression.names,
            optional=step.optional,
            if_changed=step.if_changed,
        )

    async def _set(self, step: _Write, variables: Variables, priority: Priority) -> None:
        try:
            if step.needs_old:
                variables = {**variables, "old": await self._old(step.name, step.point, priority)}
            words = step.raw or step.encoder.words(
                await self._step_value(step, variables, priority)
            )
            if step.if_changed and await self._stands(step.name, step.point, words, priority):
                return
            await self.write_words(step.point, words, priority)
        except RefusedError as error:
            if not step.optional:
                raise
            LOGGER.info("! %s: optional step skipped: %s", self.link.endpoint, error)

    async def _step_value(self, step: _Write, variables: Variables, priority: Priority) -> Exact:
        if step.expression is None:
            return step.constant
        try:
            return step.expression.evaluate(variables)
        except ExpressionError:
            return await self._value_with_points(step.expression, variables, priority)

    async def _set_block(self, step: BlockStep, variables: Variables, priority: Priority) -> None:
        words: list[int] = []
        for name, text in zip(step.points, step.values, strict=True):
            words += encode(self.map.points[name], await self._value(text, variables, priority))
        await self.link.write(self._unit_id, 16, step.block_write, words, priority)

    async def write_words(self, point: Point, words: list[int], priority: Priority) -> None:
        """Write one point with the function code its map asks for."""
        if point.address is None:
            raise RefusedError(f"{self.link.endpoint}: the device has no such point")
        await self.link.write(
            self._unit_id, self._function_code(point, words), point.address, words, priority
        )

    def _function_code(self, point: Point, words: list[int]) -> int:
        if point.write_fc is not None:
            return point.write_fc
        if point.reg == "coil":
            return 5
        single = len(words) == 1 and "write_single" in self.map.transport.functions
        return 6 if single else 16

    async def _old(self, name: str, point: Point, priority: Priority) -> Fraction:
        words = await self._read_words(point, priority)
        raw = decode_raw(point, words)
        if isinstance(raw, str):
            raise SetupError(f"{self.map.id}: {name} is a text")
        return Fraction(raw)

    async def _stands(self, name: str, point: Point, words: list[int], priority: Priority) -> bool:
        """Whether the device says so already; not readable counts as no."""
        return self.has(name) and await self._read_words(point, priority) == words

    async def _read_words(self, point: Point, priority: Priority) -> list[int]:
        if point.address is None:
            raise RefusedError(f"{self.link.endpoint}: the device has no such point")
        block = build_blocks({"": point}, [""], max_registers=125, gap_allowed=False)[0]
        return await self.link.read(
            self._unit_id, block.space, block.address, block.count, priority
        )

    async def _value(self, text: Value, variables: Variables, priority: Priority) -> Exact:
        if not isinstance(text, str):
            return _constant(text)
        expression = self._expression(text)
        try:
            return expression.evaluate(variables)
        except ExpressionError:
            return await self._value_with_points(expression, variables, priority)

    async def _value_with_points(
        self, expression: Expression, variables: Variables, priority: Priority
    ) -> Exact:
        """Some names are points: read those that were not read before."""
        for name in expression.names:
            if name not in self.known and self.has(name):
                await self.read((name,), priority)
        try:
            return expression.evaluate({**self.known, **variables})
        except ExpressionError as error:
            raise RefusedError(f"{self.link.endpoint}: {expression.text}: {error}") from error

    def evaluate(self, text: str, values: Mapping[str, Fraction | None]) -> Fraction | None:
        """Value of an expression over readings; ``None`` when one of them is missing."""
        expression = self._expression(text)
        found = {
            name: value
            for name in expression.names
            if (value := values.get(name, self.known.get(name))) is not None
        }
        try:
            return Fraction(expression.evaluate(found))
        except ExpressionError:
            return None

    def names_in(self, text: str) -> tuple[str, ...]:
        """Point names an expression needs."""
        return tuple(name for name in self._expression(text).names if name in self.map.points)

    def _expression(self, text: str) -> Expression:
        found = self._expressions.get(text)
        if found is None:
            try:
                found = parse(text)
            except ExpressionError as error:
                raise SetupError(f"{self.map.id}: {error}") from error
            self._expressions[text] = found
        return found
