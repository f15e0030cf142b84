"""The register map for software and for other tools: a C header, and SystemRDL 2.0 with the default parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Map = dict[str, Any]
# SystemRDL has no access that depends on the field's owner here: software reads, or reads and writes.
RDL_ACCESS = {"ro": ("r", "w"), "rw": ("rw", "r")}


def c_header(register_map: Map, note: str) -> str:
    """Return addresses, strides, field positions, masks and reset values as C macros.

    Of a field as wide as the number of ports, only the position is there.
    """
    lines = [f"/* {note} */", "#ifndef SWITCH_REGISTERS_H", "#define SWITCH_REGISTERS_H", ""]
    for block in register_map["blocks"]:
        stem = f"SWITCH_{block['name']}"
        lines.append(f"#define {stem}_BASE 0x{block['base']:04X}u")
        if "stride" in block:
            lines.append(f"#define {stem}_STRIDE 0x{block['stride']:X}u")
        for register in block["registers"]:
            name = f"{stem}_{register['name']}"
            at = f"{stem}_BASE + 0x{register['offset']:X}u"
            index = f" + {stem}_STRIDE * (i)" if "stride" in block else ""
            number = " + 4u * (n)" if "words" in register else ""
            arguments = ", ".join((["i"] if index else []) + (["n"] if number else []))
            lines.append(f"#define {name}{f'({arguments})' if arguments else ''} ({at}{index}{number})")
            for field in register["fields"]:
                lines += _c_field(f"{name}_{field['name']}", field)
        lines.append("")
    return "\n".join([*lines, "#endif", ""])


def _c_field(stem: str, field: Map) -> list[str]:
    lsb = field.get("lsb", 0)
    lines = [f"#define {stem}_LSB {lsb}u"]
    if isinstance(field["width"], int):
        lines.append(f"#define {stem}_MASK 0x{(1 << field['width']) - 1 << lsb:08X}u")
    if "reset" in field:
        lines.append(f"#define {stem}_RESET 0x{field['reset']:X}u")
    return lines


def system_rdl(register_map: Map, note: str, parameters: Mapping[str, int]) -> str:
    """Return the map as an address map of SystemRDL 2.0; `parameters` are those that its sizes name."""
    lines = [f"// {note}", "// Numbers of entries are those of the core's default parameters.", ""]
    lines += ["addrmap eth_switch {", '    name = "Registers of the switch core";']
    lines += ["    default regwidth = 32;", "    default accesswidth = 32;"]
    for block in register_map["blocks"]:
        lines += ["", "    regfile {", f"        desc = {_quoted(block['text'])};"]
        for register in block["registers"]:
            lines += _rdl_register(register, parameters)
        entries = f"[{parameters[block['count']]}]" if "stride" in block else ""
        stride = f" += 0x{block['stride']:X}" if "stride" in block else ""
        lines.append(f"    }} {block['name']}{entries} @ 0x{block['base']:04X}{stride};")
    return "\n".join([*lines, "};", ""])


def _rdl_register(register: Map, parameters: Mapping[str, int]) -> list[str]:
    software, hardware = RDL_ACCESS[register["access"]]
    lines = ["        reg {"]
    for field in register["fields"]:
        lsb = field.get("lsb", 0)
        width = field["width"] if isinstance(field["width"], int) else parameters[field["width"]]
        reset = field.get("reset", 0) if register["access"] == "rw" or "reset" in field else None
        # What only hardware writes, and what is fixed.
        writes = "na" if register["access"] == "ro" and reset is not None else hardware
        lines += [
            f"            field {{ desc = {_quoted(field['text'])}; sw = {software}; hw = {writes}; }} "
            f"{field['name']}[{lsb + width - 1}:{lsb}]{'' if reset is None else f' = 0x{reset:X}'};"
        ]
    words = register.get("words")
    number = f"[{parameters.get(words, words)}]" if words is not None else ""
    return [*lines, f"        }} {register['name']}{number} @ 0x{register['offset']:X}{' += 0x4' if number else ''};"]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
