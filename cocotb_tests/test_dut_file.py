"""Files of cores under test: what is wrong with one is said in a line, and names reach the Verilog."""

from __future__ import annotations

import re
import shutil

import pytest
import yaml

from cocotb_tests.divergence import RefusedError
from cocotb_tests.dut_adapter import adapter_text
from cocotb_tests.dut_file import OWN_CORE, read_dut
from cocotb_tests.places import ROOT
from cocotb_tests.stages import random_stages
from hwmodel.errors import InputError

EXAMPLE = ROOT / "cocotb_tests/dut_example"
ABSTRACT = "from cocotb_tests.backend import Backend\nclass Half(Backend):\n    shape = None\n"
SIGNALS = {name: f"rx_{name}" for name in ("data", "keep", "valid", "ready", "last")}


@pytest.fixture
def folder(tmp_path):
    """Give a copy of the example."""
    return shutil.copytree(EXAMPLE, tmp_path / "example")


def complaint(folder, **changes):
    """Change top keys of the example's file, None takes one out; return the one line that is said of it."""
    keys = yaml.safe_load((EXAMPLE / "small_switch.yaml").read_text(encoding="utf-8")) | changes
    path = folder / "core.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in keys.items() if value is not None}), encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_dut(path)
    (line,) = error.value.lines
    assert "\n" not in line
    assert line.startswith(str(path))
    return line


@pytest.mark.parametrize("table", ["VLAN", "MAC", "LIST"])
def test_a_shape_without_room_for_a_random_switch_is_refused_in_its_back_ends_words(table):
    def stages(n_entries):
        return random_stages(read_dut(OWN_CORE).core_with({"PORTS": 3, f"{table}_ENTRIES": n_entries}), "1", "veb", 300)

    with pytest.raises(RefusedError) as refused:
        stages(3)
    said = re.compile(
        r"eth_switch_core, parameters of a test: EthSwitchBackend has no writes for a switch of mode veb: \d entries "
        r"in the \w+ table; the core's has 3\nGive the shape room for it, or name in `fixed` what the core lacks\."
    )
    assert said.fullmatch(str(refused.value))
    assert stages(7)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"none\.yaml: no such file$"):
        read_dut(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sorces": ["a.v"]}, "sorces: unknown key (did you mean sources?)"),
        ({"reset": {"nmae": "rst"}}, "reset.nmae: unknown key (did you mean name?)"),
        ({"top": None}, "top: this key is missing"),
        ({"top": "small switch"}, "top: 'small switch' is not a name in Verilog"),
        ({"sources": ["small_switch.v", "none.v"]}, "sources.1: no such file: none.v"),
        ({"sources": ["*.sv"]}, "sources.0: no file matches *.sv"),
        ({"sources": []}, "sources: the list is too short, 0 of at least 1; write it like [core.v, lib/*.v]"),
        ({"sources": ["small_switch.yaml"]}, "sources.0: small_switch.yaml is no Verilog by its name: .v, .sv, .vh"),
        ({"sources": "small_switch.v"}, "sources: 'small_switch.v' is not a list; write it like [core.v"),
        ({"sources": [7]}, "sources.0: 7 is not a text; write it like rtl/core.v"),
        ({"name": 7}, "name: 7 is not a text; write it like my switch"),
        ({"defines": {"FAULT": True}}, "defines.FAULT: true is neither a whole number nor a text"),
        ({"defines": {"a b": 1}}, "defines.a b: 'a b' is not a name in Verilog"),
        ({"streams": {"in": "r x", "out": "tx"}}, "streams.in: 'r x_tdata' is not a name in Verilog"),
        (
            {"streams": {"in": "r{port:02}", "out": "t{lane}"}},
            "streams.out: 't{lane}_tdata' has something else in braces",
        ),
        ({"streams": 5}, "streams: 5 where keys with values are expected"),
        ({"include_folders": ["none"]}, "include_folders.0: no such folder: none"),
        ({"registers": {}}, "registers: one of axi4_lite and strobe_bus is needed"),
        ({"streams": {"in": "rx"}}, "streams.out: this key is missing"),
        ({"streams": {"in": SIGNALS | {"data": "d{lane}"}, "out": "tx"}}, "streams.in.data: 'd{lane}' has something"),
        ({"streams": {"in": SIGNALS | {"last": "{port}l"}, "out": "tx"}}, "streams.in.last: '0l' is not a name"),
        ({"reset": {"active": "never"}}, "reset.active: 'never' is not one of high, low"),
        ({"reset": {"polarity": "low"}}, "reset.polarity: unknown key; known here: name, active"),
        ({"records": {"writes": "write"}}, "records: writes without events say nothing"),
        ({"timing": "twin"}, "timing: twin needs the records of events and writes"),
        ({"records": {"events": "event", "writes": "write"}}, "backend: SmallBackend lacks image"),
        ({"backend": "small_backend"}, "backend: 'small_backend' is neither FILE.py:CLASS nor MODULE:CLASS"),
        ({"backend": "none.py:Class"}, "backend: no such file: none.py"),
        ({"backend": "none.of_these:Class"}, "backend: none.of_these cannot be loaded: ModuleNotFoundError"),
        ({"backend": "small_backend.py:Bckend"}, "backend: small_backend.py has no class Bckend"),
        ({"backend": "half.py:Half"}, "backend: Half lacks __init__, writes; cocotb_tests/backend.py says"),
        ({"shapes": {"many": {"PORTS": 5}}}, "shapes.many: 5 ports; small_switch has 4 at most"),
        ({"shapes": {"one": {"PORTS": 1}}}, "shapes.one: 1 port, 2 to 17 are possible"),
        ({"shapes": {}, "parameters": {"PORTS": 0}}, "parameters: 0 ports, 2 to 17 are possible"),
        ({"shapes": {"a": {"PORT": 4}}}, "shapes.a: small_switch has no parameter PORT; it has PORTS and MAX_BYTES"),
        ({"shapes": {"text": {"PORTS": "three"}}}, "shapes.text.PORTS: 'three' is not a whole number"),
        (
            {"losses": "counted", "shapes": {}},
            "parameters: losses: counted needs a shape whose queue_bytes hold",
        ),
        ({"quiet_cycles": 63}, "quiet_cycles: 63 is out of range; 64 to 1000000"),
        ({"chosen_ahead": 33}, "chosen_ahead: 33 is out of range; 0 to 32"),
        ({"frames": {"short": 199}}, "frames.short: 199 is out of range; 200 to 1000000000"),
        ({"frames": {"long": "many"}}, "frames.long: 'many' is not a whole number"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_what_is_wrong_is_said_in_a_line(folder, changes, said):
    (folder / "half.py").write_text(ABSTRACT, encoding="utf-8")
    assert said in complaint(folder, **changes)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("\nframes:", "\ntiming: twin\nframes:", ["21:9: timing: twin needs the records of events and writes"]),
        ("{PORTS: 3}", "{PORTS: 0}", ["18:12: shapes.3 ports: 0 ports, 2 to 17 are possible"]),
        (
            "PORTS:",
            "PORTS: 9",
            [
                "18:12: shapes.3 ports: 93 ports; small_switch has 4 at most",
                "19:29: shapes.2 ports and short frames: 92 ports; small_switch has 4 at most",
            ],
        ),
        ("short: 600", "short: 60", ["21:17: frames.short: 60 is out of range; 200 to 1000000000"]),
        ("registers:", "regsters:", ["2:1: registers: this key is missing", "10:1: regsters: unknown key (did you"]),
    ],
    ids=["a contradiction", "a shape", "two shapes", "a number", "a missing key"],
)
def test_each_line_has_the_place_in_the_file(folder, old, new, said):
    path = folder / "small_switch.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new).replace(": 9 ", ": 9"), encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_dut(path)
    assert len(error.value.lines) == len(said)
    for line, wanted in zip(error.value.lines, said, strict=True):
        assert line.startswith(f"{path}:{wanted}")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('modes = ("veb"', 'modes = ("bridge"', "SmallBackend.modes has bridge; known are veb, vepa, vn_tag, e_tag"),
        (
            '"ports.admit"',
            '"ports.admits"',
            "SmallBackend.fixed has 'ports.admits', which is no key",
        ),
        (
            "        self.n_ports, self",
            "        parameters['X']\n        self.n_ports, self",
            "fails with it: KeyError: 'X'",
        ),
        ("UPLINK = 0\n", "UPLINK = 1 / 0\n", "small_backend.py cannot be loaded: ZeroDivisionError"),
        ("    def counters", "    def numbers", "SmallBackend lacks counters, without which no lost copy is counted"),
    ],
    ids=["mode", "setting", "exception of a shape", "exception", "counters"],
)
def test_a_backend_that_is_wrong_is_said_in_a_line(folder, old, new, said):
    text = (folder / "small_backend.py").read_text(encoding="utf-8")
    assert old in text
    (folder / "small_backend.py").write_text(text.replace(old, new), encoding="utf-8")
    assert said in complaint(folder, losses="counted", shapes={})


