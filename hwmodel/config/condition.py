"""Validate what an event of a scenario waits for: a figure of something, above or below a number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import ValidationError

from hwmodel.errors import InputError
from hwmodel.rules.figures import NAMES, SHORT_FORMS
from hwmodel.units import BYTES, FRAME_RATE, RATE, TIME, Dimension

from .kinds import PERCENTAGE, Duration, Kind, SparseBlock, Truth, Whole, Word, key, percent_text, shown, suggest, wrong
from .names import Name, is_port_name, is_station_name, is_wire_name
from .run import LONGEST_RUN

MOST_COUNTED = 10**12
OneBlock = TypeVar("OneBlock", bound=SparseBlock)
Empty = Literal["empty"]
AMOUNTS: Mapping[str, Dimension] = {"bytes": BYTES, "time": TIME}
RATES: Mapping[str, Dimension] = {"bits": RATE, "frames": FRAME_RATE}


class FigureName(Kind):
    """The name of a figure that a condition may wait for."""

    def parse(self, value: object) -> str:
        """Return the name; whether the thing has such a figure is checked later."""
        if not isinstance(value, str) or value not in NAMES:
            hint = suggest(value, NAMES) if isinstance(value, str) else ""
            raise wrong(f"{shown(value)} is no figure that a condition may wait for{hint or _LISTED}")
        return value

    def schema(self) -> dict[str, Any]:
        """Return all names."""
        return {"title": "a figure's name, like drops.NO_DESCRIPTOR", "enum": list(NAMES)}


_LISTED = "; docs/scenario.md lists them"


class Watchable(Kind):
    """The name of a VM, of an adapter, or of one of several Ethernet ports: a.vf1, a, a.p1."""

    def parse(self, value: object) -> str:
        """Return the name; whether there is such a thing is checked later."""
        if not isinstance(value, str) or not self._is_name(value):
            raise wrong(
                f"{shown(value)} is not the name of a VM, an adapter or an Ethernet port, like a.vf1, a or a.p1"
            )
        return value

    def schema(self) -> dict[str, Any]:
        """Return a pattern that such names fit."""
        title = "a VM, an adapter or an Ethernet port: vf1, p1, with servers a.vf1, a, a.p1"
        return {"title": title, "type": "string", "pattern": r"^[A-Za-z][A-Za-z0-9_.-]*$"}

    def _is_name(self, text: str) -> bool:
        server, dot, last = text.rpartition(".")
        return is_wire_name(text) or is_port_name(text) or (is_station_name(last) and (not dot or is_wire_name(server)))


class Amount(Kind):
    """How much of a figure: a whole number, or a text whose unit fits the figure, which is checked later."""

    def parse(self, value: object) -> int | str:
        """Return what was typed."""
        if isinstance(value, str) and value.strip():
            return value.strip()
        if isinstance(value, float) and 0 < value < 1:
            raise wrong(f"{value} is neither a whole number nor has it a unit (did you mean {percent_text(value)}?)")
        return Whole(0, MOST_COUNTED).parse(value)

    def schema(self) -> dict[str, Any]:
        """Return a number, or a text with any unit that figures have."""
        number = {"type": "integer", "minimum": 0, "maximum": MOST_COUNTED}
        patterns = (dimension.pattern[1:-1] for dimension in (*AMOUNTS.values(), *RATES.values()))
        text = {"type": "string", "pattern": f"^({'|'.join((*patterns, PERCENTAGE))})$"}
        return {"title": "a whole number, or with the unit of the figure: 64KiB, 2Gbps, 90%", "anyOf": [number, text]}


class Condition(SparseBlock):
    """What an event waits for: that a figure is above or below a number, or something is true of a VM, at last."""

    vm: Annotated[str, Name(with_servers=True)] | None = key(
        None, "Whose, of `delivered`, `dropped`, `tx_ring`, `rx_ring` and `up`: vf1, with servers a.vf1."
    )
    delivered: Annotated[int, Whole(1, MOST_COUNTED)] | None = key(
        None, "So many copies of frames have been delivered to it."
    )
    dropped: Annotated[int, Whole(1, MOST_COUNTED)] | None = key(
        None, "So many copies have been dropped of it or for it, as `series` counts them."
    )
    tx_ring: Annotated[Empty, Word(Empty)] | None = key(
        None, "empty: all descriptors of its Tx rings have been given back to its driver."
    )
    rx_ring: Annotated[Empty, Word(Empty)] | None = key(
        None, "empty: no descriptor of its Rx rings is left that the adapter could take."
    )
    up: Annotated[bool, Truth()] | None = key(None, "true: its function is there, false: it is not.")
    figure: Annotated[str, FigureName()] | None = key(
        None, "In place of these: a count, a level or a rate by the name that results have (docs/scenario.md)."
    )
    of: Annotated[str, Watchable()] | None = key(
        None,
        "Whose `figure`: a VM's (vf1, a.vf1), an adapter's (a), an Ethernet port's (p1, a.p1); the only adapter's.",
    )
    above: Annotated[int | str, Amount()] | None = key(
        None, "It is more than that: 1000, 64KiB, or with `within` 2Gbps, 1Mpps, 90%."
    )
    below: Annotated[int | str, Amount()] | None = key(None, "It is less than that.")
    within_fs: Annotated[int, Duration("1ns", "1000s")] | None = key(
        None, "What is compared is by how much a count has grown in the last so much time.", alias="within"
    )
    from_fs: Annotated[int, Duration("0ns", LONGEST_RUN)] | None = key(
        None, "From when on it is looked at, and counts begin, warm-up included; 0ns.", alias="from"
    )

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the keys that say what is waited for; a good condition has one."""
        return tuple(name for name in KINDS if getattr(self, name) is not None)

    @property
    def target(self) -> int:
        """Return the value of the key that says what is waited for: a count; for `up` 1 or 0; for an empty ring 0."""
        value = getattr(self, self.kinds[0])
        return 0 if value == "empty" else int(value)

    @property
    def whose(self) -> str:
        """Return the name of what the figure is of; empty for the only adapter."""
        return (self.vm if self.figure is None else self.of) or ""

    @property
    def begins_fs(self) -> int:
        """Return from when on the condition is watched."""
        return self.from_fs or 0

    @property
    def amount(self) -> int | str:
        """Return what the figure is compared with, as it was typed."""
        amount = self.above if self.below is None else self.below
        assert amount is not None
        return amount


