"""What the adapter sees of frames that pass the host's virtual switch.

The adapter then serves only the rings of the uplink, one function, and no VM's: what crosses the link is what that
function sends to the wire and receives from there. Frames that find the uplink's ring full are dropped and hold nobody
back. So where some frames stay inside, the wire and the way to it do not limit these, unless frames wait
(`on_uplink_full: wait`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from hwmodel.analytic.traffic import FROM_WIRE, TO_WIRE, ZERO, Demand, Rings, Sizes, Traffic, shares
from hwmodel.config import Config
from hwmodel.config.system import n_sending_legs
from hwmodel.config.virtual_switch import VirtualSwitch
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.function_names import PF
from hwmodel.words.limits import at_port


def at_adapter(config: Config, demand: Demand) -> tuple[Config, Demand]:
    """Give the configuration and demand as the adapter sees them: the virtual switch's uplink is its one function.

    Both unchanged without a virtual switch. If the uplink drops what is too much and frames of the sought traffic reach
    VMs, what they send to the wire is left out, unless a bridge is there, behind which it is delivered.
    """
    if not config.has_virtual_switch:
        return config, demand
    sought = demand.sought
    if sought.copies and not demand.goes_on and switch_of(config).on_uplink_full == "drop":
        sought = replace(sought, to_wire=ZERO)
    beside = tuple(_by_uplink(config, one) for one in demand.beside)
    return seen_by_adapter(config), replace(demand, sought=_by_uplink(config, sought), beside=beside)


def on_link(config: Config, traffic: Traffic) -> tuple[Config, Traffic]:
    """Give the configuration and a traffic as the adapter sees them, like `at_adapter`, all that leaves counted."""
    if not config.has_virtual_switch:
        return config, traffic
    return seen_by_adapter(config), _by_uplink(config, traffic)


def switch_of(config: Config) -> VirtualSwitch:
    """Return the virtual switch of a configuration that has one."""
    assert config.host.virtual_switch is not None, "it is filled in"
    return config.host.virtual_switch


def seen_by_adapter(config: Config) -> Config:
    """Give a configuration whose only rings are the uplink's, of one function whose driver is the virtual switch.

    That driver rings one doorbell for each leg and piece of work, and polls for freed slots.
    """
    own = switch_of(config)
    nic, driver = config.nic, config.for_function(PF).driver
    n_rings = max(1, own.n_uplink_rings * config.n_legs)
    seen = {"mode": "sriov", "queues_per_vf": n_rings}
    if nic.shared_descriptor_cache is not None:
        share = max(1, nic.shared_descriptor_cache // (2 * n_rings))
        seen |= {"shared_descriptor_cache": None, "descriptor_cache": min(nic.descriptor_cache, share)}
    told_at_once = max(1, own.batch // n_sending_legs(config))
    told = {"tx_doorbell_batch": told_at_once, "send_burst": told_at_once, "tx_interrupt_batch": 0}
    changed: dict[str, object] = {"nic": nic.model_copy(update=seen), "driver": driver.model_copy(update=told)}
    if config.sends_cut_by != "adapter":  # the adapter gets frames
        changed["workload"] = config.workload.model_copy(update={"segment_bytes": None})
    return config.model_copy(update=changed)


def leaving_cut(config: Config, traffic: Traffic) -> Traffic:
    """Give VMs' traffic with its segments for the wire counted as the frames they are cut into."""
    if not config.hands_over_segments or not traffic.to_wire:
        return traffic
    frames = replace(traffic, sizes=cut_sizes(config))
    n = config.workload.frames_a_send
    return replace(traffic, to_wire=n * traffic.to_wire, mixed_bytes=frames.wire_bytes, wire_copies=traffic.to_wire)


def charged_bytes(config: Config, traffic: Traffic) -> Fraction:
    """Give the bytes with FCS that a rate limit charges for a mean frame; for a segment that leaves, its frames'."""
    n_more = traffic.to_wire - traffic.copies_out
    return traffic.mean_frame_bytes + n_more * ((config.workload.header_bytes or 0) + FCS_BYTES)


def cut_sizes(config: Config) -> Sizes:
    """Give the workload's frame sizes and shares; for sends, those of the frames cut from one."""
    return shares(config.workload.sizes or ((config.workload.frame_bytes or 0, 1),))


def _by_uplink(config: Config, traffic: Traffic) -> Traffic:
    """Give a traffic as it crosses the link: to and from the wire, by the uplink function's rings."""
    n_rings = switch_of(config).n_uplink_rings
    if traffic.wire_copies is not None:
        traffic = replace(traffic, sizes=cut_sizes(config), wire_copies=None)
    to_wire, from_wire = (traffic.to_wire, traffic.from_wire) if n_rings else (ZERO, ZERO)
    at_ports = traffic.at_ports if to_wire else but_out(traffic.at_ports)

    def rings(passing: Fraction, direction: str) -> Rings:
        """Return the rings of the legs by which frames pass."""
        names = {at_port(f"p{leg}", direction): leg for leg in range(config.n_legs)}
        legs = [leg for name, leg in names.items() if passing and (config.bond is None or name in traffic.at_ports)]
        return frozenset((PF, leg * n_rings + ring) for leg in legs for ring in range(n_rings))

    return replace(
        traffic, reads=to_wire, copies=from_wire, mirrored=ZERO, mirrored_to={}, to_wire=to_wire, from_wire=from_wire,
        tx_rings=rings(to_wire, TO_WIRE), rx_rings=rings(from_wire, FROM_WIRE),
        at_ports=at_ports,
        sent={PF: to_wire} if to_wire else {}, received={PF: from_wire} if from_wire else {},
    )  # fmt: skip


def but_out(at_ports: Mapping[str, Fraction]) -> Mapping[str, Fraction]:
    """Give what is taken of ports, without what frames leaving by them take."""
    return {name: amount for name, amount in at_ports.items() if not name.endswith((TO_WIRE, "wire.tx"))}
