"""The published closed form: pcie-bench (Neugebauer et al., SIGCOMM 2018), its transfers and its three adapters.

Kept apart from the product's own closed form, so that its figures can be reproduced as they were published. It differs:
data are counted to the byte; the DLLP share is the overstated one (`dllp_model: pcie_bench`); "a frame" is one sent
plus one received; figures count the bytes of the DMA (frame_bytes - 4); and the number of completions is the transfer
over MPS, whatever the requests. Each step returns its bytes; one place adds them up.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Literal, NamedTuple

from hwmodel.analytic.ceiling import Ceiling, Step, lowest, short_name, step_of, sum_bytes
from hwmodel.analytic.limits_record import Details, Limits
from hwmodel.analytic.traffic import shares
from hwmodel.analytic.transactions import DIRECTIONS
from hwmodel.config import Config, only_server
from hwmodel.errors import InputError
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.pcie_link import DESCRIPTOR_BYTES, REGISTER_BYTES, LinkRate, TlpOverhead, link_rate, tlp_overhead_of
from hwmodel.units import BITS_PER_BYTE, BPS_PER_GBPS

Model = Literal["simple", "kernel", "dpdk"]
Directions = Literal["both", "tx", "rx"]


@dataclass(frozen=True)
class PublishedNic:
    """Hold how many frames share each transaction of a published adapter; 0: the transaction does not happen.

    Sources: for `simple` the paper's section 3; for the 82599 the Intel 82599 data sheet, sections 7.1 and 7.2, and the
    ixgbe and DPDK drivers, as the published model takes them.
    """

    tx_doorbell: int = 1
    tx_fetch: int = 1
    tx_writeback: int = 0
    tx_interrupt: int = 1
    tx_head_read: int = 1
    rx_doorbell: int = 1
    rx_fetch: int = 1
    rx_writeback: int = 1
    rx_interrupt: int = 1
    rx_head_read: int = 1


NICS: dict[str, PublishedNic] = {
    "simple": PublishedNic(),
    "kernel": PublishedNic(
        tx_fetch=40, tx_writeback=8, tx_interrupt=32, rx_doorbell=32, rx_interrupt=32, rx_head_read=8
    ),
    "dpdk": PublishedNic(
        tx_doorbell=32, tx_fetch=40, tx_writeback=8, tx_interrupt=0, tx_head_read=0,
        rx_doorbell=32, rx_interrupt=0, rx_head_read=0,
    ),
}  # fmt: skip


class _Cost(NamedTuple):
    """Hold a step's TLPs and data bytes in each direction, shared by `frames` frames; 0: the step does not happen."""

    up_header: int = 0
    up_tlps: int = 0
    up_data: int = 0
    down_header: int = 0
    down_tlps: int = 0
    down_data: int = 0
    frames: int = 1


