"""Define what all blocks of a configuration have in common: strict, frozen, no key that the model does not know."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Block(BaseModel):
    """A validated, frozen part of a configuration.

    Attributes carry their unit in the name; the alias is the key that users type and results show. Defaults are
    written as users would type them and go through the same validation.
    """

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        allow_inf_nan=False,
        frozen=True,
        validate_default=True,
        hide_input_in_errors=True,
    )


def key(default: Any, description: str, *, alias: str | None = None, derived: str | None = None) -> Any:
    """Return a field: its default as users type it (`...` if there is none), and what it means to them.

    `derived` says what the value follows from where the user has not written it; it is filled in before validation.
    """
    extra: dict[str, Any] | None = None if derived is None else {"derived": derived}
    return Field(default, alias=alias, description=description, json_schema_extra=extra)
