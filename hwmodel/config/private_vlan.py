"""The class of a port in private VLANs, as users write it: isolated, promiscuous, or a community by its number."""

from __future__ import annotations

from typing import Annotated, Any

from hwmodel.rules.private_vlan import ISOLATED, MOST_COMMUNITY, PROMISCUOUS

from .kinds import Kind, Whole, shown, suggest, wrong

PVLAN_FORM = "{community: 1}"
_WORDS = {"promiscuous": PROMISCUOUS, "isolated": ISOLATED}
_COMMUNITY = Whole(1, MOST_COMMUNITY, what="the number of a community")


class _Class(Kind):
    """A word, or a community, held as a number of `hwmodel.rules.private_vlan`."""

    def parse(self, value: object) -> int:
        if isinstance(value, dict) and [*value] == ["community"]:
            return _COMMUNITY.parse(value["community"])
        if isinstance(value, str) and value in _WORDS:
            return _WORDS[value]
        hint = suggest(value, _WORDS) if isinstance(value, str) else ""
        raise wrong(f"{shown(value)} is neither {' nor '.join(_WORDS)} nor like {PVLAN_FORM}{hint}")

    def write(self, value: int) -> Any:
        return next((word for word, one in _WORDS.items() if one == value), {"community": value})

    def schema(self) -> dict[str, Any]:
        community = {"community": _COMMUNITY.schema()}
        mapping = {"type": "object", "properties": community, "required": ["community"], "additionalProperties": False}
        return {"title": f"{', '.join(_WORDS)}, or {PVLAN_FORM}", "anyOf": [{"enum": [*_WORDS]}, mapping]}


PvlanClass = Annotated[int, _Class()]