def block_of(kind: type[OneBlock], keys: Mapping[str, Any]) -> OneBlock:
    """Return the block of some keys, as a file has them; raise InputError, a line for each, where keys are wrong."""
    try:
        return kind.model_validate(dict(keys))
    except ValidationError as error:
        raise InputError([f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]) from None


def condition_of(keys: Mapping[str, Any]) -> Condition:
    """Return the condition of some keys, as a file has them; raise InputError where they make none."""
    when = block_of(Condition, keys)
    if problems := [f"{key}: {message}" if key else message for key, message, _ in malformed(when)]:
        raise InputError(problems)
    return when


KINDS = (*SHORT_FORMS, "figure")
OF_FIGURES = ("of", "above", "below", "within")


def malformed(when: Condition) -> Iterator[tuple[str, str, bool]]:
    """Yield what is wrong with a condition whatever the system is: a key of it or none, why, and whether the key is."""
    if not when.kinds:
        yield "", f"nothing is waited for; a condition has {', '.join(KINDS[:-1])} or {KINDS[-1]}", False
        return
    for kind in when.kinds[1:]:
        yield kind, f"this condition has {when.kinds[0]} already; it waits for one thing", True
    if when.figure is None:
        if when.vm is None:
            yield "vm", "this key is missing", False
        for name in OF_FIGURES:
            if when.value_of(name) is not None:
                yield name, f"it belongs to a condition with `figure`, not to {when.kinds[0]}", True
        return
    if when.vm is not None:
        yield "vm", "whose `figure` it is says `of`", True
    if when.above is None and when.below is None:
        yield "", "nothing is said that the figure is compared with: `above` or `below`", False
    if when.above is not None and when.below is not None:
        yield "below", "a condition has `above` or `below`; what also is waited for is another event's", True
