"""What `agents` and `management` may say (docs/agents.md), and the one line with a place that anything else gets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hwmodel.config import config_from_mapping
from tests.beside_simpy import BASE as MACHINE
from tests.config_cases import complaints, load
from tests.drawn_agents import draw_chain, draw_frame_chain, draw_frames, draw_reactions, draw_ties
from tests.run_cases import merged

ONE: dict[str, Any] = {"nic": {"vfs": 4}}
TWO: dict[str, Any] = {"nic": {"vfs": 4}, "servers": [{"name": "a"}, {"name": "b"}], "bridge": {}}
PLAIN = {"when": {"every": "1ms"}, "set": {"switch.ports.vf1.rate_limit": "1Gbps"}}
OF_A = {"when": {"every": "1ms"}, "set": {"servers.a.set.switch.ports.vf1.rate_limit": "1Gbps"}}
SAYS = {"when": {"every": "1ms"}, "send": {"to": "other", "message": "busy"}}
SEES = {"of": "vf1", "figure": "delivered"}


def when(**what: Any) -> dict[str, Any]:
    return {"one": {"rules": [{**PLAIN, "when": what}]}}


def at_a(rule: dict[str, Any]) -> dict[str, Any]:
    return {"one": {"server": "a", "rules": [rule]}}


def says_frame(**keys: Any) -> dict[str, Any]:
    """Return a rule that sends a frame from one server to the other, some of its keys otherwise."""
    frame = {"from": "a.vf1", "to": "b.vf1", "ethertype": "0x88b6", "message": "m"}
    return {"when": {"every": "1ms"}, "send": {"frame": {**frame, **keys}}}


# By name: the machine, its agents, the key that is to blame, its line behind `agents:`, and what the hint has.
BAD: dict[str, tuple[dict[str, Any], dict[str, Any], str, tuple[str, ...]]] = {
    "no server among several": (TWO, {"one": {"rules": [OF_A]}}, "one", ("server", "a, b")),
    "apart and at a server": (TWO, {"one": {"apart": True, "server": "a", "rules": [SAYS]}, "other": {"server": "b"}},
                              "one.server", ("apart",)),
    "an unknown server": ({**TWO, "servers": [{"name": "left"}, {"name": "right"}]},
                          {"one": {"server": "lefd", "rules": [{**PLAIN, "set": {"bridge.latency": "1us"}}]}},
                          "one.server", ("lefd", "did you mean left?")),
    "a server where there are none": (ONE, {"one": {"server": "a", "rules": [PLAIN]}}, "one.server", ("a",)),
    "a figure of another server": (TWO, at_a({**OF_A, "when": {"of": "b.vf1", "figure": "delivered", "each": 3}}),
                                   "one.rules.0.when", ("b.vf1", "a")),
    "a short form of another server": (TWO, at_a({**OF_A, "when": {"vm": "b.vf1", "up": False}}), "one.rules.0.when",
                                       ("b.vf1", "a")),
    "a figure that does not exist": (ONE, when(of="vf1", figure="deliverd", each=3), "one.rules.0.when.figure",
                                     ("deliverd", "did you mean delivered?")),
    "a VM that does not exist": (ONE, when(of="vf9", figure="delivered", each=3), "one.rules.0.when.of", ("vf9",)),
    "apart with a watch": (TWO, {"one": {"apart": True, "rules": [
        {"when": {"of": "a.vf1", "figure": "delivered", "each": 3}, "send": {"to": "one", "message": "m"}}]}},
        "one.rules.0.when", ("apart",)),
    "apart with a set": (TWO, {"one": {"apart": True, "rules": [OF_A]}}, "one.rules.0.set", ("apart",)),
    "a message to nobody": (ONE, {"one": {"rules": [{**SAYS, "send": {"to": "bos", "message": "m"}}]},
                                  "boss": {"rules": [PLAIN]}}, "one.rules.0.send.to", ("bos", "did you mean boss?")),
    "a message from nobody": (ONE, {"one": {"rules": [PLAIN]}, "boss": {"rules": [
        {**PLAIN, "when": {"message": "m", "from": "onne"}}]}},
        "boss.rules.0.when.from", ("onne", "did you mean one?")),
    "a fixed key": (ONE, {"one": {"rules": [{**PLAIN, "set": {"nic.tx_ring": 64}}]}}, "one.rules.0.set.nic.tx_ring",
                    ("fixed while the machine runs",)),
    "a fixed key in a list": (ONE, {"one": {"rules": [{**PLAIN, "set": [PLAIN["set"], {"nic.tx_ring": 64}]}]}},
                              "one.rules.0.set.1.nic.tx_ring", ("fixed while the machine runs",)),
    "an unknown key": (ONE, {"one": {"rules": [{**PLAIN, "set": {"switch.ports.vf1.rate_limt": "1Gbps"}}]}},
                       "one.rules.0.set.switch.ports.vf1.rate_limt", ("did you mean", "rate_limit")),
    "a bad value": (ONE, {"one": {"rules": [{**PLAIN, "set": {"switch.ports.vf1.rate_limit": "1GB"}}]}},
                    "one.rules.0.set.switch.ports.vf1.rate_limit", ("1GB",)),
    "each of none": (ONE, when(**SEES, each=0), "one.rules.0.when.each", ("0",)),
    "each of half a one": (ONE, when(**SEES, each=1.5), "one.rules.0.when.each", ("1.5",)),
    "each of a level": (ONE, when(of="vf1", figure="tx_ring", each=3), "one.rules.0.when.each", ("level",)),
    "each and above": (ONE, when(**SEES, each=3, above=4), "one.rules.0.when.above", ("each",)),
    "a figure without a side": (ONE, when(**SEES), "one.rules.0.when", ("above",)),
    "a time without a unit": (ONE, when(every=5), "one.rules.0.when.every", ("unit",)),
    "a time of a wrong unit": (ONE, when(every="5GB"), "one.rules.0.when.every", ("5GB",)),
    "no time": (ONE, when(every="0ns"), "one.rules.0.when.every", ("0ns",)),
    "work before time": (ONE, {"one": {"work": "-1us", "rules": [PLAIN]}}, "one.work", ("-1us",)),
    "a silence without a length": (ONE, when(silence="m"), "one.rules.0.when", ("for",)),
    "a length without a silence": (ONE, when(message="m", **{"for": "1ms"}), "one.rules.0.when.for", ("silence",)),
    "two kinds at once": (ONE, when(message="m", every="1ms"), "one.rules.0.when", ("message", "every")),
    "a figure and a message": (ONE, when(**SEES, each=3, message="m"), "one.rules.0.when", ("message",)),
    "no kind at all": (ONE, {"one": {"rules": [{**PLAIN, "when": {}}]}}, "one.rules.0.when", ("every", "message")),
    "a rule that does nothing": (ONE, {"one": {"rules": [{"when": {"every": "1ms"}}]}}, "one.rules.0",
                                 ("set", "send")),
    "a rule without a when": (ONE, {"one": {"rules": [{"set": PLAIN["set"]}]}}, "one.rules.0.when", ("missing",)),
    "a core of another server": (TWO, {"one": {"server": "a", "core": "b.pf", "work": "1us", "rules": [OF_A]}},
                                 "one.core", ("b.pf",)),
    "a core without work": (ONE, {"one": {"core": "pf", "rules": [PLAIN]}}, "one.core", ("work",)),
    "a frame to no function": (ONE, when(frame={"to": "vf9"}), "one.rules.0.when.frame.to", ("vf9",)),
    "a frame to another server": (TWO, at_a({**OF_A, "when": {"frame": {"to": "b.vf1"}}}), "one.rules.0.when.frame.to",
                                  ("b.vf1", "did you mean a.vf1?")),
    "a frame from nobody": (ONE, when(frame={"to": "vf1", "from": "vf8"}), "one.rules.0.when.frame.from", ("vf8",)),
    "a frame from half an address": (ONE, when(frame={"to": "vf1", "from": "02:00"}), "one.rules.0.when.frame.from",
                                     ("MAC address",)),
    "a frame of no type": (ONE, when(frame={"to": "vf1", "ethertype": 46}), "one.rules.0.when.frame.ethertype",
                           ("out of range",)),
    "a frame to nothing": (ONE, when(frame={"ethertype": "0x88cc"}), "one.rules.0.when.frame.to", ("missing",)),
    "a frame of a time": (ONE, when(frame={"to": "vf1"}, **{"from": "1us"}), "one.rules.0.when.from", ("frame",)),
    "an unknown key of a frame": (ONE, when(frame={"to": "vf1", "ethertyp": 9}), "one.rules.0.when.frame.ethertyp",
                                  ("did you mean ethertype?",)),
    "apart with ears": (TWO, {"one": {"apart": True, "rules": [{**SAYS, "when": {"frame": {"to": "a.vf1"}}}]},
                              "other": {"server": "b"}}, "one.rules.0.when.frame", ("apart", "hears no frames")),
    "apart with a frame": (TWO, {"one": {"apart": True, "rules": [says_frame(**{"from": "a.vf1"})]}},
                           "one.rules.0.send.frame", ("apart", "sends no frames")),
    "a frame by another server": (TWO, at_a(says_frame(**{"from": "b.vf1"})), "one.rules.0.send.frame.from",
                                  ("b.vf1", "did you mean a.vf1?")),
    "a frame for nobody": (TWO, at_a(says_frame(to="c.vf1")), "one.rules.0.send.frame.to", ("c.vf1", "did you mean")),
    "a frame of IP": (TWO, at_a(says_frame(ethertype="0x0800")), "one.rules.0.send.frame.ethertype", ("0x0800",)),
    "a frame that is too long": (TWO, at_a(says_frame(frame_bytes=9000)), "one.rules.0.send.frame.frame_bytes",
                                 ("9000", "1518")),
    "a frame and a message": (TWO, {"one": {"server": "a", "rules": [
        {**OF_A, "send": {**says_frame()["send"], "to": "one"}}]}}, "one.rules.0.send.to", ("frame",)),
    "half a message": (ONE, {"one": {"rules": [{**PLAIN, "send": {"to": "one"}}]}}, "one.rules.0.send.message",
                       ("missing",)),
    "an unknown key of an agent": (ONE, {"one": {"wrk": "1us", "rules": [PLAIN]}}, "one.wrk", ("did you mean work?",)),
    "a name that is none": (ONE, {"one two": {"rules": [PLAIN]}}, "one two", ("one two",)),
}  # fmt: skip


def lines_of(machine: dict[str, Any], **blocks: Any) -> list[str]:
    """Return the complaints about a file with one key a line, as JSON with breaks is YAML too."""
    return complaints(json.dumps({**machine, **blocks}, indent=1))


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_line_with_its_place(name: str) -> None:
    machine, agents, key, told = BAD[name]
    (line,) = lines_of(machine, agents=agents)
    place, _, said = line.partition(f": agents.{key}: ")
    assert said, line
    file, row, column = place.split(":")
    text = json.dumps({**machine, "agents": agents}, indent=1).splitlines()
    *before, end = key.split(".")
    path = before if "missing" in said and end != "when" else [*before, end]  # its place is that of the block
    last = next(part for part in reversed(path) if not part.isdigit())
    near = text[max(0, int(row) - 2) : int(row)]
    assert file == "c.yaml" and int(column) > 0
    assert any(last in one for one in near) or last in ("when", "rules"), (line, near)
    assert all(one in said for one in told), line


@pytest.mark.parametrize(("management", "key", "told"), [
    ({"latency": "5"}, "latency", "5"), ({"loss": "120%"}, "loss", "120%"), ({"loss": "-1%"}, "loss", "-1%"),
    ({"order": "keep"}, "order", "did you mean kept?"), ({"spread": "1GB"}, "spread", "1GB"),
    ({"latencies": "1us"}, "latencies", "did you mean latency?"),
])  # fmt: skip
def test_a_bad_network_gets_one_line(management: dict[str, Any], key: str, told: str) -> None:
    (line,) = lines_of(ONE, management=management)
    assert f": management.{key}: " in line and told in line


def test_several_mistakes_get_a_line_each() -> None:
    agents = {"one": {"rules": [{"when": {"every": "1ms"}}, SAYS]}, "two": {"work": "x", "rules": [PLAIN]}}
    assert len(lines_of(ONE, agents=agents)) >= 1
    agents["two"]["work"] = "1us"
    assert len(lines_of(ONE, agents=agents)) == 2


@pytest.mark.parametrize("draw", [draw_reactions, draw_ties, draw_chain, draw_frames, draw_frame_chain])
def test_it_is_resolved_and_read_back(draw: Any) -> None:
    for seed in range(5):
        config = config_from_mapping(merged(MACHINE, draw(seed)))
        again = config_from_mapping(json.loads(json.dumps(config.resolved())))
        assert again.resolved() == config.resolved() and again.config_hash() == config.config_hash()


def test_a_configuration_without_agents_is_as_ever() -> None:
    plain = config_from_mapping(ONE)
    assert "agents" not in plain.resolved() and "management" not in plain.resolved()
    assert config_from_mapping({**ONE, "agents": {}}).config_hash() == plain.config_hash()


def test_agents_are_part_of_what_a_run_is() -> None:
    hashes = {
        config_from_mapping({**ONE, "agents": {"one": {"rules": [{**PLAIN, "when": {"every": every}}]}}}).config_hash()
        for every in ("1ms", "2ms")
    }
    assert len(hashes | {config_from_mapping(ONE).config_hash()}) == 3


def test_a_key_of_an_agent_is_overridden_like_any_other() -> None:
    text = json.dumps(merged(ONE, {"agents": {"one": {"rules": [PLAIN]}}}))
    config = load(text, {"agents.one.rules.0.when.every": "3ms", "agents.one.work": "2us"})
    assert config.resolved()["agents"]["one"] == {"work": "2us", "rules": [{**PLAIN, "when": {"every": "3ms"}}]}