@pytest.mark.parametrize("pattern", ["rtl/*ch.v", "{folder}/rtl/*ch.v", "{folder}/**/*ch.v", "rt**/*ch.v"])
def test_patterns_find_sources_from_the_file_or_from_the_root(folder, pattern):
    (folder / "rtl").mkdir()
    (folder / "small_switch.v").rename(folder / "rtl" / "small_switch.v")
    keys = yaml.safe_load((folder / "small_switch.yaml").read_text(encoding="utf-8"))
    keys["sources"] = [pattern.format(folder=folder.resolve())]
    path = folder / "core.yaml"
    path.write_text(yaml.safe_dump(keys), encoding="utf-8")
    assert read_dut(path).sources == ((folder / "rtl" / "small_switch.v").resolve(),)


def test_names_of_another_core_reach_the_verilog():
    text = adapter_text(read_dut(EXAMPLE / "small_switch.yaml").core("2 ports and short frames"))
    assert "parameter PORTS = 2" in text
    assert "small_switch #(\n        .PORTS(2),\n        .MAX_BYTES(1000)\n    ) core (" in text
    for connection in (".clock(clk)", ".rst_n(!reset)", ".rx_error(s_axis_tuser)", ".cfg_strobe(strobe)"):
        assert connection in text
    for tie in ("m_axis_tuser = {PORTS{1'b0}}", "strobe_done = 1'b1", "event_valid = {1{1'b0}}"):
        assert f"assign {tie};" in text


def test_prefixes_of_our_core_reach_the_verilog():
    text = adapter_text(read_dut(OWN_CORE).core())
    for connection in (".s_axis_tdata(s_axis_tdata)", ".s_axil_wstrb(4'hF)", ".event_full(event_full)"):
        assert connection in text
    assert ".reset(reset)" in text
    assert "assign" not in text
