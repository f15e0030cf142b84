"""The files made from the register map and the drop reasons are up to date and say what their sources say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import yaml

from hwmodel.forwarding.drop_reason import DropReason

ROOT = Path(__file__).resolve().parent.parent
REGISTER_MAP = yaml.safe_load((ROOT / "rtl/registers.yaml").read_text(encoding="utf-8"))
MOST_PORTS = 17
PARAMETERS = {"PORTS": MOST_PORTS, "PRIORITIES": 8, "MAC_ENTRIES": 1024, "VLAN_ENTRIES": 256, "LIST_ENTRIES": 256}


def check(root):
    command = [sys.executable, str(root / "rtl/generate_registers.py"), "--check"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(root)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_generated_files_are_up_to_date():
    done = check(ROOT)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_a_stale_file_is_found(tmp_path):
    (tmp_path / "rtl").mkdir()
    for name in ("registers.yaml", "generate_registers.py", "switch_registers.vh", "eth_switch_core.v"):
        (tmp_path / "rtl" / name).write_bytes((ROOT / "rtl" / name).read_bytes())
    with (tmp_path / "rtl/switch_registers.vh").open("a", encoding="utf-8") as header:
        header.write("// edited by hand\n")
    done = check(tmp_path)
    assert done.returncode == 1
    assert "rtl/switch_registers.vh: out of date" in done.stdout


def test_the_verilog_has_every_drop_reason():
    header = (ROOT / "rtl/drop_reasons.vh").read_text(encoding="utf-8")
    found = re.findall(r"^`define DROP_(\w+) 8'd(\d+)$", header, re.MULTILINE)
    assert {name: int(number) for name, number in found} == {reason.name: int(reason) for reason in DropReason}


def words(register):
    return PARAMETERS.get(register.get("words", 1), register.get("words", 1))


def test_no_two_registers_share_an_address():
    taken = {}
    for block in REGISTER_MAP["blocks"]:
        count = PARAMETERS.get(block.get("count"), 1)
        for entry in range(count):
            for register in block["registers"]:
                first = block["base"] + entry * block.get("stride", 0) + register["offset"]
                for address in range(first, first + 4 * words(register), 4):
                    name = f"{block['name']}[{entry}].{register['name']}"
                    assert address not in taken, f"{name} and {taken[address]}"
                    assert address < 1 << REGISTER_MAP["address_bits"], name
                    taken[address] = name


def test_fields_fit_their_word_and_leave_each_other_alone():
    for block in REGISTER_MAP["blocks"]:
        for register in block["registers"]:
            used = 0
            for field in register["fields"]:
                width = PARAMETERS.get(field["width"], field["width"])
                mask = ((1 << width) - 1) << field.get("lsb", 0)
                assert mask >> 32 == 0
                assert used & mask == 0
                used |= mask
