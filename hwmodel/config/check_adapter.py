"""Check each adapter by itself: its link, and that its rings can hold full batches."""

from __future__ import annotations

from hwmodel.rules.capacities import LANE_CAP
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.function_names import is_pf
from hwmodel.rules.pcie_link import (
    CREDIT_DATA_BYTES,
    MOST_TAGS,
    REGISTER_BYTES,
    TEN_BIT_TAG_GENERATION,
    link_rate_of,
    most_tags,
    tlp_overhead_of,
)
from hwmodel.units import FS_PER_NS, format_bytes, format_time_fs

from .adapter import MODEL_MAX_QUEUES, MODEL_RING_POOL, MODEL_TLPS_ON_LINK, Pcie
from .fill_queues import batches_of
from .findings import Findings
from .frame_lengths import (
    descriptors_of,
    longest_frame,
    mirrored_tag_bytes,
    most_held,
    named_lengths,
    rx_descriptors_in_use,
    slots_of_send,
)
from .model import Config

_TX_BATCHES = ("driver.tx_doorbell_batch", "nic.fetch_batch", "nic.tx_writeback_batch", "driver.tx_interrupt_batch")
_RX_BATCHES = (
    "nic.rx_fetch_batch", "nic.rx_prefetch", "nic.rx_writeback_batch", "driver.rx_interrupt_batch",
    "driver.refill_batch",
)  # fmt: skip


def check_link(config: Config, findings: Findings) -> None:
    """Check flight time, credits, the read latency's distribution, and where frames lie in their buffers."""
    _check_tags(config, findings)
    _check_flight(config, findings)
    _check_credits(config, findings)
    _check_jitter(config, findings)
    _check_buffers(config, findings)
    _check_misses(config, findings)
    _check_host_stall(config, findings)


def _check_tags(config: Config, findings: Findings) -> None:
    if config.pcie.tags > most_tags(config.pcie.generation):
        findings.add(
            f"{config.pcie.tags} reads under way need tags of 10 bits, from generation {TEN_BIT_TAG_GENERATION} on; at "
            f"most {MOST_TAGS} before",
            "pcie.tags",
            "pcie.generation",
        )


def _check_flight(config: Config, findings: Findings) -> None:
    """Report a flight time in which a link can carry more TLPs than a run has room for."""
    pcie = config.pcie
    if pcie.bus is not None:
        return
    least_fs = shortest_tlp_fs(pcie)
    most_fs = MODEL_TLPS_ON_LINK * least_fs - 1
    if pcie.flight_fs > most_fs:
        keys = ["pcie.propagation", "pcie.switch_latency", "pcie.switch_hops"]
        if pcie.flight_fs > 2 * pcie.propagation_fs:
            keys.append(keys.pop(0))
        findings.add(
            f"{format_time_fs(pcie.flight_fs)} each way holds up to {pcie.flight_fs // least_fs + 1} TLPs of this "
            f"link; a run has room for {MODEL_TLPS_ON_LINK}, so for at most {most_fs // FS_PER_NS}ns",
            *keys,
            besides=["pcie.lanes", "pcie.generation"],
        )


def shortest_tlp_fs(pcie: Pcie) -> int:
    """Return how long the shortest TLP takes on a link."""
    overhead = tlp_overhead_of(pcie)
    return int(min(overhead.memory_write_bytes, overhead.completion_bytes) * link_rate_of(pcie).fs_per_byte)


