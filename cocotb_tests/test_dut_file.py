"""Files of cores under test: what is wrong with one is said in a line, and names reach the Verilog."""

from __future__ import annotations

import shutil

import pytest
import yaml

from cocotb_tests.dut_adapter import adapter_text
from cocotb_tests.dut_file import OWN_CORE, read_dut
from cocotb_tests.places import ROOT
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
        ({"sources": []}, "sources: List should have at least 1 item"),
        ({"include_folders": ["none"]}, "include_folders.0: no such folder: none"),
        ({"registers": {}}, "registers: one of axi4_lite and strobe_bus is needed"),
        ({"streams": {"in": "rx"}}, "streams.out: this key is missing"),
        ({"streams": {"in": SIGNALS | {"data": "d{lane}"}, "out": "tx"}}, "streams.in.data: 'd{lane}' has something"),
        ({"streams": {"in": SIGNALS | {"last": "{port}l"}, "out": "tx"}}, "streams.in.last: '0l' is not a name"),
        ({"reset": {"active": "never"}}, "reset.active: Input should be 'high' or 'low'"),
        ({"records": {"writes": "write"}}, "records: writes without events say nothing"),
        ({"timing": "twin"}, "timing: twin needs the records of events and writes"),
        ({"records": {"events": "event", "writes": "write"}}, "backend: SmallBackend lacks image"),
        ({"backend": "small_backend"}, "backend: 'small_backend' is neither FILE.py:CLASS nor MODULE:CLASS"),
        ({"backend": "none.py:Class"}, "backend: no such file: none.py"),
        ({"backend": "none.of_these:Class"}, "backend: none.of_these cannot be loaded: ModuleNotFoundError"),
        ({"backend": "small_backend.py:Bckend"}, "backend: small_backend.py has no class Bckend"),
        ({"backend": "half.py:Half"}, "backend: Half lacks __init__, writes; cocotb_tests/backend.py says"),
        ({"shapes": {"many": {"PORTS": 5}}}, "many: 5 ports; small_switch has 4 at most"),
        ({"shapes": {"one": {"PORTS": 1}}}, "one: 1 ports, 2 to 17 are possible"),
        ({"shapes": {"text": {"PORTS": "three"}}}, "shapes.text.PORTS: Input should be a valid integer"),
        ({"frames": {"short": 0}}, "frames.short: Input should be greater than or equal to 200"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_what_is_wrong_is_said_in_a_line(folder, changes, said):
    (folder / "half.py").write_text(ABSTRACT, encoding="utf-8")
    assert said in complaint(folder, **changes)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('modes = ("veb"', 'modes = ("bridge"', "SmallBackend.modes has bridge; known are veb, vepa, vn_tag, e_tag"),
        (
            '"ports.admit"',
            '"ports.admits"',
            "SmallBackend.fixed has 'ports.admits', which is no key",
        ),
        ("UPLINK = 0\n", "UPLINK = 1 / 0\n", "small_backend.py cannot be loaded: ZeroDivisionError"),
        ("    def counters", "    def numbers", "SmallBackend lacks counters, without which no lost copy is counted"),
    ],
    ids=["mode", "setting", "exception", "counters"],
)
def test_a_backend_that_is_wrong_is_said_in_a_line(folder, old, new, said):
    text = (folder / "small_backend.py").read_text(encoding="utf-8")
    assert old in text
    (folder / "small_backend.py").write_text(text.replace(old, new), encoding="utf-8")
    assert said in complaint(folder, losses="counted")


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
