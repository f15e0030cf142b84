"""Write docs/validation.md: every measured or published figure beside the model's, with the error.

python -m benches.validation            writes docs/validation.md
python -m benches.validation --print    prints it
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from benches import nfp6000, pci_x_card, virtual_switches
from benches.nfp6000 import CONFIG, ROOT, Figure
from benches.pcie import HARDWARE_GBPS, PLATEAU_BYTES
from hwmodel.config import config_from_mapping
from hwmodel.simulation.run.dma import bandwidth_gbps

PAGE = ROOT / "docs" / "validation.md"
HEAD = ROOT / "benches" / "validation_head.md"  # what was fitted, in words
# Gen3 x8, MPS 256: write, read, both; the analytic model that pcie-bench publishes.
PUBLISHED = {64: (42.10, 44.10, 33.08), 256: (52.92, 53.69, 48.75), 1500: (52.81, 53.60, 50.60)}
VIRTUAL_SWITCHES = (
    "`host.virtual_switch.preset` ([virtual_switch.md](virtual_switch.md#presets)): points that a preset is *fitted* "
    "to, that it is only *compared* with (within 25 %), and that it does *not claim*, with the conditions of each. "
    "Whoever chose the times knew all of these points: *compared* says that a point is met with numbers chosen for "
    "others, not that it was unseen. One core switches, with a thread for each VM in the kernel's presets. A chain of "
    "VMs: frames come by the port, go from VM to VM, and leave; the rate is theirs, not that of frames passed. Flows "
    "are connections. `ovs_dpdk` and the batches of `linux_bridge_vhost` are measured on processors that are known; of "
    "`ovs_kernel` the points come from two processors; `vds` is partly second-hand, and for `hyper_v` there is one "
    "measurement among rules of thumb. `pointer` is a textbook's sentence: nothing that was measured is claimed for "
    "it."
)
TURNS = (
    "How rates change in what is published, and in the model. Of pairs of VMs with `ovs_kernel` the direction alone is "
    "claimed, not the size ([why](virtual_switch.md#threads-of-vms)):"
)
PCI_X_CARD = (
    "Application data by one to four ports of HP's AB545A in an rx4640, both ways at once ('Performance and "
    "Recommended Use of AB545A 4-Port Gigabit Ethernet Cards', page 8), beside [a model of it]"
    "(pcie.md#a-shared-bus): each port is an adapter on one PCI-X bus of 64 bits, the card's own, and gets as many "
    "frames as it sends, as HP says of its own. **Not claimed**: at 133 MHz, the slot's clock, the model gives 27 and "
    "35 % more than HP has with three and four ports, and what costs that much on the card is not known. At 100 MHz it "
    "is within 6 %: a bridge and two controllers are three loads, too many for 133 MHz; but no source was found that "
    "says the card is built so, and the read latency, 3.2 us, was fitted there, to two ports."
)
LINK = {"generation": 3, "lanes": 8, "max_payload": "256B", "max_read_request": "512B", "tags": 256}


def summary(figures: Sequence[Figure]) -> Iterator[str]:
    """Give the table of errors by group and operation."""
    yield "| figures | operation | n | median off % | worst off % | where |"
    yield "|---|---|---|---|---|---|"
    for group in dict.fromkeys(figure.group for figure in figures):
        for operation in dict.fromkeys(figure.operation for figure in figures if figure.group == group):
            of_both = [one for one in figures if (one.group, one.operation) == (group, operation)]
            worst = max(of_both, key=lambda one: abs(one.off_percent))
            middle = median(abs(one.off_percent) for one in of_both)
            errors = f"{middle:.1f} | {worst.off_percent:+z.1f}"
            yield f"| {group} | {operation.replace('_', ', ')} | {len(of_both)} | {errors} | {_place(worst)} |"


def _place(figure: Figure) -> str:
    window = "" if figure.window_bytes is None else f" in {figure.window_bytes >> 10} KiB"
    return f"{figure.n_bytes} B{window}"


def details(figures: Iterable[Figure], unit: str) -> Iterator[str]:
    """Give every figure, one table for each group."""
    figures = list(figures)
    for group in dict.fromkeys(figure.group for figure in figures):
        yield from ("", f"### {group[0].upper()}{group[1:]}", "")
        yield from (f"| operation | where | measured {unit} | model {unit} | off % |", "|---|---|---|---|---|")
        for one in figures:
            if one.group == group:
                name = one.operation.replace("_", ", ")
                yield f"| {name} | {_place(one)} | {one.measured:.2f} | {one.model:.2f} | {one.off_percent:+z.1f} |"


def published() -> Iterator[Figure]:
    """Give the published analytic figures, and the plateaus that hardware reached on another model of DLLPs."""
    config = config_from_mapping({"pcie": {**LINK, "dllp_model": "pcie_bench"}})
    for n_bytes, row in PUBLISHED.items():
        for operation, gbps in zip(("write", "read", "both"), row, strict=True):
            model = bandwidth_gbps(config, n_bytes, operation)
            yield Figure("published model, Gen3 x8", operation, n_bytes, None, gbps, model)
    config = config_from_mapping({"pcie": {**LINK, "dllp_model": "tlp4"}})
    for operation, gbps in HARDWARE_GBPS.items():
        model = bandwidth_gbps(config, PLATEAU_BYTES, operation)
        yield Figure("plateau of hardware, ideal adapter and host", operation, PLATEAU_BYTES, None, gbps, model)


def page() -> str:
    """Return the page."""
    sizes, windows = list(nfp6000.by_size()), list(nfp6000.by_window())
    medians, tails = zip(*nfp6000.latencies(), strict=True)
    own = list(published())
    bandwidths, times = [*sizes, *windows, *own], [*medians, *tails, *nfp6000.other_hosts()]
    lines = [HEAD.read_text(encoding="utf-8"), "## Errors", "", *summary([*bandwidths, *times]), ""]
    lines += ["## Virtual switches", "", VIRTUAL_SWITCHES, "", *virtual_switches.table(), ""]
    lines += [TURNS, "", *virtual_switches.turns(), ""]
    lines += ["## Four ports on PCI-X", "", PCI_X_CARD, "", *pci_x_card.table(), "", "## Figures"]
    lines += [*details(bandwidths, "Gb/s"), *details(times, "ns")]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> None:
    """Write the page, or print it."""
    text = page()
    if {"--print", "--quick"} & set(arguments):
        sys.stdout.write(text)
    else:
        PAGE.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{PAGE.relative_to(ROOT)}, for {CONFIG.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
