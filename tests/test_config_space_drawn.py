"""Drawn reads and writes of configuration space, beside a second implementation that reads the start state alone."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import pytest

from hwmodel.config_space.adapter import PciAdapter, PfSpace
from hwmodel.config_space.devices import DEVICES, PciDevice
from hwmodel.config_space.registers import Attribute
from hwmodel.config_space.space import FunctionSpace
from tests.oracles.config_scripts import Step, drawn_scripts
from tests.oracles.config_space import VF_READY_FS, ReferenceAdapter

ERROR = "error"
# Errors that a function itself may note: dword, bits. Of a VF those that SR-IOV 4.2 gives it.
PF_ERRORS = ((0x04, 0xF9000000), (0xA8, 0x000F0000), (0x104, 0x0017F010), (0x110, 0x000031C1))
VF_ERRORS = ((0x04, 0xF9000000), (0xA8, 0x000F0000), (0x104, 0x0011D000), (0x110, 0x00002000))
# Beside the devices, one that has what some of them may have: extended tags, 16 lanes, PME from D3cold, 300 VFs.
MORE = replace(
    DEVICES["82599"],
    lanes=16,
    total_vfs=300,
    values={**DEVICES["82599"].values, "Extended Tag Field Supported": 1, "PME Support": 0b11001},
)
# VFs come up: a look 1 fs before they answer, and as they do.
AT_THE_EDGE: list[Step] = [
    ("write", "pf", 0x170, 2, 1),
    ("write", "pf", 0x168, 2, 0x11),
    ("wait", VF_READY_FS - 1),
    ("read", "vf0", 0x08, 4),
    ("wait", 1),
    ("read", "vf0", 0x08, 4),
]
DRAWN: Mapping[str, PciDevice] = {**DEVICES, "more": MORE}


class Start(NamedTuple):
    """Hold the second implementation's view of a device: its images, the sizes of its ranges."""

    images: Mapping[str, bytes]
    bar_bytes: Mapping[int, int]
    vf_bar_bytes: Mapping[int, int]
    total_vfs: int
    offsets: Mapping[bool, tuple[int, int]]

    def reference(self) -> ReferenceAdapter:
        return ReferenceAdapter(self.images, self.bar_bytes, self.vf_bar_bytes, self.total_vfs, self.offsets)


# Sizes, offsets and numbers as facts, not as the product has them.
IXGBE, VF_16K = {0: 4 << 20, 4: 16 << 10}, {0: 16 << 10, 3: 16 << 10}
BY_ARI = {True: (128, 2), False: (384, 2)}
FACTS = {
    "82576": ({0: 128 << 10, 1: 128 << 10, 2: 32, 3: 16 << 10, 6: 128 << 10}, VF_16K, 8, BY_ARI),
    "82599": ({**IXGBE, 2: 32, 6: 4 << 20}, VF_16K, 64, BY_ARI),
    "X540": ({0: 2 << 20, 4: 16 << 10, 6: 512 << 10}, VF_16K, 64, BY_ARI),
    "X550": ({**IXGBE, 6: 512 << 10}, VF_16K, 64, BY_ARI),
    "XL710": (
        {0: 8 << 20, 3: 32 << 10, 6: 512 << 10},
        {0: 64 << 10, 3: 16 << 10},
        128,
        {True: (16, 1), False: (272, 1)},  # 334 of a third function of 32 VFs: 272 + 2 * 31
    ),
    "more": ({**IXGBE, 2: 32, 6: 4 << 20}, VF_16K, 300, BY_ARI),
}


@cache
def start_of(name: str) -> Start:
    """Return a device as it comes out of reset, a VF as VF Enable brings it."""
    adapter = PciAdapter(DRAWN[name], serial_number=0x0200_00FF_FF00_0001)
    images = {"pf": adapter.pf.content()}
    adapter.write("pf", 0x170, 2, 1)
    adapter.write("pf", 0x168, 2, 1)
    adapter.wait(VF_READY_FS)
    vf = adapter.space("vf0")
    assert vf is not None
    return Start({**images, "vf0": vf.content()}, *FACTS[name])


