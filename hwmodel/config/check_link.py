"""Check what keys of `pcie` and `host` require of each other."""

from __future__ import annotations

from hwmodel.units import format_bytes

from .findings import Findings
from .model import Config

_CREDIT_BYTES = 16  # PCI Express Base Specification 3.0, 2.6.1: a data credit stands for 16 B


def check_link(config: Config, findings: Findings) -> None:
    """Check credits, the read latency's distribution, and where frames lie in their buffers."""
    _check_credits(config, findings)
    _check_jitter(config, findings)
    _check_buffers(config, findings)


def _check_credits(config: Config, findings: Findings) -> None:
    pcie, credits = config.pcie, config.pcie.credits
    least = pcie.max_payload_bytes // _CREDIT_BYTES
    payload = format_bytes(pcie.max_payload_bytes)
    if 0 < credits.pd < least:
        findings.add(
            f"{credits.pd} credits of 16 B never let a write of max_payload {payload} go; {least} or more, or 0 for "
            "infinite",
            "pcie.credits.pd",
            "pcie.max_payload",
        )
    if config.host.completion_bytes == "rcb":
        least = pcie.read_completion_boundary_bytes // _CREDIT_BYTES
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
        value = jitter.range_fs if key == "range" else jitter.bins
        if jitter.kind == kind and value is None:
            findings.add(f"kind: {kind} needs {key}, like {key}: {example}", "host.jitter.kind", f"host.jitter.{key}")


def _check_buffers(config: Config, findings: Findings) -> None:
    host = config.host
    if host.buffer_offset_bytes >= host.buffer_bytes:
        findings.add(
            f"{format_bytes(host.buffer_offset_bytes)} is not within a buffer of {format_bytes(host.buffer_bytes)}",
            "host.buffer_offset",
            "host.buffer_bytes",
        )
