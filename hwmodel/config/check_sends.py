"""Check sends that the adapter cuts into frames, frames that it coalesces, and headers that it splits off."""

from __future__ import annotations

from hwmodel.units import format_bytes

from .adapter import MODEL_PLACES, PLACES_A_DESCRIPTOR
from .findings import Findings
from .frame_lengths import descriptors_of_send
from .kinds import LONGEST_FRAME_BYTES
from .model import Config
from .workload import lengths_of_send

_SEGMENT = "workload.segment_bytes"
_MOST_TX_BUFFER_BYTES = 4 << 20  # full of frames with 64 B of payload, for which the model's queues have room


def check_sends(config: Config, findings: Findings) -> None:
    """Check that the adapter can cut sends (TSO), and can coalesce or split received frames as configured."""
    if config.sends_cut_by == "adapter":
        if not config.nic.tso:
            findings.add(
                "the adapter cuts no sends (nic.tso: false); workload.frame_bytes: 1518 sends frame by frame",
                _SEGMENT,
                "nic.tso",
            )
        _check_rings(config, findings)
        _check_tx_buffer(config, findings)
    elif config.sends_cut_by == "switch":
        _check_uplink_ring(config, findings)
    _check_receives(config, findings)


def check_segments(config: Config, findings: Findings) -> None:
    """Check the `workload` block's own keys of sends."""
    workload = config.workload
    if workload.segment_bytes is None:
        for key in ("mss",) if config.nic.rsc or config.nic.header_split_bytes else ("mss", "header_bytes"):
            if workload.value_of(key) is not None:
                findings.add(
                    f"{key} is of sends that the adapter cuts; it needs segment_bytes, like segment_bytes: 64KiB",
                    f"workload.{key}",
                    _SEGMENT,
                )
        return
    if workload.pcap is not None:
        findings.add("sends are made up; a pcap has frames", _SEGMENT, "workload.pcap")
    elif workload.pattern is None:
        findings.add("with pattern: none no VM sends; segment_bytes goes with a pattern", _SEGMENT, "workload.pattern")
    else:
        _check_lengths(config, findings)


def _check_lengths(config: Config, findings: Findings) -> None:
    workload = config.workload
    assert workload.segment_bytes and workload.mss_bytes and workload.header_bytes, "they are filled in together"
    cut = lengths_of_send(workload.segment_bytes, workload.mss_bytes, workload.header_bytes)
    longest = max(n_bytes for n_bytes, _ in cut)
    if longest > LONGEST_FRAME_BYTES:
        findings.add(
            f"a payload of {longest - workload.header_bytes - 4} B makes frames of {longest} B, with header and FCS; "
            f"the longest has {LONGEST_FRAME_BYTES} B",
            "workload.mss",
            _SEGMENT,
            "workload.header_bytes",
        )
        return
    expected = [list(entry) for entry in cut]
    given = [list(entry) for entry in workload.sizes or ()] or [[workload.frame_bytes or 0, expected[0][1]]]
    if given != expected:
        findings.add(
            "segment_bytes, mss and header_bytes say how long frames are; write neither frame_bytes nor sizes beside",
            "workload.frame_bytes" if workload.sizes is None else "workload.sizes",
            _SEGMENT,
        )


def _check_rings(config: Config, findings: Findings) -> None:
    """Check that all descriptors of a send fit into a Tx ring, and into its descriptor cache."""
    nic, n = config.nic, descriptors_of_send(config)
    if n > nic.tx_ring - 1:
        findings.add(
            f"a send takes {n} descriptors; nic.tx_ring {nic.tx_ring} holds at most {nic.tx_ring - 1}",
            "nic.tx_ring",
            _SEGMENT,
        )
    needed = n - 1 + nic.fetch_batch
    if needed > nic.descriptor_cache:
        findings.add(
            f"a send takes {n} descriptors, and with {n - 1} of them cached the next {nic.fetch_batch} "
            f"(nic.fetch_batch) are not fetched into {nic.descriptor_cache}; {needed} or more are enough",
            "nic.descriptor_cache",
            "nic.fetch_batch",
            _SEGMENT,
        )
    elif nic.shared_descriptor_cache is not None:
        own = config.virtual_switch
        n_rings = 2 * (config.n_queues if own is None else own.n_uplink_rings * config.n_legs)
        share = max(n if own is None else 1, nic.shared_descriptor_cache // n_rings)
        if share < needed:
            findings.add(
                f"a send takes {n} descriptors, and with {n - 1} of them cached the next {nic.fetch_batch} "
                f"(nic.fetch_batch) are not fetched into the {share} that each of {n_rings} rings may have; "
                f"{needed * n_rings} or more are enough",
                "nic.shared_descriptor_cache",
                "nic.fetch_batch",
                _SEGMENT,
            )


def _check_uplink_ring(config: Config, findings: Findings) -> None:
    """Check that all frames that a core cuts of a send fit into a Tx ring of the uplink."""
    n, ring = config.workload.frames_a_send, config.nic.tx_ring
    if n > ring - 1:
        findings.add(
            f"a segment is cut into {n} frames, which are posted together; nic.tx_ring {ring} holds at most {ring - 1} "
            "(nic.tso: true takes a few descriptors)",
            "nic.tx_ring",
            _SEGMENT,
            "nic.tso",
        )


def _check_tx_buffer(config: Config, findings: Findings) -> None:
    """Check that the Tx buffer holds what one pick takes of a send: a frame, and those whole in its last read."""
    workload, nic = config.workload, config.nic
    assert workload.segment_bytes and workload.mss_bytes and workload.header_bytes, "they are filled in together"
    most = 1 + (config.pcie.max_read_request_bytes - 1) // workload.mss_bytes
    n_frames = min(most, workload.frames_a_send)
    n_bytes = n_frames * (workload.header_bytes + min(workload.mss_bytes, workload.segment_bytes))
    if n_frames > 1 and n_bytes > nic.tx_buffer_bytes:
        findings.add(
            f"{format_bytes(nic.tx_buffer_bytes)} does not hold the {n_frames} frames, {n_bytes} B, that one read of "
            "a send may bring",
            "nic.tx_buffer",
            _SEGMENT,
            "workload.mss",
            besides=["pcie.max_read_request"],
        )
    if nic.tx_buffer_bytes > _MOST_TX_BUFFER_BYTES:
        findings.add(
            f"with sends the model has room for {format_bytes(_MOST_TX_BUFFER_BYTES)}", "nic.tx_buffer", _SEGMENT
        )


def _check_receives(config: Config, findings: Findings) -> None:
    nic = config.nic
    for key in ("nic.rsc", "nic.header_split"):
        if config.value_of(key) is not None and config.host.iotlb is not None:
            findings.add(
                "buffers with several frames, or with headers alone, are not modelled with an IOMMU; host.iotlb: null",
                key,
                "host.iotlb",
            )
    if nic.rsc is None:
        return
    places = config.n_queues * PLACES_A_DESCRIPTOR * (1 << (nic.rx_ring - 1).bit_length())
    if places > MODEL_PLACES:
        findings.add(
            f"{nic.rx_ring} descriptors in each of {config.n_queues} rings; with nic.rsc the model has room for "
            f"{MODEL_PLACES // (PLACES_A_DESCRIPTOR * config.n_queues)}",
            "nic.rx_ring",
            "nic.rsc",
            besides=["nic.vfs", "nic.queues_per_vf"],
        )
