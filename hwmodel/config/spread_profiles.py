"""Give the stations of a document what their profiles say, before it is filled in; say what is wrong with these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from .document import Document, Problem, copied_data
from .kinds import suggest
from .profiles import DYNAMIC, PROFILES, InheritError, Profile, lines_of
from .resolve import PORTS, list_stations
from .switch import OF_PROFILES


def wrong_profiles(document: Document) -> Iterator[Problem]:
    """Yield what is wrong with what profiles inherit."""
    profiles = _profiles_in(document)
    told: set[str] = set()
    for name in profiles:
        try:
            lines_of(profiles, name)
        except InheritError as error:
            if error.at not in told:
                yield document.problem((PROFILES, error.at, "inherit"), str(error))
            told.update((error.at, *error.circle))


def with_profiles(document: Document, stations: list[str]) -> Document:
    """Return a document whose stations have what their profiles say; a line of a station's own wins.

    The document as it is where there is nothing to give, else a copy: as profiles change others are given. Each station
    then also says which lines are its own. Problems are added to both.
    """
    profiles = _profiles_in(document)
    switch = document.data.get("switch")
    entries = switch.get("ports") if isinstance(switch, dict) else None
    named = [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
    if not profiles and not any(one.get("profile") or one.get("binding") == DYNAMIC for one in named):
        return document
    document = replace(document.copied(), problems=document.problems)
    if document.data.get("switch") is None:
        document.data["switch"] = {}
    ports = document.data["switch"].setdefault("ports", []) if isinstance(document.data["switch"], dict) else None
    if isinstance(ports, list):
        list_stations(ports, stations)
        sound = {name for name in profiles if _is_sound(profiles[name])}
        bindings = _bindings_in(document, profiles)
        for index, entry in enumerate(ports):
            if isinstance(entry, dict):
                for key, value in bindings.get(str(entry.get("name")), {}).items():
                    entry.setdefault(key, value)
                _give_own(document, index, entry, profiles, sound)
    return document


def take_back(data: Any) -> None:
    """Leave out of the plain data of a resolved configuration what stations have that are no lines of their own."""
    switch, servers = (data.get(name) for name in ("switch", "servers")) if isinstance(data, dict) else (None, None)
    own = _take_from(switch.get("ports")) if isinstance(switch, dict) else {}
    for entry in servers if isinstance(servers, list) else ():
        parts = [entry, *(entry.get("adapters") or ())] if isinstance(entry, dict) else []
        for changes in (part.get("set") for part in parts if isinstance(part, dict)):
            if not isinstance(changes, dict):
                continue
            _take_from(changes.get("switch.ports"))
            keys = {key: key.split(".")[2:] for key in changes if key.startswith("switch.ports.")}
            said = own | {name[0]: changes.pop(key) for key, name in keys.items() if name[1:] == ["own_lines"]}
            for key, name in keys.items():
                if len(name) == 2 and name[1] in OF_PROFILES and name[1] not in said.get(name[0], OF_PROFILES):
                    del changes[key]


def _take_from(entries: Any) -> dict[str, Any]:
    """Do so with a list of stations; return of each that says so which lines are its own."""
    own = {}
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("own_lines"), list):
            said = own[entry.get("name", "")] = entry.pop("own_lines")
            for key in [key for key in entry if key in OF_PROFILES and key not in said]:
                del entry[key]
    return own


def _give_own(
    document: Document, index: int, entry: dict[str, Any], profiles: Mapping[str, Any], sound: set[str]
) -> None:
    """Give a station the lines of its profile that are not its own."""
    name = entry.get("profile")
    entry["own_lines"] = sorted(each for each in entry if each in OF_PROFILES)
    if not isinstance(name, str):
        if entry.get("binding") == DYNAMIC:
            entry.setdefault("vlans", [])
        return
    if name not in profiles:
        document.problems.append(_absent(document, index, name, profiles))
        return
    try:
        lines = lines_of(profiles, name)
    except InheritError:
        return  # which is told of the profile
    if isinstance(profiles[name], Mapping) and profiles[name].get("enabled") is False:
        return
    for line in lines:
        if line.key not in entry and line.profile in sound:
            entry[line.key] = copied_data(line.value)
            said, given = (PROFILES, line.profile, line.key), (*PORTS, index, line.key)
            document.given[given] = said
            document.value_places[given] = document.place_of(said)
            document.key_places[given] = document.place_of(said, key=True)


def _absent(document: Document, index: int, name: str, profiles: Mapping[str, Any]) -> Problem:
    hint = suggest(name, profiles) or ("; there are " + ", ".join(profiles) if profiles else "; `profiles` has none")
    return document.problem((*PORTS, index, "profile"), f"there is no profile {name}{hint}")


def _profiles_in(document: Document) -> dict[str, Any]:
    """Return the plain data of all profiles, which a server's document has of the whole system."""
    found = _of_system(document, PROFILES)
    return {} if not isinstance(found, dict) else {name: one or {} for name, one in found.items()}


def _of_system(document: Document, name: str) -> Any:
    """Return the plain data of a block of the whole system."""
    return (document.data if document.whole is None else document.whole).get(name)


def _bindings_in(document: Document, profiles: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return what stations of a document have because of their VMs: a profile, or one that they are yet to be given.

    Of a profile that there is none of `vms` is told.
    """
    vms, control = (_of_system(document, name) for name in ("vms", "control"))
    starts = control.get("starts") if isinstance(control, dict) else None
    binding = {} if control is None else {"binding": DYNAMIC}
    found = {}
    for vm in vms if isinstance(vms, list) else ():
        server, _, station = str(vm.get("at")).rpartition(".") if isinstance(vm, dict) else ("", "", "")
        if server == document.part and isinstance(vm.get("profile"), str) and vm["profile"] in profiles:
            is_started = isinstance(starts, dict) and not starts.keys().isdisjoint((vm.get("name"), vm.get("at")))
            found[station] = binding if is_started else binding | {"profile": vm["profile"]}
    return found


def _is_sound(lines: Any) -> bool:
    """Tell whether a profile's own keys have values that they may have; what is wrong is told of the profile."""
    try:
        Profile.model_validate(lines)
    except ValidationError:
        return False
    return True