def _check_misses(config: Config, findings: Findings) -> None:
    """Report a miss of the IOMMU's cache that holds back more writes of the link than a run has room for."""
    if config.host.iotlb is None:
        return
    # The shortest posted TLP that can wait for a translation is an interrupt, with 4 bytes of data.
    n_bytes = tlp_overhead_of(config.pcie).memory_write_bytes + REGISTER_BYTES
    least_fs = int(n_bytes * link_rate_of(config.pcie).fs_per_byte)
    miss_fs, most_fs = config.host.iotlb.miss_fs, (LANE_CAP - 1) * least_fs - 1
    if miss_fs > most_fs:
        findings.add(
            f"{format_time_fs(miss_fs)} holds back up to {miss_fs // least_fs + 1} writes of this link; a run has room "
            f"for {LANE_CAP - 1}, so for at most {most_fs // FS_PER_NS}ns",
            "host.iotlb.miss", besides=["pcie.lanes", "pcie.generation"],
        )  # fmt: skip


def _check_credits(config: Config, findings: Findings) -> None:
    pcie, credits = config.pcie, config.pcie.credits
    least = pcie.max_payload_bytes // CREDIT_DATA_BYTES
    payload = format_bytes(pcie.max_payload_bytes)
    if 0 < credits.pd < least:
        findings.add(
            f"{credits.pd} credits of 16 B never let a write of max_payload {payload} go; {least} or more, or 0 for "
            "infinite",
            "pcie.credits.pd",
            "pcie.max_payload",
        )
    if config.host.completion_bytes == "rcb":
        least = pcie.read_completion_boundary_bytes // CREDIT_DATA_BYTES
        payload = format_bytes(pcie.read_completion_boundary_bytes)
    if 0 < credits.cpld < least:
        findings.add(
            f"{credits.cpld} credits of 16 B never let a completion of {payload} come; {least} or more, or 0 for "
            "infinite",
            "pcie.credits.cpld",
            "pcie.max_payload",
            besides=["host.completion_bytes", "pcie.read_completion_boundary"],
        )


def _check_jitter(config: Config, findings: Findings) -> None:
    jitter = config.host.jitter
    for kind, key, example in (("uniform", "range", "100ns"), ("histogram", "bins", "[[0ns, 9], [300ns, 1]]")):
        if jitter.kind == kind and jitter.value_of(key) is None:
            findings.add(f"kind: {kind} needs {key}, like {key}: {example}", "host.jitter.kind", f"host.jitter.{key}")


def _check_host_stall(config: Config, findings: Findings) -> None:
    stall = config.host.stall
    if stall is None:
        return
    if (stall.every_fs is None) == (stall.at_fs is None):
        given = "neither" if stall.at_fs is None else "both"
        findings.add(f"{given} of every and at; write {{every: 10ms, for: 200us}}, or at: 5ms for one", "host.stall")
    elif stall.every_fs is not None and stall.length_fs >= stall.every_fs:
        findings.add(
            f"stalls of {format_time_fs(stall.length_fs)} each {format_time_fs(stall.every_fs)} leave cores no time",
            "host.stall.for",
            "host.stall.every",
        )


def _check_buffers(config: Config, findings: Findings) -> None:
    host = config.host
    if host.buffer_offset_bytes >= host.buffer_bytes:
        findings.add(
            f"{format_bytes(host.buffer_offset_bytes)} is not within a buffer of {format_bytes(host.buffer_bytes)}",
            "host.buffer_offset",
            "host.buffer_bytes",
        )


def _pfs(config: Config) -> str:
    n_pfs = sum(is_pf(port.name) for port in config.switch.ports)
    return "the PF" if n_pfs == 1 else f"{n_pfs} PFs"


def check_capacity(config: Config, findings: Findings) -> None:
    """Check that the model has room for the adapter's queues and rings."""
    nic, n_queues = config.nic, config.n_queues
    if n_queues > MODEL_MAX_QUEUES:
        findings.add(
            f"{nic.vfs} VFs and {_pfs(config)} with {nic.queues_per_vf} queues each are {n_queues}; the model has room "
            f"for {MODEL_MAX_QUEUES}",
            "nic.queues_per_vf",
            "nic.vfs",
            besides=["port.count"],
        )
        return
    most = MODEL_RING_POOL // n_queues
    for key in ("nic.tx_ring", "nic.rx_ring"):
        ring = config.value_of(key)
        if ring > most:
            findings.add(
                f"{ring} descriptors in each of {n_queues} rings; the model has room for {most}",
                key,
                besides=["nic.vfs", "nic.queues_per_vf"],
            )


