"""Write the switch core with an AXI4-Stream of its own for each port, as block designs want it.

`python rtl/generate_streams.py --ports N --output FILE` writes it for N ports; without options, the file in
rtl/wrappers/, for as many as the core has by default. Ports, parameters and their defaults are those of the core.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rtl.generate_registers import default_parameters
from rtl.sources import RTL, TOP

NAME = "eth_switch_streams"
WRAPPER = RTL / "wrappers" / f"{NAME}.v"
FEWEST_PORTS, MOST_PORTS = 2, 17
FIXED = {"PORTS", "PORT_W"}
BEAT_BITS = {"tdata": "[63:0]", "tkeep": "[7:0]"}
LINE_LENGTH = 120
Port = tuple[str, str, str]  # direction, bits, name


def core_ports() -> list[Port]:
    """Return the ports of the core in their order."""
    header = (RTL / f"{TOP}.v").read_text(encoding="utf-8").split(");\n", 1)[0]
    return re.findall(r"^    (input|output) +wire +(\[[^\]]+\])? *(\w+)", header, re.MULTILINE)


def wrapper(n_ports: int) -> str:
    """Return the Verilog for a number of ports."""
    parameters = {name: value for name, value in default_parameters().items() if name not in FIXED}
    ports: list[Port] = []
    ends = []
    streams: list[Port] = []
    for direction, bits, name in core_ports():
        if "_axis_" in name:
            streams.append((direction, BEAT_BITS.get(name.split("_")[2], ""), name))
            ends.append(joined(name, n_ports))
            continue
        # The streams of all ports stand where the core's are, those of a port together.
        ports += of_each_port(streams, n_ports)
        streams = []
        ports.append((direction, bits.replace("PORTS-1", str(n_ports - 1)), name))
        ends.append(f"        .{name}({name})")
    width = max(len(bits) for _, bits, _ in ports)
    declared = [f"    {direction:6} wire {bits:{width}} {name}" for direction, bits, name in ports]
    values = [f"        .{name}({name})" for name in parameters]
    return "\n".join(
        [
            f"// The switch core of {n_ports} ports, each with an AXI4-Stream of its own name in and out. Wiring only.",
            "//",
            f"// Written by rtl/generate_streams.py --ports {n_ports}: do not edit. Port 00 is the uplink, 01 the PF.",
            "",
            "`default_nettype none",
            "",
            f"module {NAME} #(",
            ",\n".join(f"    parameter {name} = {value}" for name, value in parameters.items()),
            ") (",
            ",\n".join(declared),
            ");",
            f"    {TOP} #(",
            ",\n".join([f"        .PORTS({n_ports})", *values]),
            "    ) core (",
            ",\n".join(ends),
            "    );",
            "endmodule",
            "",
            "`default_nettype wire",
            "",
        ]
    )


def of_port(name: str, port: int) -> str:
    """Return a port's signal from the core's: s00_axis_tdata from s_axis_tdata."""
    return f"{name[0]}{port:02}{name[1:]}"


def of_each_port(streams: list[Port], n_ports: int) -> list[Port]:
    """Return the streams of all ports."""
    return [(direction, bits, of_port(name, port)) for port in range(n_ports) for direction, bits, name in streams]


def joined(name: str, n_ports: int) -> str:
    """Return the connection of one of the core's signals to those of all ports, the last one highest."""
    lines = [""]
    for port in reversed(range(n_ports)):
        word = of_port(name, port) + ("," if port else "")
        if len(lines[-1]) + len(word) + 13 > LINE_LENGTH:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join([f"        .{name}({{", *(f"            {line}" for line in lines), "        })"])


def main() -> None:
    """Write the file."""
    default = default_parameters()["PORTS"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    allowed = range(FEWEST_PORTS, MOST_PORTS + 1)
    parser.add_argument("--ports", type=int, default=default, choices=allowed, metavar="N", help=f"default: {default}")
    parser.add_argument("--output", type=Path, default=WRAPPER, metavar="FILE", help=f"default: rtl/wrappers/{NAME}.v")
    arguments = parser.parse_args()
    arguments.output.write_text(wrapper(arguments.ports), encoding="utf-8")


if __name__ == "__main__":
    main()
