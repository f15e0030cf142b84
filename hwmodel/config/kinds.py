"""Define what a block is made of: kinds of value that a user types, such as words, lists, quantities with a unit.

Each kind turns what a user typed into the number or word that the model computes with, says in plain words what is
wrong with it, writes it back, and describes itself in the JSON schema. They stand in `Annotated[int, ByteCount(...)]`.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import cache, partial
from operator import eq
from typing import Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, SerializerFunctionWrapHandler, model_serializer
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from hwmodel import units

# What YAML 1.1 takes for truth values besides true and false.
YAML_TRUTHS = frozenset(("on", "off", "yes", "no", "y", "n"))


def wrong(message: str) -> PydanticCustomError:
    """Return the error that a kind raises; the message goes to the user as it is."""
    return PydanticCustomError("hwmodel", "{message}", {"message": message})


def shown(value: object) -> str:
    """Write a value as a user would recognise it in a message, shortened."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 42 else text[:38] + "..." + text[-1]


def suggest(word: str, known: Iterable[str]) -> str:
    """Return ' (did you mean X?)' for the nearest known word, else an empty text."""
    choices = {choice.lower(): choice for choice in known}
    close = difflib.get_close_matches(word.lower(), choices, n=1, cutoff=0.6)
    if not close:
        close = difflib.get_close_matches(word.replace("-", "_").lower(), choices, n=1, cutoff=0.5)
    return f" (did you mean {choices[close[0]]}?)" if close else ""


class Kind:
    """Give pydantic one parse function, one write function and one JSON schema for a kind of value."""

    def parse(self, value: object) -> Any:
        """Return the model's value for what the user typed; raise `wrong(...)`."""
        raise NotImplementedError

    def write(self, value: Any) -> Any:
        """Return the user's form of the model's value, such that `parse` gives the value back."""
        return value

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of the user's form."""
        raise NotImplementedError

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.parse,
            serialization=core_schema.plain_serializer_function_ser_schema(self.write),
        )


class Truth(Kind):
    """True or false, as such words and nothing else."""

    def parse(self, value: object) -> bool:
        if not isinstance(value, bool):
            hint = ""
            if isinstance(value, str) and value.lower() in YAML_TRUTHS | {"true", "false"}:
                yes = value.lower() in ("on", "yes", "y", "true")
                hint = f" (did you mean {'true' if yes else 'false'}, without quotes?)"
            raise wrong(f"{shown(value)} is neither true nor false{hint}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


class Word(Kind):
    """One of the few words of a `Literal`."""

    def __init__(self, words: Any, *, none_word: str | None = None, renamed: Mapping[str, str] | None = None) -> None:
        self.words: tuple[str, ...] = get_args(words)
        self.none_word = none_word
        self.renamed = renamed or {}  # a former word -> the word for it now, and why

    def parse(self, value: object) -> str | None:
        """Return the word (None for the word that means nothing); suggest the nearest one."""
        if isinstance(value, str) and value in self.renamed:
            raise wrong(f"{shown(value)} is now named {self.renamed[value]}")
        if self.none_word is not None and value in (None, self.none_word):
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)  # an unquoted 82599
        if not isinstance(value, str) or value not in self.words:
            hint = suggest(value, self.words) if isinstance(value, str) else ""
            known = ", ".join(self._all())
            raise wrong(f"{shown(value)} is not one of {known}{hint}" if len(self._all()) > 1 else
                        f"{shown(value)} is not {known}")  # fmt: skip
        return value

    def write(self, value: str | None) -> str | None:
        return self.none_word if value is None else value

    def schema(self) -> dict[str, Any]:
        """Return the words; those that are numbers also without quotes."""
        numbers = [int(word) for word in self.words if word.isdigit()]
        empty = [None] if self.none_word is not None else []
        return {"enum": [*self._all(), *numbers, *empty]}

    def _all(self) -> list[str]:
        return [*self.words, *([self.none_word] if self.none_word else [])]


