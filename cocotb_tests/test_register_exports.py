"""The C header and the SystemRDL say what the register map says; the C header as a compiler reads it."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
import yaml

from cocotb_tests.places import RTL

REGISTER_MAP = yaml.safe_load((RTL / "registers.yaml").read_text(encoding="utf-8"))
LAST_PORT, LAST_WORD = 3, 1


def expected_values():
    """Return C expressions and what each must be: the last port's last word of each register, its fields."""
    found = {}
    for block in REGISTER_MAP["blocks"]:
        for register in block["registers"]:
            name = f"SWITCH_{block['name']}_{register['name']}"
            address, arguments = block["base"] + register["offset"], []
            if "stride" in block:
                address += LAST_PORT * block["stride"]
                arguments.append(str(LAST_PORT))
            if "words" in register:
                address += 4 * LAST_WORD
                arguments.append(str(LAST_WORD))
            found[f"{name}({', '.join(arguments)})" if arguments else name] = address
            for field in register["fields"]:
                stem, lsb = f"{name}_{field['name']}", field.get("lsb", 0)
                found[f"{stem}_LSB"] = lsb
                if isinstance(field["width"], int):
                    found[f"{stem}_MASK"] = sum(1 << bit for bit in range(lsb, lsb + field["width"]))
                if "reset" in field:
                    found[f"{stem}_RESET"] = field["reset"]
    return found


def test_c_header(tmp_path):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    values = expected_values()
    prints = "\n".join(f'    printf("%lu\\n", (unsigned long)({each}));' for each in values)
    source = tmp_path / "values.c"
    # Twice, since headers are.
    source.write_text(
        '#include <stdio.h>\n#include "switch_registers.h"\n#include "switch_registers.h"\n'
        f"int main(void) {{\n{prints}\n    return 0;\n}}\n"
    )
    command = [compiler, "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{RTL}", "-o", tmp_path / "values"]
    subprocess.run([*command, source], check=True)
    said = subprocess.run([tmp_path / "values"], check=True, capture_output=True, text=True).stdout.split()
    assert dict(zip(values, map(int, said), strict=True)) == values


def test_system_rdl_has_every_register():
    text = (RTL / "switch_registers.rdl").read_text(encoding="utf-8")
    assert text.count("{") == text.count("}")
    files = re.findall(r"regfile \{(.*?)\n    \} (\w+)(?:\[\d+\])? @ 0x(\w+)(?: \+= 0x(\w+))?;", text, re.DOTALL)
    assert len(files) == len(REGISTER_MAP["blocks"])
    for block, (body, name, base, stride) in zip(REGISTER_MAP["blocks"], files, strict=True):
        assert (name, int(base, 16), int(stride or "0", 16)) == (block["name"], block["base"], block.get("stride", 0))
        registers = re.findall(r"\} (\w+)(?:\[\d+\])? @ 0x(\w+)", body)
        assert registers == [(each["name"], f"{each['offset']:X}") for each in block["registers"]]
        fields = re.findall(r"sw = (r|rw);.* \} (\w+)\[(\d+):(\d+)\](?: = 0x(\w+))?;", body)
        known = [(each["access"], field) for each in block["registers"] for field in each["fields"]]
        for (access, field), (software, field_name, top, lsb, reset) in zip(known, fields, strict=True):
            assert (software, field_name, int(lsb)) == (
                {"ro": "r", "rw": "rw"}[access],
                field["name"],
                field.get("lsb", 0),
            )
            if isinstance(field["width"], int):
                assert int(top) - int(lsb) + 1 == field["width"]
            if access == "rw" or "reset" in field:
                assert int(reset, 16) == field.get("reset", 0)
