"""The register of event kinds: whoever reads events has each kind, or says at import which one it lacks."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from hwmodel.config.scenario import EVENT_KINDS, Event, EventKind, of_each_kind
from hwmodel.functions.mailbox_events import ASKING
from hwmodel.words.events import EVENT_WORDS

ROOT = Path(__file__).resolve().parent.parent
# A value of each kind as users type it, and what the event is called.
SAMPLES: dict[str, tuple[Any, str]] = {
    "set": ({"port": {"rate": "1Gbps"}}, "port.rate = 1Gbps"),
    "mailbox": ({"from": "vf1", "message": "get_queues"}, "vf1 asks for its queues"),
    "pf": ({"vf": "vf1", "trust": True}, "the PF trusts vf1"),
    "reset": ("vf1", "reset vf1"),
    "enable_vfs": (2, "enable_vfs 2"),
    "unplug": ("vf1", "unplug vf1"),
    "plug": ("vf1", "plug vf1"),
    "bus_master": ({"of": "vf1", "on": False}, "Bus Master Enable of vf1 cleared"),
    "reset_host": ("a", "host a is reset"),
    "fail": ("dedicated", "the switch's own processor fails"),
    "take_over": ("b", "host b takes over the control plane"),
    "flood": ({"from": "vf1", "every": "1us", "for": "2us"}, "vf1 writes 2 doorbells, one each 1.00 us"),
}


def event_of(kind: str, value: Any = None) -> Event:
    return Event.model_validate({"at": "1ms", kind: SAMPLES[kind][0] if value is None else value})


def import_anew(name: str) -> None:
    """Run what an import of a module runs, beside the module that others have."""
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


@pytest.mark.parametrize(
    ("module", "row", "reader"),
    [
        ("hwmodel.config.life", EventKind(), "what it does to functions"),
        ("hwmodel.functions.mailbox_events", EventKind(asks=True), "what a PF's driver answers"),
        ("hwmodel.simulation.run.scenario", EventKind(), "what it is called"),
        ("hwmodel.config_space.enumeration", EventKind(moves=True), "registers that it writes"),
    ],
)
def test_a_kind_that_a_reader_lacks_fails_at_import(
    module: str, row: EventKind, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EVENT_KINDS, "melt", row)
    with pytest.raises(LookupError, match=f"^{reader}.* lacks the kind of events melt$"):
        import_anew(module)
    monkeypatch.delitem(EVENT_KINDS, "melt")
    import_anew(module)


def test_a_kind_needs_a_key_and_a_key_a_kind() -> None:
    keys = dict.fromkeys(EVENT_KINDS)
    assert of_each_kind("keys", keys) == keys
    with pytest.raises(LookupError, match="keys has, beside those that there are, the kind of events melt"):
        of_each_kind("keys", {**keys, "melt": None})
    asking = [kind for kind, row in EVENT_KINDS.items() if row.asks]
    assert set(asking) == set(ASKING) == set(EVENT_KINDS) - set(EVENT_WORDS)


@pytest.mark.parametrize("kind", EVENT_KINDS)
def test_each_kind_is_written_as_it_is_read_and_has_words(kind: str) -> None:
    event = event_of(kind)
    assert event.kinds == (kind,) and event.value is not None and event.row is EVENT_KINDS[kind]
    assert Event.model_validate(event.model_dump(by_alias=True)) == event
    words = ASKING[kind][1](event.value) if event.row.asks else EVENT_WORDS[kind](event)
    assert words == SAMPLES[kind][1]


def test_of_one_instant_the_narrow_comes_first_and_what_takes_before_what_gives() -> None:
    off, on = ({"of": "vf1", "on": is_on} for is_on in (False, True))
    rising = [
        ("set", None), ("bus_master", off), ("bus_master", on), ("enable_vfs", 0), ("enable_vfs", 2),
        ("reset", "a.pf1"), ("fail", None),
    ]  # fmt: skip
    breadths = [event_of(*one).breadth for one in rising]
    assert breadths == sorted(set(breadths))
    alike = [["mailbox", "pf", "flood", "set"], ["reset", "unplug"], ["reset_host", "fail", "take_over"]]
    assert [len({event_of(kind).breadth for kind in kinds}) for kinds in alike] == [1, 1, 1]
    assert event_of("bus_master", {"of": "pf", "on": True}).breadth == event_of("reset", "pf").breadth


def test_each_kind_says_what_it_names() -> None:
    named = {kind: event_of(kind).function for kind in EVENT_KINDS}
    of_vf1 = {"mailbox", "pf", "reset", "unplug", "plug", "bus_master", "flood"}
    assert named == {kind: "vf1" if kind in of_vf1 else None for kind in EVENT_KINDS}
    places = {"web": "a.x.vf3", "a.x.vf3": "a.x.vf3", "": ""}
    assert [event_of("reset", name).server_by(places.__getitem__) for name in ("web", "a.x.vf3")] == ["a.x", "a.x"]
    assert event_of("pf", {"server": "b", "trust": True}).server_by(places.__getitem__) == "b"
    places = {of: Event.model_validate({"at": "1ms", "enable_vfs": 1, "of": of}).place for of in ("a", "p1", "a.x.p1")}
    assert places == {"a": ("a", None), "p1": (None, "p1"), "a.x.p1": ("a.x", "p1")}
    needs = {kind for kind in EVENT_KINDS if event_of(kind).needs_control}
    assert needs == {"enable_vfs", "plug", "unplug"}
    assert event_of("set", {"multi_root.hosts.a.weight": 2}).needs_control
    assert event_of("take_over", "dedicated").host is None and event_of("reset_host").host == "a"


def test_each_kind_stands_in_the_documents() -> None:
    page = (ROOT / "docs" / "scenario.md").read_text()
    table = page.split("| key | what happens |")[1].split("\n\n")[0]
    keys = [key for row in table.splitlines() for key in re.findall(r"`(\w+)`", row.split(" | ")[0])]
    assert sorted(keys) == sorted(EVENT_KINDS)