def scripts(name: str, n: int) -> Iterator[list[Step]]:
    """Draw scripts, and errors that functions note between their steps."""
    start = start_of(name)
    functions = ["pf", "vf0", "vf1", "vf2", f"vf{start.total_vfs - 1}"]
    rng = random.Random(name)
    for script in drawn_scripts(n, n, functions, start.images):
        if rng.random() < 0.3:
            script[:0] = AT_THE_EDGE
        for _ in range(6):
            function = rng.choice(functions)
            at, bits = rng.choice(PF_ERRORS if function == "pf" else VF_ERRORS)
            bits &= rng.choice([bits, rng.getrandbits(32)])
            script.insert(rng.randrange(len(script)), (ERROR, function, at, bits))
            script.append(("read", function, at, 4))
        yield script


def note_error(product: PciAdapter, reference: ReferenceAdapter, function: str, at: int, bits: int) -> None:
    """Let a function note errors in both, if it is there."""
    space = product.space(function)
    number = None if function == "pf" else int(function[2:])
    is_there = number is None or (number < len(reference.vfs) and reference.now_fs >= reference.ready_fs)
    assert (space is not None) == is_there
    if space is not None:
        space.put(at, 4, space.get(at, 4) | bits)
        (reference.pf if number is None else reference.vfs[number]).set_status(at, bits)


def first_difference(name: str, script: list[Step]) -> tuple[int, Step] | None:
    """Run a script on both; return the first step that they answer differently."""
    product, reference = PciAdapter(DRAWN[name], serial_number=0x0200_00FF_FF00_0001), start_of(name).reference()
    for number, (kind, *arguments) in enumerate(script):
        if kind == ERROR:
            note_error(product, reference, *arguments)
        elif getattr(product, kind)(*arguments) != getattr(reference, kind)(*arguments) and kind == "read":
            return number, script[number]
    n_vfs = len(reference.vfs) if reference.now_fs >= reference.ready_fs else 0
    assert list(product.functions()) == ["pf", *(f"vf{number}" for number in range(n_vfs))]
    for function in ("pf", "vf0", f"vf{reference.total_vfs - 1}"):
        reference.pf_routing_id = product.routing_id
        assert product.routing_id_of(function) == reference.routing_id(function)
    return None


@pytest.mark.parametrize("n", [60, pytest.param(1700, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("name", DRAWN)
def test_every_answer_is_that_of_the_second_implementation(name, n):
    for number, script in enumerate(scripts(name, n)):
        found = first_difference(name, script)
        assert found is None, f"script {number}, step {found[0]}: {found[1]}; before it {script[: found[0]]}"


def test_what_is_drawn_goes_everywhere():
    n_alive = n_absent = 0
    for script in scripts("82599", 60):
        product = PciAdapter(DEVICES["82599"])
        for kind, *arguments in script:
            if kind != ERROR:
                getattr(product, kind)(*arguments)
                is_of_vf = kind != "wait" and arguments[0] != "pf"
                n_alive += is_of_vf and product.space(arguments[0]) is not None
                n_absent += is_of_vf and product.space(arguments[0]) is None
    assert n_alive > 300 and n_absent > 100


def is_told_apart(name: str, script: list[Step]) -> bool:
    try:
        return first_difference(name, script) is not None
    except AssertionError:
        return True


def forgets_the_page(self, at, bar, size_bytes=0, *, is_rom=False):
    LAY_BAR(self, at, bar, is_rom=is_rom)


LAY_BAR = FunctionSpace.lay_bar
FAULTS = {
    "VFs answer too early": ("hwmodel.config_space.adapter.VF_READY_FS", VF_READY_FS - 1),
    "ranges smaller than a page": (FunctionSpace, "lay_bar", forgets_the_page),
    "no rules of SR-IOV": (PfSpace, "settle", lambda self: None),
    "a reset of the PF leaves its VFs": (PfSpace, "reset", lambda self, from_d3=False: None),
    "power states that there are not": (FunctionSpace, "_settle_power_state", lambda self, was: False),
    "no function level reset": (FunctionSpace, "_asks_for_flr", lambda self, *access: False),
    "errors never clear": (Attribute, "clears", False),
    "resets spare nothing": (Attribute, "is_sticky", False),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault, monkeypatch):
    drawn = list(scripts("82599", 60))
    monkeypatch.setattr(*FAULTS[fault])
    assert any(is_told_apart("82599", script) for script in drawn)
