"""Four Gigabit ports on a PCI-X bus, both ways at once: what HP published of the AB545A beside the model's.

python -m benches.pci_x_card         prints the table that docs/validation.md has too
python -m benches.pci_x_card --quick one port alone: shows that it works
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benches.nfp6000 import ROOT
from hwmodel.config import load_config
from hwmodel.results import SystemResult
from hwmodel.simulation import simulate_on_one_core as simulate

CONFIG = ROOT / "configs" / "pci_x_quad_port.yaml"
# HP, "Performance and Recommended Use of AB545A 4-Port Gigabit Ethernet Cards", page 8, figure 6: Mb/s of application
# data by 1, 2, 3 and 4 ports of a card in an rx4640, frames of 1500 B.
PUBLISHED_MBPS = (1890, 3203, 3767, 4012)
PAYLOAD, FRAME = 1460, 1518  # of application data in a frame: headers of IPv4 and TCP apart
# Of the card's own bus: the slot's, at which the model is far above what HP has with three and four ports, and that of
# three loads (the configuration's), which no source says the card has.
CLOCKS_MHZ = (133, 100)
LINE_GBPS = 0.986  # frame bits of a full Gigabit line, 20 B a frame apart
NEAR, STEPS = 0.02, 4


def application_gbps(n_ports: int, run: Callable[[Any], Any] = simulate, clock_mhz: int = CLOCKS_MHZ[-1]) -> float:
    """Return the application data of so many ports both ways, as much coming in as goes out."""
    inward = min(LINE_GBPS * n_ports, PUBLISHED_MBPS[n_ports - 1] / 2e3 * FRAME / PAYLOAD)
    outward = inward
    for _ in range(STEPS):
        result = run(_config(n_ports, inward, clock_mhz))
        assert isinstance(result, SystemResult)
        outward, received = (sum(getattr(one, name) for one in result.adapters) for name in ("tx_gbps", "rx_gbps"))
        if abs(outward - inward) <= NEAR * inward or (outward > inward > LINE_GBPS * n_ports * (1 - NEAR)):
            break
        inward = min(LINE_GBPS * n_ports, (outward + inward) / 2)
    return float(outward + received) * PAYLOAD / FRAME


def _config(n_ports: int, inward_gbps: float, clock_mhz: int) -> Any:
    ports = [{"name": f"p{number}"} for number in range(n_ports)]
    own = {
        "servers": [{"name": "a", "adapters": ports}],
        "workload.external.rate": f"{round(inward_gbps * 1000)}Mbps",
        "run.warmup": "3ms",
        "run.duration": "10ms",
        "run.clocks": "exact",
        "pcie.bus.clock_mhz": clock_mhz,
    }
    return load_config(CONFIG, own)


def table(published_mbps: Sequence[int] = PUBLISHED_MBPS) -> Iterator[str]:
    """Give the published rates, of so many ports, beside the model's."""
    clocks = " | ".join(f"model at {clock_mhz} MHz, Gb/s | off %" for clock_mhz in CLOCKS_MHZ)
    yield f"| ports | published Gb/s | {clocks} |"
    yield "|---" * (2 + 2 * len(CLOCKS_MHZ)) + "|"
    for n_ports, mbps in enumerate(published_mbps, start=1):
        found = [application_gbps(n_ports, clock_mhz=clock_mhz) for clock_mhz in CLOCKS_MHZ]
        cells = " | ".join(f"{gbps:.3f} | {100 * (gbps * 1e3 / mbps - 1):+z.1f}" for gbps in found)
        yield f"| {n_ports} | {mbps / 1e3:.3f} | {cells} |"


def main(arguments: Sequence[str]) -> None:
    """Print the table."""
    for line in table(PUBLISHED_MBPS[:1] if "--quick" in arguments else PUBLISHED_MBPS):
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
