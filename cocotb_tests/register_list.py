"""Every register word of a core of given parameters, from rtl/registers.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from cocotb_tests import register_map
from cocotb_tests.core_registers import CoreParameters
from cocotb_tests.places import RTL


@dataclass(frozen=True)
class Word:
    """A word of the map. `table`: the staged table that it belongs to; `is_last`: its write makes the entry."""

    name: str
    address: int
    is_writable: bool
    mask: int
    reset: int
    table: str | None = None
    is_last: bool = False


def read_map() -> Any:
    """Return rtl/registers.yaml as it is."""
    return yaml.safe_load((RTL / "registers.yaml").read_text(encoding="utf-8"))


def is_built(what: Any, values: Mapping[str, int]) -> bool:
    """Tell whether a core of some parameters has a register or a field of the map."""
    needed = what.get("needs", ())
    return not needed or any(values[name] for name in needed)


def all_words(parameters: CoreParameters) -> list[Word]:
    """Return the words of all blocks, entries and registers."""
    values = parameters.verilog()

    def size(what: int | str) -> int:
        return values[what] if isinstance(what, str) else what

    words = []
    for block in read_map()["blocks"]:
        for entry in range(size(block.get("count", 1))):
            for register in block["registers"]:
                if not is_built(register, values):
                    continue
                mask = reset = 0
                for field in register["fields"]:
                    if not is_built(field, values):
                        continue
                    lsb, width = field.get("lsb", 0), size(field["width"])
                    mask |= ((1 << width) - 1) << lsb
                    # What the core is, it says by the parameter of the field's or the register's name.
                    said = values.get(field["name"], values.get(register["name"], 0))
                    reset |= field.get("reset", said if block["name"] == "CORE" else 0) << lsb
                base = block["base"] + entry * block.get("stride", 0) + register["offset"]
                words += [
                    Word(
                        f"{block['name']}[{entry}].{register['name']}[{i}]",
                        base + 4 * i,
                        register["access"] == "rw",
                        mask,
                        reset,
                        block["name"] if block.get("staged") else None,
                        register is block["registers"][-1],
                    )
                    for i in range(size(register.get("words", 1)))
                ]
    return words


def kept(word: Word, data: int) -> int:
    """Say what a word holds after a write of its own or, in a table, of its entry's last word."""
    # A quantum without bytes would keep a queue waiting for ever.
    if word.address & 0xF000 == register_map.PORT_BASE and ".QUANTUM" in word.name:
        return data & word.mask or 1
    return data & word.mask
