"""The picture of the table: throughput by frame size, a panel for each link."""

from __future__ import annotations

from collections.abc import Sequence

from benches.pictures import picture, write_picture
from benches.sweep_rows import Row
from benches.vm_to_vm.page import LINKS, link_name, link_of, n_senders
from benches.vm_to_vm.published import published
from hwmodel.report.figures import BLUE, GREY, INK, ORANGE, VERMILION

NAME = "vm_to_vm"
SHOWN = ((1, ORANGE), (2, VERMILION), (8, BLUE))  # from four VMs on nothing changes


def draw(rows: Sequence[Row]) -> None:
    """Write docs/pictures/vm_to_vm.svg."""
    with picture(NAME, 2, 2, 7.2, 5.0) as (figure, panels):
        for axes, link in zip(panels, LINKS, strict=True):
            of_link = [row for row in rows if link_of(row) == link]
            for n, colour in SHOWN:
                of_n = sorted(
                    (row for row in of_link if n_senders(row) == n), key=lambda row: row["workload.frame_bytes"]
                )
                sizes = [row["workload.frame_bytes"] for row in of_n]
                axes.plot(sizes, [row["closed_form.gbps"] for row in of_n], "-", color=colour, linewidth=1)
                label = f"{n} VM{'s' * (n > 1)}, simulated (line: closed form)"
                axes.plot(sizes, [row["totals.gbps"] for row in of_n], "o", color=colour, markersize=4, label=label)
            measured = [one for one in published() if one.link == link and one.source == "a" and one.frame_bytes >= 64]
            if measured:
                axes.plot(
                    [one.frame_bytes for one in measured], [float(one.gbps) for one in measured], "x", color=GREY,
                    markersize=3, label="DMA copies, measured (NFP-6000)",
                )  # fmt: skip
            axes.set_xscale("log", base=2)
            axes.set_xticks([64, 256, 1024, 4096], ["64", "256", "1,024", "4,096"])
            axes.set_ylim(bottom=0)
            axes.set_title(link_name(link), fontsize=9, color=INK)
            axes.set_xlabel("frame, B")
            axes.set_ylabel("Gb/s")
        handles, labels = panels[-1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False)
        write_picture(NAME, figure, "Throughput from VM to VM by frame size on four links, in Gb/s")