@dataclass(frozen=True)
class _Rules:
    overhead: TlpOverhead
    max_payload_bytes: int
    max_read_request_bytes: int
    completion_max_bytes: int

    def write(self, n_bytes: int, frames: int = 1) -> _Cost:
        header = self.overhead.memory_write_bytes
        return _Cost(up_header=header, up_tlps=-(-n_bytes // self.max_payload_bytes), up_data=n_bytes, frames=frames)

    def read(self, n_bytes: int, frames: int = 1) -> _Cost:
        return _Cost(
            up_header=self.overhead.read_request_bytes,
            up_tlps=-(-n_bytes // self.max_read_request_bytes),
            down_header=self.overhead.completion_bytes,
            down_tlps=-(-n_bytes // self.completion_max_bytes),
            down_data=n_bytes,
            frames=frames,
        )

    def doorbell(self, frames: int) -> _Cost:
        header = self.overhead.memory_write_bytes
        return _Cost(down_header=header, down_tlps=1, down_data=REGISTER_BYTES, frames=frames)

    def register_read(self, frames: int) -> _Cost:
        """Let the host read a register of the adapter: the request goes down, its completion up."""
        return _Cost(
            up_header=self.overhead.completion_bytes, up_tlps=1, up_data=REGISTER_BYTES,
            down_header=self.overhead.read_request_bytes, down_tlps=1, frames=frames,
        )  # fmt: skip


def published(
    config: Config, model: Model = "simple", emulate_defect: bool = True, directions: Directions = "both"
) -> Limits:
    """Give the published figures of an adapter on the configured link for the configured frame size.

    Taken from the configuration: generation, lanes, MPS, MRRS, RCB, address size, ECRC, `host.completion_bytes` and
    `workload.frame_bytes`; nothing else. `emulate_defect`: leave out the Rx descriptor's read request, as the published
    program does by an assignment where it should add. `directions`: frames both sent and received, or one of them.
    Raises InputError where the workload has not one frame size, or there is not one adapter with a link; ValueError for
    an unknown model.
    """
    config = only_server(config).config
    if config.pcie.bus is not None:
        raise InputError("the published model is of a link, and the adapter is on a bus (pcie.bus)")
    if model not in NICS:
        raise ValueError(f"published model {model!r}: known are {', '.join(NICS)}")
    if config.workload.frame_bytes is None:
        raise InputError("workload.frame_bytes: the published model is for one frame size")
    n_bytes = config.workload.frame_bytes - FCS_BYTES
    rules, nic = _rules_of(config), NICS[model]
    steps: list[Step] = []
    if directions in ("both", "tx"):
        steps += _steps(_sending(rules, nic, n_bytes))
    if directions in ("both", "rx"):
        steps += _steps(_receiving(rules, nic, n_bytes, emulate_defect))
    link = _published_link(config)
    ceilings = _ceilings(steps, link)
    least = lowest(ceilings)
    rate = least.frames_per_s or Fraction(0)
    return Limits(
        link_name=f"{config.pcie.link_name}, published model {model}",
        raw_gbps=float(link.raw_bps / BPS_PER_GBPS),
        up_bytes=float(sum_bytes(steps, "up")),
        down_bytes=float(sum_bytes(steps, "down")),
        mpps=float(rate / 10**6),
        gbps=float(rate * n_bytes * BITS_PER_BYTE / BPS_PER_GBPS),
        limited_by=short_name(least.resource),
        unloaded_latency_ns=None,
        round_trip_ns=None,
        frames_per_s=rate,
        ceilings=tuple(ceilings),
        link=link,
        sizes=shares([(config.workload.frame_bytes, 1)]),
        find_details=partial(Details, tuple(steps), notes=_notes(emulate_defect and directions != "tx")),
    )


def _sending(rules: _Rules, nic: PublishedNic, n_bytes: int) -> list[tuple[str, _Cost]]:
    return [
        ("Tx doorbell", rules.doorbell(nic.tx_doorbell)),
        ("Tx descriptor read", rules.read(DESCRIPTOR_BYTES * nic.tx_fetch, nic.tx_fetch)),
        ("payload read", rules.read(n_bytes)),
        ("Tx write-back", rules.write(DESCRIPTOR_BYTES * nic.tx_writeback, nic.tx_writeback)),
        ("Tx interrupt", rules.write(REGISTER_BYTES, nic.tx_interrupt)),
        ("Tx head read", rules.register_read(nic.tx_head_read)),
    ]


def _receiving(rules: _Rules, nic: PublishedNic, n_bytes: int, defect: bool) -> list[tuple[str, _Cost]]:
    fetch = rules.read(DESCRIPTOR_BYTES * nic.rx_fetch, nic.rx_fetch)
    return [
        ("Rx doorbell", rules.doorbell(nic.rx_doorbell)),
        ("Rx descriptor read", fetch._replace(up_tlps=0) if defect else fetch),
        ("payload write", rules.write(n_bytes)),
        ("Rx write-back", rules.write(DESCRIPTOR_BYTES * nic.rx_writeback, nic.rx_writeback)),
        ("Rx interrupt", rules.write(REGISTER_BYTES, nic.rx_interrupt)),
        ("Rx head read", rules.register_read(nic.rx_head_read)),
    ]


def _steps(costs: list[tuple[str, _Cost]]) -> list[Step]:
    steps = []
    for name, cost in costs:
        parts = ((cost.up_header, cost.up_tlps, cost.up_data), (cost.down_header, cost.down_tlps, cost.down_data))
        for direction, (header, n_tlps, data) in zip(DIRECTIONS, parts, strict=True):
            if n_tlps and cost.frames:
                per_frame = Fraction(n_tlps, cost.frames), Fraction(data, cost.frames)
                steps.append(step_of(name, direction, header, *per_frame))
    return sorted(steps, key=lambda step: step.direction, reverse=True)


def _ceilings(steps: list[Step], link: LinkRate) -> list[Ceiling]:
    what = f"{float(link.bytes_per_s * BITS_PER_BYTE / BPS_PER_GBPS):.4g} Gb/s for TLPs"
    rows = [("pcie.up", sum_bytes(steps, "up")), ("pcie.down", sum_bytes(steps, "down"))]
    return [Ceiling(name, what, "B", link.bytes_per_s, n_bytes) for name, n_bytes in rows if n_bytes]


def _rules_of(config: Config) -> _Rules:
    pcie = config.pcie
    by_rcb = config.host.completion_bytes == "rcb"
    completion_max = pcie.read_completion_boundary_bytes if by_rcb else pcie.max_payload_bytes
    return _Rules(tlp_overhead_of(pcie), pcie.max_payload_bytes, pcie.max_read_request_bytes, completion_max)


def _published_link(config: Config) -> LinkRate:
    pcie = config.pcie
    return link_rate(pcie.generation, pcie.lanes, pcie.max_payload_bytes, "pcie_bench")


def _notes(has_defect: bool) -> tuple[str, ...]:
    counted = "Gb/s and M frames/s are of each direction of traffic; Gb/s count frame_bytes - 4."
    defect = "As published, the Rx descriptor's read request is missing (a known defect)."
    return (counted, defect) if has_defect else (counted,)