def check_batches(config: Config, findings: Findings) -> None:
    """Check the batches of each driver, and the adapter's with them, against rings."""
    _check_batches(config, findings, "driver")
    for name in config.driver.vms:
        _check_batches(config.for_function(name), findings, f"driver.vms.{name}")


def _check_batches(config: Config, findings: Findings, driver: str) -> None:
    """Check the batches of one driver, and the adapter's with them; `driver`: the key of its block."""
    for ring_key, batch_keys in (("nic.tx_ring", _TX_BATCHES), ("nic.rx_ring", _RX_BATCHES)):
        ring = config.value_of(ring_key)
        too_large = [key for key in batch_keys if config.value_of(key) >= ring]
        for key in too_large:
            whole = _of_driver(key, driver)
            findings.add(
                f"{whole} {config.value_of(key)} never comes together: {ring_key} {ring} holds at most {ring - 1}",
                whole,
                ring_key,
            )
        if not too_large:
            _check_stall(config, findings, ring_key, ring, driver)


def _of_driver(key: str, driver: str) -> str:
    """Return a key of `driver` as this driver's own, like driver.vms.vf1; other keys are the same for all."""
    return f"{driver}{key.removeprefix('driver')}" if key.startswith("driver.") else key


def _check_stall(config: Config, findings: Findings, ring_key: str, ring: int, driver: str) -> None:
    """Find rings that can stop for ever: full of descriptors, all waiting for batches that can no longer fill."""
    nic = config.nic
    keys: tuple[str, ...]
    if ring_key == "nic.tx_ring":
        is_timed = nic.writeback_timeout_fs is not None and not nic.reports_last
        first = 1 if is_timed else nic.tx_writeback_batch
        interrupt = max(config.driver.tx_interrupt_batch, 1)
        held, needed = most_held(first, interrupt, 1), 1
        if config.sends_cut_by is not None:  # the next step needs room for all slots of a send
            held, needed = first - 1 + interrupt - 1, slots_of_send(config)
        keys = ("nic.tx_writeback_batch", "driver.tx_interrupt_batch")
    else:
        held, needed = rx_descriptors_in_use(config, {descriptors_of(config, n) for n, _ in named_lengths(config)})
        keys = ("nic.rx_writeback_batch", "driver.rx_interrupt_batch", "driver.refill_batch", "nic.rx_fetch_batch")
    if needed < ring <= held + needed:
        keys = tuple(_of_driver(key, driver) for key in keys)
        named = " and ".join(key.partition(".")[2] for key in keys)
        findings.add(
            f"a ring of {ring} can stop for ever: {named} hold back up to {held} of its {ring - 1} descriptors, and "
            f"the next step needs {needed}; {held + needed + 1} or more are enough",
            ring_key,
            *keys,
            besides=["nic.writeback_timeout", f"{driver}.moderation", "nic.rx_prefetch", "host.buffer_bytes",
                     "host.buffer_offset"],
        )  # fmt: skip


def check_caches(config: Config, findings: Findings) -> None:
    """Check what is fetched at once against the adapter's cache of descriptors."""
    cache = config.nic.descriptor_cache
    for key in ("nic.fetch_batch", "nic.rx_fetch_batch", "nic.rx_prefetch"):
        value = config.value_of(key)
        if value > cache:
            findings.add(
                f"{key} {value} does not fit into nic.descriptor_cache {cache}",
                key,
                "nic.descriptor_cache",
            )