class OrWord(Kind):
    """A word in place of another kind of value, such as `all` for a list."""

    def __init__(self, word: str, other: Any) -> None:
        self.word = word
        self.other = other

    def __get_pydantic_core_schema__(self, _source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        inner = handler.generate_schema(self.other)

        def take(value: object, rest: Callable[[object], Any]) -> Any:
            if value == self.word:
                return value
            if isinstance(value, str):
                raise wrong(f"{shown(value)} is neither {self.word} nor a list{suggest(value, [self.word])}")
            return rest(value)

        return core_schema.no_info_wrap_validator_function(
            take,
            inner,
            serialization=core_schema.wrap_serializer_function_ser_schema(
                lambda value, rest: value if value == self.word else rest(value), schema=inner
            ),
        )


class Listing(Kind):
    """A list, held as a tuple; the kind of its entries stands in the annotation. `or_file`: or a file's name."""

    def __init__(self, example: str, *, least: int = 0, most: int | None = None, or_file: bool = False) -> None:
        self.example = example
        self.least, self.most, self.or_file = least, most, or_file

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._as_tuple, handler(source))

    def _as_tuple(self, value: object) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise wrong(f"{shown(value)} is not a list; write it like {self.example}")
        if len(value) < self.least:
            raise wrong(f"the list is too short, {len(value)} of at least {self.least}; write it like {self.example}")
        if self.most is not None and len(value) > self.most:
            raise wrong(f"the list is too long, {len(value):,} of at most {self.most:,}; write it like {self.example}")
        return tuple(value)


class OfQueues(Kind):
    """A value for all queues of a station, or a list with one for each; held as a tuple."""

    def __init__(self, each: Kind, example: str) -> None:
        self.each, self.example = each, example

    def parse(self, value: object) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            return (self.each.parse(value),)
        if not value:
            raise wrong(f"the list is too short, 0 of at least 1; write it like {self.example}")
        return tuple(self.each.parse(one) for one in value)

    def write(self, value: tuple[Any, ...]) -> Any:
        written = [self.each.write(one) for one in value]
        return written[0] if len(written) == 1 else written

    def schema(self) -> dict[str, Any]:
        each = self.each.schema()
        return {"anyOf": [each, {"type": "array", "items": each, "minItems": 1}]}


class Pair(Kind):
    """Two values in a list, held as a named tuple; `complaint`: the message for anything else."""

    def __init__(self, made: Callable[[Any, Any], Any], first: Kind, second: Kind, complaint: str) -> None:
        self.made, self.kinds, self.complaint = made, (first, second), complaint

    def parse(self, value: object) -> Any:
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise wrong(self.complaint)
        return self.made(*(kind.parse(one) for kind, one in zip(self.kinds, value, strict=True)))

    def write(self, value: Any) -> list[Any]:
        return [kind.write(one) for kind, one in zip(self.kinds, value, strict=True)]

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "prefixItems": [one.schema() for one in self.kinds], "minItems": 2, "maxItems": 2}


PERCENTAGE = r"[0-9]{1,3}(\.[0-9]{1,6})? ?%"


class Quantity(Kind):
    """A number with a unit, held as a whole number of base units between `least` and `most`."""

    dimension: units.Dimension

    def __init__(self, least: str, most: str, *, power_of_two: bool = False, multiple_of: str | None = None) -> None:
        self.least = self.dimension.parse(least)
        self.most = self.dimension.parse(most)
        self.power_of_two = power_of_two
        self.multiple_of = self.dimension.parse(multiple_of) if multiple_of else 1

    def parse(self, value: object) -> int:
        """Return base units; refuse a wrong unit, a fraction of the base unit, and a value out of range."""
        try:
            number = self.dimension.parse(value)
        except units.UnitError as error:
            raise wrong(str(error)) from None
        if not self.least <= number <= self.most:
            raise wrong(f"{value} is out of range; {self.write(self.least)} to {self.write(self.most)}")
        if self.power_of_two and number & (number - 1):
            raise wrong(f"{value} is not a power of two{self._neighbours(number)}")
        if number % self.multiple_of:
            raise wrong(f"{value} is not a multiple of {self.write(self.multiple_of)}")
        return number

    def write(self, value: int) -> str:
        return self.dimension.format(value)

    def schema(self) -> dict[str, Any]:
        """Return a text with a pattern; what a pattern cannot say stands in the title."""
        title = f"{self.dimension.name}, {self.write(self.least)} to {self.write(self.most)}"
        if self.power_of_two:
            title += ", a power of two"
        if self.multiple_of > 1:
            title += f", a multiple of {self.write(self.multiple_of)}"
        return {"title": title, "type": "string", "pattern": self.dimension.pattern}

    def _neighbours(self, number: int) -> str:
        below = 1 << (number.bit_length() - 1)
        near = [power for power in (below, 2 * below) if self.least <= power <= self.most]
        return f" (did you mean {' or '.join(self.write(power) for power in near)}?)" if near else ""


class ByteCount(Quantity):
    """Bytes, like 64KiB."""

    dimension = units.BYTES


class Duration(Quantity):
    """A time in femtoseconds, typed like 500ns."""

    dimension = units.TIME


class Rate(Quantity):
    """Bits per second, typed like 10Gbps."""

    dimension = units.RATE


