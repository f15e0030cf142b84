"""Define what a kind of value is, and the kinds without numbers: words, truth values, lists.

Each kind turns what a user typed into the number or word that the model computes with, says in plain words what is
wrong with it, writes it back, and describes itself in the JSON schema. They stand in `Annotated[int, ByteCount(...)]`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

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
        """Return the truth value."""
        if not isinstance(value, bool):
            hint = ""
            if isinstance(value, str) and value.lower() in YAML_TRUTHS | {"true", "false"}:
                yes = value.lower() in ("on", "yes", "y", "true")
                hint = f" (did you mean {'true' if yes else 'false'}, without quotes?)"
            raise wrong(f"{shown(value)} is neither true nor false{hint}")
        return value

    def schema(self) -> dict[str, Any]:
        """Return a boolean."""
        return {"type": "boolean"}


class Word(Kind):
    """One of a few words."""

    def __init__(self, *words: str, none_word: str | None = None, renamed: Mapping[str, str] | None = None) -> None:
        self.words = words
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
        """Write the word."""
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
    """A list, held as a tuple; the kind of its entries stands in the annotation."""

    def __init__(self, example: str, *, least: int = 0, most: int | None = None) -> None:
        self.example = example
        self.least, self.most = least, most

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._as_tuple, handler(source))

    def _as_tuple(self, value: object) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise wrong(f"{shown(value)} is not a list; write it like {self.example}")
        if len(value) < self.least:
            raise wrong(f"the list is too short; write it like {self.example}")
        if self.most is not None and len(value) > self.most:
            raise wrong(f"the list is too long; write it like {self.example}")
        return tuple(value)