def check_thresholds(config: Config, findings: Findings) -> None:
    """Check thresholds against data sheets and drivers, and that batches written beside them agree with them."""
    nic = config.nic
    sent = nic.txdctl
    if sent is not None and sent.pthresh + sent.wthresh > nic.descriptor_cache:
        findings.add(
            f"PTHRESH {sent.pthresh} and WTHRESH {sent.wthresh} are more than the {nic.descriptor_cache} descriptors "
            "of a ring on the chip (Intel X550 data sheet, 7.2.3.4.1)",
            "nic.txdctl.pthresh",
            "nic.txdctl.wthresh",
            "nic.descriptor_cache",
            besides=["nic.txdctl"],
        )
    if sent is not None and sent.wthresh > 0 and sent.rs > 1:
        findings.add(
            f"RS in each {sent.rs}th frame means nothing with WTHRESH {sent.wthresh}: RS above 1 needs WTHRESH 0 (DPDK "
            "ixgbe: tx_rs_thresh)",
            "nic.txdctl.rs",
            "nic.txdctl.wthresh",
            besides=["nic.txdctl"],
        )
    plain = {name: None if block is None else dict(block) for name, block in
             (("txdctl", sent), ("rxdctl", nic.rxdctl))}  # fmt: skip
    for key, batch in batches_of(plain, nic.descriptor_cache).items():
        value = config.value_of(f"nic.{key}")
        if value != batch:
            block = "rxdctl" if key.startswith("rx_") else "txdctl"
            findings.add(
                f"nic.{key} {value} is not the {batch} that nic.{block} stands for; write one of both",
                f"nic.{key}",
                f"nic.{block}",
                besides=["nic.descriptor_cache"],
            )


def check_packet_buffers(config: Config, findings: Findings) -> None:
    """Check that packet buffers hold the longest frame, and a mirrored copy of it."""
    if config.switches_in_memory:  # no frame enters the adapter's buffers
        return
    n_bytes, length_key = longest_frame(config, at_adapter=True)
    for key in ("nic.tx_buffer", "nic.rx_buffer"):
        buffer_bytes = config.value_of(key)
        if n_bytes > buffer_bytes:
            findings.add(f"{format_bytes(buffer_bytes)} does not hold a frame of {n_bytes} B", key, length_key)
    n_mirrored = n_bytes - FCS_BYTES + mirrored_tag_bytes(config)
    if n_bytes <= config.nic.rx_buffer_bytes < n_mirrored:
        findings.add(
            f"{format_bytes(config.nic.rx_buffer_bytes)} does not hold the mirrored copy, with its tags, of a frame of "
            f"{n_bytes} B: {n_mirrored} B",
            "nic.rx_buffer",
            length_key,
            besides=["switch.mirrors"],
        )


def check_descriptors_of_a_frame(config: Config, findings: Findings) -> None:
    """Find frames that take more Rx descriptors than a ring or the adapter's cache can ever hold."""
    ring, cache = config.nic.rx_ring, config.nic.descriptor_cache
    room = config.host.buffer_bytes - config.host.buffer_offset_bytes
    for key, most, holder, (n_bytes, length_key) in (
        ("nic.rx_ring", ring - 1, f"nic.rx_ring {ring}", longest_frame(config)),
        ("nic.descriptor_cache", cache, f"nic.descriptor_cache {cache}", longest_frame(config, at_adapter=True)),
    ):
        n_descriptors = descriptors_of(config, n_bytes)
        if n_descriptors > most and not (config.switches_in_memory and key == "nic.descriptor_cache"):
            findings.add(
                f"a frame of {n_bytes} B takes {n_descriptors} Rx descriptors, one for each {room} B of a buffer "
                f"(host.buffer_bytes less host.buffer_offset); {holder} holds at most {most}",
                length_key,
                "host.buffer_bytes",
                "host.buffer_offset",
                key,
                besides=["switch.ports"],
            )


# Batches and frames against the rings, caches and buffers that hold them.
RING_CHECKS = (check_batches, check_caches, check_thresholds, check_packet_buffers, check_descriptors_of_a_frame)
