"""Write what follows from rtl/registers.yaml and the drop reasons: headers, SystemRDL, a Python module, documentation.

`python rtl/generate_registers.py` writes the files; `--check` says which of them are out of date and exits with 1.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

import yaml

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hwmodel.forwarding.drop_reason import DropReason
from rtl.register_exports import c_header, system_rdl

ROOT = Path(__file__).resolve().parent.parent
SOURCE = "rtl/registers.yaml"
NOTE = f"Generated from {SOURCE} by rtl/generate_registers.py: do not edit."
REASON_NOTE = "Generated from hwmodel/forwarding/drop_reason.py by rtl/generate_registers.py: do not edit."
INTRODUCTION = (
    "Words of 32 bits at byte addresses, read and written over AXI4-Lite. Unless the table says otherwise a field is 0",
    "after reset; bits without a field read 0. [switch_core.md](switch_core.md) says when a write takes effect. The",
    "entries of a *staged* table are written in the order of their words: all but the last wait in a stage that the",
    "tables share, and writing the last makes the whole entry at once, in the place that this last address names.",
    "Reading gives the entry as it is in use.",
)
Map = dict[str, Any]


def generated_files() -> dict[Path, str]:
    """Return the text of each generated file by its path."""
    register_map = yaml.safe_load((ROOT / SOURCE).read_text(encoding="utf-8"))
    return {
        ROOT / "rtl/switch_registers.vh": verilog_header(register_map),
        ROOT / "rtl/drop_reasons.vh": reason_header(),
        ROOT / "cocotb_tests/register_map.py": python_module(register_map),
        ROOT / "docs/registers.md": documentation(register_map),
        ROOT / "rtl/switch_registers.h": c_header(register_map, NOTE),
        ROOT / "rtl/switch_registers.rdl": system_rdl(register_map, NOTE, default_parameters()),
    }


def default_parameters() -> dict[str, int]:
    """Return the core's parameters with their defaults, as its Verilog has them."""
    source = (ROOT / "rtl/eth_switch_core.v").read_text(encoding="utf-8")
    return {name: int(number) for name, number in re.findall(r"^    parameter (\w+) = (\d+)", source, re.MULTILINE)}


def guarded(guard: str, note: str, lines: list[str]) -> str:
    """Return a Verilog header that may be included more than once."""
    return "\n".join([f"// {note}", f"`ifndef {guard}", f"`define {guard}", *lines, "`endif", ""])


def verilog_header(register_map: Map) -> str:
    """Return addresses, field positions and reset values as macros."""
    width = register_map["address_bits"]
    lines = []
    for block in register_map["blocks"]:
        name = block["name"]
        lines.append(f"`define REG_{name}_BASE {width}'h{block['base']:04X}")
        if "stride" in block:
            lines.append(f"`define REG_{name}_STRIDE_LOG2 {(block['stride'] - 1).bit_length()}")
        for register in block["registers"]:
            stem = f"REG_{name}_{register['name']}"
            lines.append(f"`define {stem} {width}'h{register['offset']:04X}")
            for field in register["fields"]:
                lines += verilog_field(f"{stem}_{field['name']}", field)
    return guarded("SWITCH_REGISTERS_VH", NOTE, lines)


def verilog_field(stem: str, field: Map) -> list[str]:
    """Return the macros of a field; one as wide as the number of ports has its lowest bit alone."""
    lsb = field.get("lsb", 0)
    lines = [f"`define {stem}_LSB {lsb}"]
    if isinstance(field["width"], int):
        lines.append(f"`define {stem}_W {field['width']}")
        if "reset" in field:
            lines.append(f"`define {stem}_RESET {field['width']}'d{field['reset']}")
    return lines


def reason_header() -> str:
    """Return the drop reasons as macros."""
    return guarded("DROP_REASONS_VH", REASON_NOTE, [f"`define DROP_{reason.name} 8'd{reason}" for reason in DropReason])


def python_module(register_map: Map) -> str:
    """Return a module with the addresses and the fields as plain constants."""
    lines = [f'"""Where the registers of the switch core are.\n\n{NOTE}\n"""', "", "from __future__ import annotations"]
    for block in register_map["blocks"]:
        name = block["name"]
        lines += ["", f"{name}_BASE = 0x{block['base']:04X}"]
        if "stride" in block:
            lines.append(f"{name}_STRIDE = 0x{block['stride']:X}")
        for register in block["registers"]:
            stem = f"{name}_{register['name']}"
            lines.append(f"{stem} = 0x{register['offset']:X}")
            for field in register["fields"]:
                if field["name"] != "VALUE":
                    lines.append(f"{stem}_{field['name']}_LSB = {field.get('lsb', 0)}")
                if "reset" in field:
                    lines.append(f"{stem}_{field['name']}_RESET = 0x{field['reset']:X}")
    return "\n".join([*lines, ""])


def documentation(register_map: Map) -> str:
    """Return the register map as Markdown tables."""
    lines = [
        "# Registers of the switch core",
        "",
        f"<!-- {NOTE} -->",
        "",
        *INTRODUCTION,
    ]
    for block in register_map["blocks"]:
        lines += ["", f"## {block['name']}", "", where(block) + " " + block["text"], ""]
        lines += ["| offset | register | access | bits | field | reset | meaning |", "|---|---|---|---|---|---|---|"]
        for register in block["registers"]:
            lines += [documented_field(register, field) for field in register["fields"]]
    return "\n".join([*lines, ""])


def where(block: Map) -> str:
    """Say in a sentence where a block's entries are."""
    staged = " Staged." if block.get("staged") else ""
    if "stride" not in block:
        return f"At 0x{block['base']:04X}."
    return f"Entry i at 0x{block['base']:04X} + 0x{block['stride']:X} i, for i below {block['count']}.{staged}"


def documented_field(register: Map, field: Map) -> str:
    """Return a row of the table of registers."""
    name = register["name"] + (f"[{register['words']}]" if "words" in register else "")
    lsb = field.get("lsb", 0)
    bits = f"{lsb + field['width'] - 1}:{lsb}" if isinstance(field["width"], int) else f"{field['width']}-1:{lsb}"
    if bits == f"{lsb}:{lsb}":
        bits = str(lsb)
    reset = "" if register["access"] == "ro" and "reset" not in field else f"{field.get('reset', 0)}"
    if field.get("reset", 0) > 0xFFFF:
        reset = f"0x{field['reset']:X}"
    needs = " or ".join(f"`{parameter}`" for parameter in field.get("needs", register.get("needs", ())))
    text = field["text"] + (f" (only with {needs})" if needs else "")
    cells = (f"0x{register['offset']:02X}", name, register["access"], bits, field["name"], reset, text)
    return "| " + " | ".join(cells) + " |"


def main() -> int:
    """Write or check the generated files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; say what is out of date")
    check = parser.parse_args().check
    stale = [
        path
        for path, text in generated_files().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        print(f"{path.relative_to(ROOT)}: " + ("out of date" if check else "written"))
        if not check:
            path.write_text(generated_files()[path], encoding="utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
