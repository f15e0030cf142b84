"""Validate `profiles`: named sets of what stations may be given, with what they inherit (docs/profiles.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Union, get_type_hints

from pydantic import create_model

from .kinds import SparseBlock, Truth, key, suggest
from .names import OwnName
from .switch import OF_PROFILES, Port

PROFILES = "profiles"
DYNAMIC = "dynamic"


class ProfileLines(SparseBlock):
    """A named set of what stations may be given, over what it inherits."""

    inherit: Annotated[str, OwnName("the name of a profile")] | None = key(
        None, "The profile whose lines it has where it has none of its own; that may inherit in turn."
    )
    enabled: Annotated[bool, Truth()] | None = key(
        None, "false: stations that have it get none of its lines; what inherits from it does all the same. true."
    )


def _lines() -> dict[str, Any]:
    """Return the keys of a profile that are those of a station, with no value unless they are written."""
    hints = get_type_hints(Port, include_extras=True)
    fields = ((name, Port.model_fields[name]) for name in Port.model_fields)
    return {
        name: (Union[hints[name], None], key(None, field.description or "", alias=field.alias))  # noqa: UP007
        for name, field in fields
        if (field.alias or name) in OF_PROFILES
    }


if TYPE_CHECKING:

    class Profile(ProfileLines):
        """A profile with its lines."""
else:
    Profile = create_model("Profile", __base__=ProfileLines, __doc__=ProfileLines.__doc__, **_lines())


class Line(NamedTuple):
    """Hold a key of a profile with its value as it is written, and where: in which profile."""

    key: str
    value: Any
    profile: str


class InheritError(ValueError):
    """Report a profile that has no lines: it inherits from itself, or from one that there is not.

    `at`: the profile whose `inherit` says so. `circle`: those that inherit from each other.
    """

    def __init__(self, at: str, message: str, circle: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.at, self.circle = at, circle


def lines_of(profiles: Mapping[str, Any], name: str) -> list[Line]:
    """Return the lines of a profile in the plain data of all, its own before those that it inherits; may raise."""
    found: dict[str, Line] = {}
    way: list[str] = []
    at: Any = name
    while at is not None:
        if at in way:
            circle = way[way.index(at) :]
            raise InheritError(circle[0], f"{at} inherits from itself: {', '.join([*circle, at])}", circle)
        own = profiles.get(at)
        if not isinstance(own, Mapping):
            if way:
                raise InheritError(way[-1], f"there is no profile {at}{suggest(str(at), profiles)}")
            return []
        way.append(at)
        found |= {one: Line(one, value, at) for one, value in own.items() if one in OF_PROFILES and one not in found}
        at = own.get("inherit")
    return list(found.values())


def vlans_of(profiles: Mapping[str, Profile]) -> dict[str, frozenset[int]]:
    """Return the VLANs of each profile that has lines, by name."""
    plain = {name: one.model_dump(mode="json", by_alias=True) for name, one in profiles.items()}
    found = {}
    for name in plain:
        try:
            lines = {line.key: line.value for line in lines_of(plain, name)}
        except InheritError:
            continue
        found[name] = frozenset(lines.get("vlans") or [lines.get("port_vlan") or 1])
    return found
