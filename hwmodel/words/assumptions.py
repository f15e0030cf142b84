"""What the model takes for granted, how far that can put a result off, and where it comes from.

The user guide (docs/guide/assumptions.md) has the same table, with links; a test keeps both the same.
"""

from __future__ import annotations

from typing import NamedTuple


class Assumption(NamedTuple):
    """An assumption, a bound of its error, and where in docs/ its source stands."""

    what: str
    how_far_off: str
    source: str


ASSUMPTIONS = (
    Assumption(
        "A link carries whole TLPs with the header, framing and line code of its generation",
        "nothing found: the published models of pcie-bench come out to their last digit in the closed form, "
        "and within 0.1 % in the simulation",
        "what a link can carry (docs/pcie.md#what-a-link-can-carry); published adapters "
        "(docs/pcie.md#the-published-adapters); errors (docs/validation.md#errors)",
    ),
    Assumption(
        "Acks and credits cost what pcie.dllp_model says",
        "of the ceiling at 1518 B: 1.5 % more without any, 1 % less by the specification's limits",
        "what a link can carry (docs/pcie.md#what-a-link-can-carry)",
    ),
    Assumption(
        "No TLP is ever repeated",
        "at the specification's bit error ratio of 1e-12, one write of 280 B in 4.5e8",
        "what is approximated (docs/datapath/approximations.md)",
    ),
    Assumption(
        "A transaction on a PCI or PCI-X bus has the fewest clocks of its phases, and the waits that are configured",
        "four Gigabit ports on PCI-X are within 10 %, with one latency fitted and one wait assumed",
        "shared buses (docs/datapath/pcie_link.md#shared-buses); four ports (docs/validation.md#four-ports-on-pci-x)",
    ),
    Assumption(
        "A host answers a read after host.read_latency, plus jitter where it is given",
        "it is added to the latency of each read in a row; throughput feels it through tags alone. Fitted to "
        "one machine, latencies are within 7.3 %",
        "calibration (docs/validation.md#what-was-fitted-and-on-what); errors (docs/validation.md#errors)",
    ),
    Assumption(
        "An adapter moves data as its engines and stores allow",
        "fitted to one adapter, bandwidth by size is off by 2.0 % in the median, 8.4 % at worst, at lengths "
        "just beyond a boundary",
        "errors (docs/validation.md#errors)",
    ),
    Assumption(
        "The last-level cache and the IOMMU's cache are chances and entries, without addresses of their own",
        "over windows of memory: 4.8 % in the median, 14.3 % at worst, with the IOMMU on",
        "errors (docs/validation.md#errors); address translation (docs/datapath/host_memory.md#address-translation)",
    ),
    Assumption(
        "An adapter without such a calibration has the ample engines of its preset",
        "the ideal adapter and host come out 4 to 11 % above what hardware reached on the same link",
        "errors (docs/validation.md#errors); presets (docs/configuration.md#presets)",
    ),
    Assumption(
        "A guest's driver takes a fixed time for each frame, doorbell and interrupt",
        "the presets meet three published measurements within 4 %; another kernel or guest needs its own frame_time",
        "what comes out (docs/drivers.md#what-comes-out-beside-what-was-measured); presets "
        "(docs/drivers.md#the-presets)",
    ),
    Assumption(
        "A core is interrupted between two pieces of work",
        "at most one piece: some 1 us with a kernel, 20 ns with DPDK",
        "what is approximated (docs/datapath/approximations.md)",
    ),
    Assumption(
        "Descriptors are counted, not told apart",
        "none without jitter; with it a frame may get its descriptor one read's spread too early",
        "what is approximated (docs/datapath/approximations.md)",
    ),
    Assumption(
        "The switch decides by the standards; where these are silent, as listed",
        "none against the core in rtl/, which is compared frame by frame; products differ in what is listed",
        "choices of this model (docs/forwarding.md#choices-of-this-model); co-verification (docs/co_verification.md)",
    ),
    Assumption(
        "The switch's timing is that of the core in rtl/, with switch.timing: core",
        "none at the core's ports, cycle by cycle; its output scheduler takes no time",
        "the twin (docs/switch_core.md#the-twin); what is approximated (docs/datapath/approximations.md)",
    ),
    Assumption(
        "A bridge forwards after one fixed latency",
        "its own queues are exact by these rules; a product's pipeline is not known",
        "what the bridge does (docs/bridge.md#what-the-bridge-does-with-a-frame)",
    ),
    Assumption(
        "Bursts, gaps and sizes are independent draws, or those of a capture",
        "real traffic has longer memory: replay a capture where that matters",
        "loads (docs/loads.md#when); replay (docs/loads.md#replay-of-a-capture)",
    ),
    Assumption(
        "Clocks are off by a fixed part of run.clocks each, and cores, ports, timers begin when the seed says",
        "a machine may settle into one of several cycles: intervals cover the others; drift and spread-spectrum "
        "clocking are not modelled",
        "clocks and phases (docs/datapath/time.md#clocks-and-phases)",
    ),
    Assumption(
        "A 95 % interval holds in 95 of 100 runs",
        "95 to 99 of 100 on a queue whose figures are known; 88 to 100 of 100 on drawn machines, waits 85 to 100; near "
        "saturation the run warns",
        "how sure figures are (docs/benchmarks.md#how-sure-figures-are)",
    ),
)
