"""Validate the `host` block: memory, its latency, and the processors."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

from .amounts import ByteCount, Duration, Rate, Whole
from .block import Block, key
from .kinds import Kind, Listing, Word, wrong

JitterKind = Literal["fixed", "uniform", "histogram"]
CompletionRule = Literal["mps", "rcb"]
_TIME = Duration("0ns", "1ms")
_WEIGHT = Whole(1, 10**9)
MOST_CORES = 1024


class JitterBin(NamedTuple):
    """One bar of a latency histogram: what is added to the read latency, and how often."""

    offset_fs: int
    weight: int


class _BinKind(Kind):
    def parse(self, value: object) -> JitterBin:
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise wrong("a bin is a time and a weight, like [100ns, 3]")
        return JitterBin(_TIME.parse(value[0]), _WEIGHT.parse(value[1]))

    def write(self, value: Any) -> list[Any]:
        return [_TIME.write(value.offset_fs), value.weight]

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "prefixItems": [_TIME.schema(), _WEIGHT.schema()], "minItems": 2, "maxItems": 2}


class Jitter(Block):
    """How the read latency varies."""

    kind: Annotated[JitterKind, Word("fixed", "uniform", "histogram")] = key(
        "fixed", "Fixed: always read_latency. Uniform: read_latency plus 0 to `range`. Histogram: plus one of `bins`."
    )
    range_fs: Annotated[int, _TIME] | None = key(
        None, "Width of the uniform distribution above read_latency; needed with `kind: uniform`.", alias="range"
    )
    bins: Annotated[tuple[Annotated[JitterBin, _BinKind()], ...], Listing("[[0ns, 9], [300ns, 1]]", least=1)] | None = (
        key(None, "Times added to read_latency, with weights: [[0ns, 9], [300ns, 1]]; needed with `kind: histogram`.")
    )


# Neugebauer et al., "Understanding PCIe performance for end host networking" (SIGCOMM 2018), measured with pcie-bench
# about 64 entries and about 330 ns a miss.
class Iotlb(Block):
    """The IOMMU's translation cache."""

    entries: Annotated[int, Whole(1, 65536)] = key(
        ..., "Pages of 4 KiB that the cache holds; the least recently used is replaced. Measured on hosts of 2018: 64."
    )
    miss_fs: Annotated[int, _TIME] = key(
        ...,
        "Time that a translation takes where the cache has none. Measured on hosts of 2018: 330ns.",
        alias="miss",
    )


class Host(Block):
    """The host: what a read waits for, how completions are cut, where buffers lie, how many cores there are."""

    read_latency_fs: Annotated[int, _TIME] = key(
        "450ns",
        "Time from a read request's last byte at the host to its completions being ready. Sets the unloaded latency "
        "and, with `pcie.tags`, a ceiling for reads.",
        alias="read_latency",
    )
    jitter: Jitter = key({}, "How the read latency varies.")
    completion_bytes: Annotated[CompletionRule, Word("mps", "rcb")] = key(
        "mps",
        "How the host cuts completions: as large as max_payload allows, or every one of read_completion_boundary "
        "bytes, which costs a 20 B header for each.",
    )
    buffer_bytes: Annotated[int, ByteCount("256B", "64KiB", power_of_two=True)] = key(
        "2KiB",
        "Size of an Rx buffer. A longer frame is received into several, each with an Rx descriptor; a Tx buffer holds "
        "its whole frame.",
    )
    buffer_offset_bytes: Annotated[int, ByteCount("0B", "64KiB", multiple_of="4B")] = key(
        "0B",
        "Where in each buffer the data begin, a multiple of 4 B. Off a max_payload boundary they may need more TLPs.",
        alias="buffer_offset",
    )
    write_drain_bps: Annotated[int, Rate("1Mbps", "10000Gbps")] | None = key(
        None,
        "Rate at which host memory takes posted writes, after which their credits return; null: unlimited.",
        alias="write_drain",
    )
    iotlb: Iotlb | None = key(None, "Translation cache of the IOMMU; null: none, every address translates at once.")
    cores: Annotated[int, Whole(1, MOST_CORES)] = key(
        8, "Processor cores of the VMs. With fewer than VMs, VMs share them.", derived="one for each VF"
    )
