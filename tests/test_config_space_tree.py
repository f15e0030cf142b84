"""The configuration space of a host's PCIe tree: what lspci shows of it, what a second reader makes of it, refusals."""

from __future__ import annotations

import random
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from hwmodel.cli import main
from hwmodel.config import Config, config_from_mapping
from hwmodel.config_space import hierarchy
from hwmodel.config_space.devices import Bar
from hwmodel.config_space.dump import text_of
from hwmodel.config_space.enumeration import Addresses
from hwmodel.config_space.hierarchy import Hierarchy, host_with_tree
from hwmodel.config_space.ports import (
    DOWNSTREAM_PORT,
    PORT_EXPRESS,
    ROOT_PORT,
    TYPE_1_HEADER,
    UPSTREAM_PORT,
    port_space,
)
from hwmodel.errors import InputError
from tests.drawn_trees import NAMES, draw_tree
from tests.oracles.hierarchy_reader import Function, read_dump, what_is_wrong

SHIPPED = str(Path(__file__).resolve().parent.parent / "configs" / "pcie_tree.yaml")
# Of the 82599, as facts: sizes of BARs, of a VF's.
SIZES, VF_SIZES = {0: 4 << 20, 2: 32, 4: 16 << 10}, {0: 16 << 10, 3: 16 << 10}
# The shipped tree, z at the root and x and y behind s1, as `lspci -t` draws it.
DRAWN = r"""
-[0000:00]-+-01.0-[01]--+-00.0
           |            +-10.0
           |            +-10.2
           |            +-10.4
           |            \-10.6
           \-02.0-[02-05]----00.0-[03-05]--+-00.0-[04]--+-00.0
                                           |            +-10.0
                                           |            +-10.2
                                           |            +-10.4
                                           |            \-10.6
                                           \-01.0-[05]--+-00.0
                                                        +-10.0
                                                        +-10.2
                                                        +-10.4
                                                        \-10.6
"""


def config_of(adapters: dict[str, dict[str, Any]], tree: dict[str, Any], **keys: Any) -> Config:
    listed = [{"name": name, "set": own} for name, own in adapters.items()]
    server = {"name": "a", "adapters": listed, "tree": tree}
    return config_from_mapping({"nic": {"preset": None, "vfs": 2}, "servers": [server], **keys})


def dump_of(config: Config) -> str:
    return text_of(Hierarchy(config, "a").functions(as_os=True))


def lspci(text: str, folder: Path, *options: str) -> str:
    path = folder / "tree.txt"
    path.write_text(text, encoding="utf-8")
    command = ["lspci", "-F", str(path), *options]
    return subprocess.run(command, capture_output=True, text=True, check=True, env={"LC_ALL": "C"}).stdout


def decoded(text: str, folder: Path) -> dict[str, str]:
    """Return what lspci says of each function, by its address, white space made one blank."""
    blocks = lspci(text, folder, "-vvv").strip().split("\n\n")
    return {block.split()[0]: " ".join(block.split()) for block in blocks}


def test_lspci_draws_the_shipped_tree(tmp_path: Path) -> None:
    out = tmp_path / "functions.txt"
    assert main(["config-space", SHIPPED, "--out", str(out)]) == 0
    assert lspci(out.read_text(encoding="utf-8"), tmp_path, "-t") == DRAWN.lstrip()
    shown = lspci(out.read_text(encoding="utf-8"), tmp_path, "-tv")
    assert shown.count("82599 Ethernet Controller Virtual Function") == 12
    assert shown.count("82599ES 10-Gigabit") == 3


def draw(seed: int) -> tuple[Config, dict[str, Any]]:
    """Draw a tree, with adapters that have few VFs or so many that they reach into the next bus."""
    rng = random.Random(seed)
    names = NAMES[: rng.choice((1, 2, 3, 4))]
    tree = draw_tree(rng, names, 256) | {"acs": rng.random() < 0.5}
    vfs = {name: rng.choice((1, 3, 64, 65, 100)) for name in names}
    adapters = {
        name: {"nic.vfs": vfs[name], "pcie.lanes": rng.choice((1, 4, 8, 16)), "pcie.generation": rng.choice((1, 2, 3))}
        for name in names
    }
    return config_of(adapters, tree, workload={"pattern": "to_wire"}), {"tree": tree, "set": adapters}


@cache
def drawn_dump(seed: int) -> tuple[str, dict[str, Any]]:
    config, drawn = draw(seed)
    return dump_of(config), drawn


