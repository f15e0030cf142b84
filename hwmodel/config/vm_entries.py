"""Validate `vms`: VMs with names of their own, and where each is attached; fill these names in where VMs are named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from .edge_agents import Uuid
from .kinds import Block, Kind, key, shown, wrong
from .names import VM_PATTERN, Name, OwnName, is_vm_name

# Blocks in which VMs are named; elsewhere functions are, which keep their names.
_NAME_VMS = ("workload", "scenario", "agents", "control", "bridge", "bridges")


class VmOwnName(Kind):
    """The name that a VM is given."""

    def parse(self, value: object) -> str:
        """Return the name; whether it is taken is checked later."""
        if isinstance(value, str) and is_vm_name(value):
            return value
        raise wrong(
            f"{shown(value)} is not the name of a VM; letters, digits, - and _, a letter first, 32 at most, and no "
            "name that a function or port could have, nor one with a meaning of its own"
        )

    def schema(self) -> dict[str, Any]:
        """Return a pattern that such names fit."""
        return {"title": "the name of a VM", "type": "string", "pattern": f"^{VM_PATTERN}$"}


class VmEntry(Block):
    """A VM with a name of its own."""

    name: Annotated[str, VmOwnName()] = key(
        ..., "What the VM is called wherever VMs are named, by who writes the file and in results."
    )
    at: Annotated[str, Name(with_servers=True, with_vms=False)] = key(
        ..., "Where it is attached, at a function or a port of a virtual switch: vf1, with servers a.vf1."
    )
    profile: Annotated[str, OwnName("the name of a profile")] | None = key(
        None,
        "What its port is given, of `profiles`: from the start, or where `control` starts the VM once that is told.",
        unsaid=None,
    )
    uuid: Annotated[bytes, Uuid()] | None = key(
        None, "By what VDP knows it, as a VSI instance; null: made of its first address.", unsaid=None
    )


def fill_names(data: dict[str, Any]) -> None:
    """Name VMs in the plain data of a configuration by their own names where they are named by their functions."""
    entries = data.get("vms")
    if not isinstance(entries, list) or not entries:
        return
    names = dict(_named(entries))
    workload = data["workload"]
    if isinstance(workload, dict):
        workload.setdefault("incast_to", "vf0")
    for block in _NAME_VMS:
        if block in data:
            data[block] = _renamed(data[block], names)


def _named(entries: list[Any]) -> Iterator[tuple[str, str]]:
    for entry in entries:
        if isinstance(entry, dict) and isinstance(entry.get("at"), str) and isinstance(entry.get("name"), str):
            yield entry["at"], entry["name"]


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Return plain data with names in place of functions, but for what `set` gives keys: it is filled in there."""
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, list):
        return [_renamed(one, names) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        own if (own := names.get(each, each)) == each or own not in value else each: (
            inner if each == "set" else _renamed(inner, names)
        )
        for each, inner in value.items()
    }
