"""What a condition may wait for: the table of figures, units that fit, and what is said of what does not."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.config import config_from_mapping
from hwmodel.config.check_condition import HAS, has, number_of, watched_by
from hwmodel.config.condition import KINDS, Amount
from hwmodel.config.system import servers_of
from hwmodel.errors import InputError
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.adapter.watches import N_SAID, TERM_WORDS
from hwmodel.machine.server import SERVER
from hwmodel.rules.drop_kinds import ALL_DROPS
from hwmodel.rules.figures import (
    ADAPTER,
    BYTES,
    FIGURES,
    FRAMES,
    FUNCTION,
    NAMES,
    PORT,
    SHORT_FORMS,
    TIME,
    Watched,
)
from hwmodel.simulation.fill.watched_words import place_of, watch_values
from hwmodel.units import FS_PER_NS, UnitError

SYSTEMS: dict[str, dict[str, Any]] = {
    "one": {"nic": {"vfs": 4}},
    "two ports": {"nic": {"vfs": 4}, "port": {"count": 2}},
    "servers": {"nic": {"vfs": 4}, "servers": [{"name": "a"}, {"name": "b"}], "bridge": {}},
}


def config_of(when: dict[str, Any], system: str = "one", **changes: Any) -> Any:
    event = {"when": when, "set": {"port.rate": "1Gbps"}}
    return config_from_mapping({**SYSTEMS[system], "scenario": [event]}, changes)


def test_the_table_has_each_reason_once() -> None:
    assert sorted(ALL_DROPS) == sorted(reason.name for reason in DropReason if reason.value)


def test_rows_are_told_apart_and_each_need_is_known() -> None:
    assert {of for of, _ in FIGURES} == {FUNCTION, PORT, ADAPTER}
    assert {row.needs for row in FIGURES.values()} == {"", *HAS}
    assert all(row.did and row.parts and row.name in NAMES for row in FIGURES.values())
    assert (*SHORT_FORMS, "figure") == KINDS


def test_the_page_names_each_figure() -> None:
    """In full, or as the end of one whose beginning stands before it; families by a name for what differs."""
    page = (Path(__file__).resolve().parent.parent / "docs" / "scenario.md").read_text(encoding="utf-8")
    page = page.partition("### Figures that a condition may wait for")[2].partition("\n## ")[0]
    told = set(re.findall(r"`([^`]+)`", page))
    for name in NAMES:
        family = re.sub(r"(?<=drops\.)[A-Z_]+", "REASON", re.sub(r"(?<=bytes\.)[a-z_]+", "PURPOSE", name))
        family = re.sub(
            r"[rt]x_queue_\d+_\w+", "rx_queue_N_packets", re.sub(r"[rt]x_pb_\d_\w+", "tx_pb_P_pxoff", family)
        )
        ends = {family, f".{family.partition('.')[2]}", family.partition(".")[2], f"_{family.rpartition('_')[2]}"}
        assert ends & told, name


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "no such figure": ({"figure": "drop", "of": "vf1", "above": 1}, "figure", "did you mean drops?"),
    "no such reason": ({"figure": "drops.NO_DESC", "above": 1}, "figure", "did you mean drops.NO_DESCRIPTOR?"),
    "a bridge's reason": ({"figure": "drops.QUEUE_FULL", "above": 1}, "figure", "nic.mode: vswitch"),
    "a VM's link": (
        {"figure": "utilization.pcie.up", "of": "vf1", "above": "90%", "within": "1us"}, "figure", "leave `of` out",
    ),
    "an adapter's ring": ({"figure": "tx_ring", "above": 1}, "figure", "write `of: vf0`"),
    "a ring too many": ({"figure": "tx_queue_3_packets", "of": "vf1", "above": 1}, "figure", "queues_per_vf"),
    "no PAUSE": ({"figure": "tx_flow_control_xoff", "above": 1}, "figure", "nic.flow_control.mode: pause"),
    "no such VM": ({"figure": "drops", "of": "vf9", "above": 1}, "of", "there is no vf9 (did you mean vf3?)"),
    "no name": ({"figure": "drops", "of": "vf 1", "above": 1}, "of", "not the name of"),
    "no side": ({"figure": "drops", "of": "vf1"}, "", "`above` or `below`"),
    "both sides": ({"figure": "drops", "of": "vf1", "above": 1, "below": 3}, "below", "`above` or `below`"),
    "a count below": ({"figure": "drops", "of": "vf1", "below": 3}, "below", "say `within`"),
    "below nothing": ({"figure": "drops", "of": "vf1", "below": 0, "within": "1us"}, "below", "below 0"),
    "a level within": ({"figure": "tx_ring", "of": "vf1", "above": 1, "within": "1us"}, "within", "is a level"),
    "a rate without": ({"figure": "rx_gbps", "of": "vf1", "above": "2Gbps"}, "above", "say `within`"),
    "a share without": ({"figure": "cpu.cores_busy", "above": "90%"}, "above", "say `within`"),
    "bytes without": ({"figure": "rx_bytes", "of": "vf1", "above": 64}, "above", "has no unit"),
    "frames in bytes": ({"figure": "drops", "of": "vf1", "above": "3KiB"}, "above", "is no number of frames"),
    "a rate of frames": (
        {"figure": "rx_gbps", "of": "vf1", "above": "2Mpps", "within": "1us"}, "above", "is a frame rate",
    ),
    "half a frame": ({"figure": "drops", "of": "vf1", "above": 0.5}, "above", "did you mean 50%?"),
    "too much": ({"figure": "rx_gbps", "of": "vf1", "above": f"{10**20}Gbps", "within": "1s"}, "above", "out of range"),
    "a VM beside": ({"vm": "vf1", "figure": "drops", "above": 1}, "vm", "says `of`"),
    "a side of a kind": ({"vm": "vf1", "delivered": 1, "above": 1}, "above", "with `figure`, not to delivered"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_line(name: str) -> None:
    when, key, told = BAD[name]
    with pytest.raises(InputError) as caught:
        config_of(when)
    (line,) = caught.value.lines
    assert line.startswith(f"configuration: scenario.0.when{f'.{key}' if key else ''}: ") and told in line


@pytest.mark.parametrize(("of", "told"), [
    (None, "write `of: a`"), ("c", "there is no c"), ("a.vf1", "write `of: a`"), ("bridge", "is a bridge's"),
    ("bridge.a", "is a bridge's"),
])  # fmt: skip
def test_of_several_adapters_one_is_named(of: str | None, told: str) -> None:
    with pytest.raises(InputError) as caught:
        config_of({"figure": "queues.tags", "above": 1, **({"of": of} if of else {})}, "servers")
    (line,) = caught.value.lines
    assert told in line


@pytest.mark.parametrize(("system", "of", "figure", "row"), [
    ("one", "", "wire.tx_gbps", PORT), ("one", "pf", "wire.tx_gbps", PORT), ("one", "pf", "drops", FUNCTION),
    ("one", "pf", "queues.tags", ADAPTER), ("one", "", "drops", ADAPTER), ("two ports", "p1", "rx_bytes_nic", PORT),
    ("servers", "b", "drops", ADAPTER), ("servers", "b.vf1", "drops", FUNCTION),
])  # fmt: skip
def test_what_is_named_has_the_figure(system: str, of: str, figure: str, row: str) -> None:
    unit = "1Gbps" if figure.endswith("gbps") else "1B" if "bytes" in figure else 1
    when = {
        "figure": figure,
        "above": unit,
        **({"within": "1us"} if unit == "1Gbps" else {}),
        **({"of": of} if of else {}),
    }
    config = config_of(when, system)
    assert watched_by(config.scenario[0].when, config).figure == FIGURES[row, figure]
    again = config_from_mapping(config.resolved())  # written as it was typed
    assert again.scenario == config.scenario


CLASSES = {"classes": [{"percent": 50}, {"percent": 50}]}
PAUSE = {"nic.flow_control": {"mode": "pause"}}
PFC: dict[str, Any] = {"nic.flow_control": {"mode": "pfc"}, "nic.arbitration": CLASSES}
MEETING: dict[str, dict[str, Any]] = {
    "rings": {"nic.queues_per_vf": 16},
    "vswitch": {"nic.mode": "vswitch"},
    "flow cache": {"nic.mode": "vswitch", "host.virtual_switch.flow_cache": {}},
    "switch core": {"switch.timing": "core"},
    "engines": {"nic.dma": {}},
    "stalls": {"host.stall": {"at": "1us", "for": "1us"}},
    "iotlb": {"host.iotlb": {"entries": 8, "miss": "300ns"}},
    "flow control": PAUSE, "pause": PAUSE, "pause that is obeyed": PAUSE,
    "pfc": PFC, "pfc that is obeyed": PFC,
    "flow director": {"nic.steering": {"flow_director": {"mode": "signature"}}},
}  # fmt: skip


@pytest.mark.parametrize("need", HAS)
def test_what_a_figure_needs_can_be_had(need: str) -> None:
    config = config_from_mapping({"nic": {"preset": None, "vfs": 4}}, MEETING[need])
    rows = [row for row in FIGURES.values() if row.needs == need]
    assert rows and all(has(row, config) for row in rows)
    plain = config_from_mapping({"nic": {"vfs": 4}})
    assert not all(has(row, plain) for row in rows)


def test_every_row_leads_to_words_of_the_server_that_is_named() -> None:
    servers = servers_of(config_from_mapping(SYSTEMS["servers"]))
    n_words = SERVER.itemsize // 8
    for row in FIGURES.values():
        for number, server in enumerate(("a", "b")):
            place = place_of(servers, f"{server}.vf1" if row.of == FUNCTION else server)
            said, *values = watch_values(servers, place, Watched(row, "", is_below=False, number=1), 7)
            assert said == 7 and {word // n_words for word in values[N_SAID - 1 :: TERM_WORDS]} == {number}


@given(st.integers(1, 400_000_000), st.integers(1, 10**12), st.booleans())
def test_a_rate_is_compared_exactly(rate_kbps: int, within_ns: int, is_below: bool) -> None:
    """A number of bytes is above the rate's in that time just where it is above the whole number."""
    exact = Fraction(rate_kbps * 1000 * within_ns, 8 * 10**9)
    number = number_of(BYTES, f"{rate_kbps}Kbps", within_ns * FS_PER_NS, is_below=is_below)
    for n_bytes in (number - 1, number, number + 1):
        assert (n_bytes < number) == (n_bytes < exact) if is_below else (n_bytes > number) == (n_bytes > exact)


@pytest.mark.parametrize(("unit", "amount", "number"), [
    (FRAMES, 7, 7), (FRAMES, "2Mpps", 2000), (BYTES, "64KiB", 65536), (TIME, "3ns", 3 * FS_PER_NS),
    (TIME, "12.5%", 125 * 10**9), (TIME, "12.5 %", 125 * 10**9),
])  # fmt: skip
def test_amounts_in_units(unit: Any, amount: Any, number: int) -> None:
    assert number_of(unit, Amount().parse(amount), 10**12, is_below=False) == number
    with pytest.raises(UnitError):
        number_of(unit, "7Hz", 10**12, is_below=False)