class ByteRate(Rate):
    """A rate at which the machine lets bytes pass, each in a time that is known exactly."""

    def parse(self, value: object) -> int:
        """Return bits per second; refuse a rate too finely given for that."""
        number = super().parse(value)
        if units.is_too_fine(number):
            raise wrong(f"{value} is finer than the model's time; write whole Kbps")
        return number


class FrameRate(Quantity):
    """Frames per second, typed like 2Mpps."""

    dimension = units.FRAME_RATE

    def knows_unit_of(self, text: object) -> bool:
        """Tell whether a text ends in a unit of frame rates, in upper or lower case."""
        return isinstance(text, str) and text.rstrip().lower().endswith("pps")


class Frequency(Quantity):
    """Hertz, typed like 156.25MHz."""

    dimension = units.FREQUENCY


class Tolerance(Quantity):
    """How far off a clock may be, in parts of 10^9, typed like 50ppm."""

    dimension = units.TOLERANCE


class Whole(Kind):
    """A whole number from `least` to `most`, or one of `choices`."""

    def __init__(self, least: int = 0, most: int = 2**63 - 1, *, choices: tuple[int, ...] = (), what: str = "") -> None:
        self.least = choices[0] if choices else least
        self.most = choices[-1] if choices else most
        self.choices = choices
        self.what = what or "a whole number"

    def parse(self, value: object) -> int:
        """Return the number; text, truth values and fractions are refused even where Python would take them."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong(f"{shown(value)} is not {self.what}{_number_hint(value)}")
        if self.choices and value not in self.choices:
            raise wrong(f"{value} is not one of {', '.join(map(str, self.choices))}")
        if not self.least <= value <= self.most:
            raise wrong(f"{value} is out of range; {self._range()}")
        return value

    def schema(self) -> dict[str, Any]:
        if self.choices:
            return {"type": "integer", "enum": list(self.choices)}
        title = f"{self.what}, {self._range()}"
        return {"title": title, "type": "integer", "minimum": self.least, "maximum": self.most}

    def _range(self) -> str:
        return f"{self.least} to {self.most}"


LONGEST_FRAME_BYTES, LONGEST_SEGMENT_BYTES = 9728, 65_620  # with FCS; a segment: 64 KiB and its headers


class FrameLength(Whole):
    """A frame's bytes with its FCS: a bare number, as is usual in the field, or with the unit, like 1518B.

    `most`: the upper limit; above that of a frame where segments are passed uncut.
    """

    def __init__(self, most: int = LONGEST_FRAME_BYTES) -> None:
        super().__init__(64, most)

    def parse(self, value: object) -> int:
        if isinstance(value, str):
            try:
                value = units.parse_bytes(value)
            except units.UnitError:
                raise wrong(f"{shown(value)} is not a frame length in bytes; write it like 1518") from None
        return super().parse(value)

    def schema(self) -> dict[str, Any]:
        number = {"type": "integer", "minimum": self.least, "maximum": self.most}
        text = {"type": "string", "pattern": units.BYTES.pattern}
        return {"title": f"bytes with FCS, 64 to {self.most}", "anyOf": [number, text]}

    def _range(self) -> str:
        of_frames = f"a frame with its FCS has 64 to {LONGEST_FRAME_BYTES} bytes"
        if self.most == LONGEST_FRAME_BYTES:
            return of_frames
        return f"{of_frames}, a segment that a virtual switch passes whole up to {self.most}"


class Share(Kind):
    """A fraction from 0 to 1."""

    def parse(self, value: object) -> float:
        number = decimal_number(value, "a share from 0 to 1")
        if not 0 <= number <= 1:
            raise wrong(f"{shown(value)} is out of range; a share goes from 0 to 1")
        return number

    def schema(self) -> dict[str, Any]:
        return {"title": "a number, 0 to 1", "type": "number", "minimum": 0, "maximum": 1}


class Percentage(Kind):
    """A share above 0 and below 1, typed like 1%."""

    def parse(self, value: object) -> float:
        """Return the share, 0.01 for 1%."""
        text = value.replace(" ", "") if isinstance(value, str) else ""
        if not re.fullmatch(PERCENTAGE, text):
            hint = f" (did you mean {percent_text(value)}?)" if isinstance(value, float) and 0 < value < 1 else ""
            raise wrong(f"{shown(value)} is not a percentage; write it like 1%{hint}")
        share = Decimal(text[:-1]) / 100
        if not 0 < share < 1:
            raise wrong(f"{value} is out of range; above 0% and below 100%")
        return float(share)

    def write(self, value: float) -> str:
        return percent_text(value)

    def schema(self) -> dict[str, Any]:
        return {"title": "a percentage above 0% and below 100%", "type": "string", "pattern": f"^{PERCENTAGE}$"}


class Number(Kind):
    """A decimal number from `least` to `most`."""

    def __init__(self, least: float, most: float) -> None:
        self.least = least
        self.most = most

    def parse(self, value: object) -> float:
        number = decimal_number(value, "a number")
        if not self.least <= number <= self.most:
            raise wrong(f"{shown(value)} is out of range; {self.least:.12g} to {self.most:.12g}")
        return number

    def schema(self) -> dict[str, Any]:
        title = f"a number, {self.least:.12g} to {self.most:.12g}"
        return {"title": title, "type": "number", "minimum": self.least, "maximum": self.most}


def percent_text(share: float) -> str:
    """Write a share as a percentage that reads back as the same number: 0.015 is 1.5%."""
    return f"{(Decimal(repr(float(share))) * 100).normalize():f}%"


def decimal_number(value: object, what: str) -> float:
    """Return a finite number as a float; refuse texts, truth values, not-a-number and infinities."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(f"{shown(value)} is not {what}{_number_hint(value)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise wrong(f"{shown(value)} is not a finite number")
    if abs(value) > 2**63:
        raise wrong(f"{shown(value)} is out of range")
    return float(value)


def _number_hint(value: object) -> str:
    """Explain the words that YAML 1.1 would silently have turned into numbers or truth values."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return f" (did you mean {int(value)}?)"
    if not isinstance(value, str):
        return ""
    text = value.strip()
    if text.lower() in YAML_TRUTHS:
        return " but a word"
    if re.fullmatch(r"[-+]?[0-9]+", text):
        stripped = str(int(text)) if len(text) < 40 else text
        return f" (did you mean {stripped}{'' if stripped != text else ', without quotes'}?)"
    if re.fullmatch(r"[-+]?[0-9]+(\.[0-9]+)?[eE][-+]?[0-9]{1,2}", text):
        return "; write all its digits"
    if re.fullmatch(r"[0-9][0-9_]*", text):
        return f" (did you mean {text.replace('_', '')}?)"
    if re.fullmatch(r"[0-9]+(:[0-9]{2})+", text):
        return "; a colon has no meaning in it"
    if re.fullmatch(r"0[xob][0-9A-Fa-f]+", text):
        return "; write it in decimal digits"
    if re.fullmatch(r"(?i)[-+]?\.?(inf|nan|infinity)", text):
        return "; infinity and not-a-number are refused"
    if re.fullmatch(r"[0-9.]+ ?[A-Za-z]+", text):
        return "; this key has no unit"
    return ""


class Block(BaseModel):
    """A validated, frozen part of a configuration.

    Attributes carry their unit in the name; the alias is the key that users type and results show. Defaults are
    written as users would type them and go through the same validation. `shown_by`: the attributes on which it depends
    which keys of a block results show.
    """

    shown_by: ClassVar[tuple[str, ...]] = ()
    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        allow_inf_nan=False,
        frozen=True,
        validate_default=True,
        hide_input_in_errors=True,
    )

    def value_of(self, key: str) -> Any:
        """Return the value of a key, dotted if it is in a block of its own; None where that block is not there."""
        name, _, rest = key.partition(".")
        value = getattr(self, attributes_of(type(self))[name])
        return value.value_of(rest) if rest and value is not None else value


@cache
def attributes_of(block: type[BaseModel]) -> Mapping[str, str]:
    """Return the attributes of a block by their keys."""
    return {field.alias or name: name for name, field in block.model_fields.items()}


def most_of(block: type[BaseModel], attribute: str) -> int | None:
    """Return the largest whole number that an attribute of a block takes, None where it is not of that kind."""
    field = block.model_fields[attribute]
    inner = (one for choice in get_args(field.annotation) for one in get_args(choice)[1:])  # of `Annotated | None`
    return next((kind.most for kind in (*field.metadata, *inner) if isinstance(kind, Whole)), None)


class SparseBlock(Block):
    """A block whose keys have no value unless they are written, and which is shown with the written ones alone."""

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value is not None}

    def given(self) -> dict[str, Any]:
        """Return the written values by their attributes."""
        return {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}


def key(
    default: Any, description: str, *, alias: str | None = None, derived: str | None = None, unsaid: Any = ...
) -> Any:
    """Return a field: its default as users type it (`...` if there is none), and what it means to them.

    `derived` says what an unwritten value follows from; it is filled in before validation. `unsaid`: the model's value
    at which a resolved configuration leaves the key out, since the feature is not used.
    """
    extra: dict[str, Any] | None = None if derived is None else {"derived": derived}
    is_unsaid = None if unsaid is ... else partial(eq, unsaid)
    return Field(default, alias=alias, description=description, json_schema_extra=extra, exclude_if=is_unsaid)