def expected_paths(drawn: dict[str, Any]) -> list[str]:
    """Return the way to each function as `lspci -PP` writes it, numbered depth first by the rules in words."""
    tree, adapters = drawn["tree"], drawn["set"]
    found: list[str] = []

    def behind(name: str, path: str, bus: int, first: int) -> int:
        ends = [each for each in adapters if tree["slots"][each]["behind"] == name]
        switches = [one["name"] for one in tree["switches"] if one["behind"] == name]
        last = bus
        found.extend(f"{path}{bus:02x}:{at:02x}.0" for at, _ in enumerate([*ends, *switches], first))
        for at, each in enumerate([*ends, *switches], first):
            way, own = f"{path}{bus:02x}:{at:02x}.0/", last + 1
            if at - first < len(ends):
                n_vfs = adapters[each]["nic.vfs"]
                found.append(f"{way}{own:02x}:00.0")
                for number in range(n_vfs):
                    device = 128 + 2 * number
                    found.append(f"{way}{own + (device >> 8):02x}:{device >> 3 & 31:02x}.{device & 7}")
                last = own + (128 + 2 * (max(64, n_vfs) - 1) >> 8)
            else:
                found.append(f"{way}{own:02x}:00.0")
                last = behind(each, f"{way}{own:02x}:00.0/", own + 1, 0)
        return last

    behind("root", "", 0, 1)
    return sorted(found)


@pytest.mark.parametrize("seed", range(6))
def test_lspci_finds_the_way_to_each_function(seed: int, tmp_path: Path) -> None:
    text, drawn = drawn_dump(seed)
    paths = [line.split()[0] for line in lspci(text, tmp_path, "-PP", "-n").splitlines()]
    assert sorted(paths) == expected_paths(drawn)


def functions_of(seed: int) -> dict[int, Function]:
    return read_dump(drawn_dump(seed)[0])


@pytest.mark.parametrize("seed", range(16))
def test_a_second_reader_reaches_all_functions_and_ranges(seed: int) -> None:
    assert list(what_is_wrong(functions_of(seed), SIZES, VF_SIZES)) == []


