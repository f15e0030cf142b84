"""Cores that cheat are refused, each with a sentence that says why: dut_example/cheats.yaml."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from cocotb_tests.dut_file import OWN_CORE, read_dut
from cocotb_tests.places import ROOT
from cocotb_tests.protocol import RULES
from hwmodel.errors import InputError

EXAMPLE = ROOT / "cocotb_tests/dut_example"
CHEATS = yaml.safe_load((EXAMPLE / "cheats.yaml").read_text(encoding="utf-8"))["cheats"]
SMALL = {"PORTS": 3, "BUS_W": 64, "PRIORITIES": 2, "MAC_ENTRIES": 12, "VLAN_ENTRIES": 6, "LIST_ENTRIES": 9,
         "INGRESS_BYTES": 2048, "QUEUE_BYTES": 2048}  # fmt: skip
N_FRAMES = 200
SAID_BY_CHECKERS = {wanted for _, wanted, _ in RULES.values()}
OF_PROTOCOLS = [cheat for cheat in CHEATS if str(cheat["says"]) in SAID_BY_CHECKERS]
OTHERS = [cheat for cheat in CHEATS if cheat not in OF_PROTOCOLS]


def sentences(cheat):
    """Return what may be said: of some cheats the traffic decides which of their faults shows first."""
    return cheat["says"] if isinstance(cheat["says"], list) else [cheat["says"]]


def planted(cheat, folder):
    """Copy the core and plant the cheat; return its file."""
    source = OWN_CORE if cheat.get("core") == "own" else EXAMPLE / "small_switch.yaml"
    shutil.copytree(source.parent, folder, ignore=shutil.ignore_patterns("__pycache__", "formal"))
    keys = yaml.safe_load(source.read_text(encoding="utf-8")) | cheat.get("keys", {})
    if source == OWN_CORE:
        keys |= {"shapes": {"small": SMALL}, "sources": ["*.v"]}
    for change in cheat["changes"]:
        path = folder / change["file"]
        text = path.read_text(encoding="utf-8")
        assert text.count(change["text"]) == 1, change
        path.write_text(text.replace(change["text"], change["replacement"]), encoding="utf-8")
    path = folder / "core.yaml"
    path.write_text(yaml.safe_dump(keys, sort_keys=False), encoding="utf-8")
    return path


def flat(changes):
    """Return changes one by one: those that several cheats share are a list among them."""
    return [one for each in changes for one in (each if isinstance(each, list) else [each])]


def refuse(cheat, check_core, monkeypatch, tmp_path):
    # What is told here is why; how few frames show it is for test_other_cores.py.
    monkeypatch.setattr(
        "cocotb_tests.core_bench.CoreBench.report", lambda _, stage, divergence, repeat: str(divergence)
    )
    path = planted({**cheat, "changes": flat(cheat["changes"])}, Path(tmp_path) / "core")
    with pytest.raises((AssertionError, InputError)) as refused:
        check_core(read_dut(path).core(), cheat.get("mode", "veb"), cheat.get("frames", N_FRAMES))
    said = "\n".join(refused.value.lines) if isinstance(refused.value, InputError) else str(refused.value)
    assert any(sentence in said for sentence in sentences(cheat)), said


# The checkers are Verilog, which each simulator takes in its own way; what is refused elsewhere is the same in Python.
@pytest.mark.parametrize("cheat", OF_PROTOCOLS, ids=lambda cheat: cheat["name"])
def test_a_cheat_is_refused_by_the_protocol_checkers(check_core, monkeypatch, tmp_path, cheat):
    refuse(cheat, check_core, monkeypatch, tmp_path)


@pytest.mark.usefixtures("quick_build")
@pytest.mark.parametrize("cheat", OTHERS, ids=lambda cheat: cheat["name"])
def test_a_cheat_is_refused(check_core, monkeypatch, tmp_path, cheat):
    refuse(cheat, check_core, monkeypatch, tmp_path)


def test_the_cheats_are_ten_and_more():
    assert len(OTHERS) >= 10
    assert len(OF_PROTOCOLS) >= 6