# Bytes of a port's header, and what is put there in place of what stands there.
FAULTS = {
    "subordinate bus": (0x1A, lambda was: was - 1),
    "secondary bus": (0x19, lambda was: was + 1),
    "primary bus": (0x18, lambda was: was + 1),
    "prefetchable base": (0x24, lambda was: was + 0x10),
    "prefetchable limit": (0x26, lambda was: was - 0x10),
    "prefetchable upper": (0x28, lambda was: was + 1),
    "I/O base": (0x1C, lambda was: was + 0x10),
    "I/O limit": (0x1D, lambda was: was + 0x10),
    "command": (0x04, lambda was: was & ~2),
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_second_reader_finds_planted_faults(name: str) -> None:
    at, change = FAULTS[name]
    functions = read_dump(dump_of(config_of({"x": {}, "y": {}}, {
        "switches": [{"name": "s1"}], "slots": {"x": {"behind": "s1"}, "y": {"behind": "s1"}}
    })))  # fmt: skip
    port = functions[0x0200]  # the switch's lower port to x, on bus 2
    port.content[at] = change(port.content[at]) & 0xFF
    assert list(what_is_wrong(functions, SIZES, VF_SIZES))


SLOTS = {
    "switches": [{"name": "s1", "generation": 3, "lanes": 16}, {"name": "s2", "behind": "s1", "lanes": 2}],
    "slots": {"x": {"behind": "s1", "lanes": 4}, "y": {"behind": "s1", "lanes": 16}, "z": {"generation": 1},
              "w": {"behind": "s2"}},
}  # fmt: skip


def test_links_are_as_they_are_negotiated(tmp_path: Path) -> None:
    """Cards of Gen2 x8: narrower and wider slots, an older one; ports have what the slot has."""
    card = {"pcie.generation": 2, "pcie.lanes": 8}
    found = decoded(dump_of(config_of({name: card for name in "xyzw"}, SLOTS)), tmp_path)
    # z at root port 1, s1 at 2; behind s1 ports to x, y, s2; behind s2 one to w.
    expected = {
        "00:01.0": ("2.5GT/s, Width x8", "2.5GT/s, Width x8"),
        "01:00.0": ("5GT/s, Width x8", "2.5GT/s (downgraded), Width x8"),
        "00:02.0": ("8GT/s, Width x16", "8GT/s, Width x16"),
        "02:00.0": ("8GT/s, Width x16", "8GT/s, Width x16"),
        "03:00.0": ("5GT/s, Width x4", "5GT/s, Width x4"),
        "04:00.0": ("5GT/s, Width x8", "5GT/s, Width x4 (downgraded)"),
        "03:01.0": ("5GT/s, Width x16", "5GT/s, Width x8"),
        "05:00.0": ("5GT/s, Width x8", "5GT/s, Width x8"),
        "03:02.0": ("5GT/s, Width x2", "5GT/s, Width x2"),
        "06:00.0": ("5GT/s, Width x2", "5GT/s, Width x2"),
        "07:00.0": ("5GT/s, Width x8", "5GT/s, Width x8"),
        "08:00.0": ("5GT/s, Width x8", "5GT/s, Width x8"),
    }
    for address, (cap, status) in expected.items():
        text = found[address]
        assert re.search(r"LnkCap: Port #\d+, Speed (\S+, Width x\d+)", text).group(1) == cap, address  # type: ignore[union-attr]
        assert re.search(r"LnkSta: Speed (.*?) TrErr", text).group(1) == status, address  # type: ignore[union-attr]


def test_a_card_wider_than_its_device_says_so_in_a_narrow_slot(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("servers: [{name: a, set: {pcie.lanes: 16}, adapters: [{name: x}], "
                    "tree: {slots: {x: {lanes: 4}}}}]\n\nnic: {strict: false}", encoding="utf-8")  # fmt: skip
    for argv in ([], ["--server", "a.x"]):
        assert main(["config-space", str(path), *argv]) == 0
        text = decoded(capsys.readouterr().out, tmp_path)["01:00.0"]
        assert "Width x16, ASPM" in text and "LnkSta: Speed 5GT/s, Width x4 (downgraded)" in text


def test_what_ports_say_of_themselves(tmp_path: Path) -> None:
    keys = {"pcie": {"max_payload": "128B", "read_completion_boundary": "128B"}}
    found = {
        acs: decoded(dump_of(config_of({name: {} for name in "xyzw"}, SLOTS | {"acs": acs}, **keys)), tmp_path)
        for acs in (True, False)
    }
    for acs, functions in found.items():
        redirect = "SrcValid+ TransBlk- ReqRedir+ CmpltRedir+ UpstreamFwd+" if acs else "SrcValid- TransBlk- ReqRedir-"
        for address in ("00:01.0", "00:02.0", "03:00.0", "03:01.0", "03:02.0", "07:00.0"):
            assert f"ACSCtl: {redirect}" in functions[address]
        assert all("ACSCap" not in functions[address] for address in ("02:00.0", "06:00.0"))
    functions = found[True]
    kinds = {"00:01.0": "Root Port (Slot+)", "00:02.0": "Root Port (Slot-)", "02:00.0": "Upstream Port",
             "03:00.0": "Downstream Port (Slot+)", "03:02.0": "Downstream Port (Slot-)"}  # fmt: skip
    for address, kind in kinds.items():
        assert f"Express (v2) {kind}, MSI 00" in functions[address]
        assert "MaxPayload 128 bytes, MaxReadReq" in functions[address]
        assert (kind == "Root Port (Slot+)") == ("RCB 128 bytes" in functions[address] and "(Slot+)" in kind and
                                                 "Root" in kind)  # fmt: skip
    slots = {address: re.search(r"Slot #(\d+)", text) for address, text in functions.items()}
    assert {at: int(one.group(1)) for at, one in slots.items() if one} == {
        "03:00.0": 1, "03:01.0": 2, "00:01.0": 3, "07:00.0": 4,
    }  # fmt: skip
    forwards = {address for address, text in functions.items() if "OBFF Disabled, ARIFwd+" in text}
    assert forwards == {"00:01.0", "03:00.0", "03:01.0", "07:00.0"}  # right above an adapter
    for text in functions.values():
        without = text.replace("AttnInd Unknown, PwrInd Unknown", "")  # of slots without them
        assert not re.search(r"unknown|corrupt|denied|invalid|broken|<\?", without, re.IGNORECASE)


def test_adapters_beyond_the_ports_of_io_go_without() -> None:
    names = [f"n{number}" for number in range(17)]
    functions = read_dump(dump_of(config_of({name: {} for name in names}, {"slots": {name: {} for name in names}})))
    assert list(what_is_wrong(functions, SIZES, VF_SIZES)) == []
    pfs = [functions[bus << 8] for bus in range(1, 18)]
    # 56 KiB from 0x2000 on are 14 windows of 4 KiB.
    assert [(one.word(4) & 1, one.word(0x18, 4) & ~3 > 0) for one in pfs] == [(1, True)] * 14 + [(0, False)] * 3
    assert all(one.word(4) & 6 == 6 for one in pfs)


@pytest.mark.parametrize("kind", [ROOT_PORT, UPSTREAM_PORT, DOWNSTREAM_PORT])
def test_what_can_be_written_of_a_port(kind: int) -> None:
    """Bits that stay as they are read 0, or what the port says; the rest can be written (P2P 3.2.4, 3.2.5)."""
    space = port_space(kind, 3, config_from_mapping({}).pcie, (2, 8), slot_number=1)
    writable = {0x04: 0x0547, 0x18: 0x00FFFFFF, 0x1C: 0xF0F0, 0x20: 0xFFF0FFF0, 0x24: 0xFFF1FFF1, 0x28: 0xFFFFFFFF,
                0x2C: 0xFFFFFFFF, 0x30: 0, 0x3C: 0x004B01FF}  # fmt: skip
    for at, expected in writable.items():
        n = 2 if at == 0x04 else 4
        space.write(at, n, (1 << 8 * n) - 1)
        assert space.read(at, n) & (0xFFFF if at == 0x1C else ~0) == expected, hex(at)
    at = space.at(PORT_EXPRESS.name)
    assert at is not None
    space.write(at + 8, 2, 0xFFFF)  # bit 15 resets no port
    assert space.read(0x1A, 1) == 0xFF
    space.write(at + 0x28, 2, 0xFFFF)
    assert space.read(at + 0x28, 2) & 0x20 == (0 if kind == UPSTREAM_PORT else 0x20)


@pytest.mark.parametrize("table", [TYPE_1_HEADER, PORT_EXPRESS], ids=lambda table: table.name)
def test_fields_of_ports_fit_and_leave_each_other_alone(table: Any) -> None:
    taken: set[int] = set()
    for register, one in table.fields():
        bits = {8 * register.offset + number for number in range(one.low, one.low + one.n_bits)}
        assert not bits & taken and max(bits) < 8 * table.n_bytes and one.low + one.n_bits <= 8 * register.n_bytes
        taken |= bits


def test_places_are_multiples_of_their_sizes_side_by_side_and_end() -> None:
    addresses = Addresses(sorts=True)
    wide = Bar(1 << 20, is_64_bit=True, is_prefetchable=True)
    assert addresses.take(wide, 1 << 20, 3) == 1 << 38
    assert addresses.take(wide, 1 << 22) == (1 << 38) + (1 << 22)
    assert Addresses().take(wide, 1 << 20) == 0xB0000000
    assert [addresses.take(Bar(32, is_io=True), size) for size in (32, 0x8000, 0x8000)] == [0x2000, 0x8000, None]
    with pytest.raises(InputError, match=r"^the ranges of all adapters are more than there is memory for$"):
        addresses.take(Bar(1 << 20), 1 << 28, 5)  # from B000_0000 on


class TestRefused:
    def test_what_is_for_one_adapter(self, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
        for option, value in (("--script", str(tmp_path / "none")), ("--at", "1ms")):
            assert main(["config-space", SHIPPED, option, value]) == 2
            line = f"{option}: is for one adapter, which --server names: --server a.z"
            assert capsys.readouterr().err.splitlines() == [line]

    def test_of_several_trees(self, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
        path = tmp_path / "c.yaml"
        tree = "{adapters: [{name: x}], tree: {slots: {x: {}}}, name: "
        path.write_text(f"servers: [{tree}a}}, {tree}b}}]\nworkload: {{pattern: to_wire}}\n", encoding="utf-8")
        assert main(["config-space", str(path)]) == 2
        assert capsys.readouterr().err == "of which server? --server says it (a, b, a.x, b.x)\n"
        assert main(["config-space", str(path), "--server", "b"]) == 0
        assert capsys.readouterr().out.startswith("00:01.0 PCI bridge\n")

    def test_too_many_ports_or_buses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        names = [f"n{number}" for number in range(32)]
        config = config_of({name: {} for name in names}, {"slots": {name: {} for name in names}})
        with pytest.raises(InputError, match=r"^a: 32 ports of the root are more than the 31 of a bus$"):
            Hierarchy(config, "a")
        monkeypatch.setattr(hierarchy, "MOST_BUSES", 3)
        config = config_of({name: {} for name in names[:3]}, {"slots": {name: {} for name in names[:3]}})
        with pytest.raises(InputError, match=r"^the buses behind all ports are more than the 3 that there are numbers"):
            Hierarchy(config, "a")

    def test_whose_hierarchy_is_meant(self) -> None:
        plain = config_from_mapping({"servers": [{"name": "a"}, {"name": "b"}]})
        assert [host_with_tree(plain, name) for name in (None, "a", "c")] == [None] * 3
        treed = config_of({"x": {}}, {"slots": {"x": {}}})
        assert [host_with_tree(treed, name) for name in (None, "a", "a.x")] == ["a", "a", None]
