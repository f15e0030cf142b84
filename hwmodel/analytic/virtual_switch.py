"""What frames take of the cores of the host's virtual switch, and of the memory that they copy in."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from hwmodel.analytic.ceiling import Ceiling
from hwmodel.analytic.flow_cache import looking_s
from hwmodel.analytic.traffic import ONE, Demand, Sizes, Traffic, mean_bytes
from hwmodel.analytic.uplink import switch_of
from hwmodel.config.names import PF, function_number, is_uplink
from hwmodel.config.virtual_switch import COPIES
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.units import BITS_PER_BYTE, FS_PER_S

if TYPE_CHECKING:
    from hwmodel.config import Config


def passing_keys(config: Config) -> str:
    """Name the keys that a switching core's time is made of."""
    own = switch_of(config)
    named = {name: getattr(own, f"{name}_fs") for name in ("guest_time", "byte_time", "batch_time")}
    named["sample_time"] = own.sample_time_fs if own.sample_one_in is not None else 0
    named["segment_frame_time"] = own.segment_frame_time_fs if config.sends_cut_by == "switch" else 0
    return ", ".join(
        ["frame_time", *(name for name, fs in named.items() if fs), *["flow_cache"] * bool(own.flow_cache)]
    )


def memory_ceiling(config: Config, demand: Demand) -> Iterator[Ceiling]:
    """Give the ceiling of the memory bandwidth for copies, if one is configured."""
    rate_bps = switch_of(config).memory_rate_bps if config.has_virtual_switch else None
    if rate_bps is not None and switch_of(config).memory_byte_fs:
        what, amounts = "memory_rate, reads and writes of copies", demand.taken(lambda one: one.copied_bytes)
        yield Ceiling("host.memory", what, "B", Fraction(rate_bps, BITS_PER_BYTE), *amounts)


def frames_a_turn(config: Config, station: str, sizes: Sizes) -> Fraction:
    """Give how many frames of a station's full ring a core passes on before it turns to the next ring."""
    port = config.switch.ports[function_number(station)]
    if config.switch.scheduler == "deficit":
        return port.weight * (config.switch.longest_frame_bytes - FCS_BYTES) / (mean_bytes(sizes) - FCS_BYTES)
    return Fraction(switch_of(config).batch * (port.weight if config.switch.scheduler == "weighted" else 1))


def passing_s(config: Config, source: str, one: Traffic) -> Fraction:
    """Give the cores' time, in seconds, for a frame of a station or from the wire; batches are taken as full."""
    own, driver = switch_of(config), config.driver_of(PF)
    a_copy_fs = own.frame_time_fs + own.byte_time_fs * (one.mean_frame_bytes - FCS_BYTES)
    in_batches_fs = one.reads * own.batch_time_fs / frames_a_piece(config, source, one.sizes)
    if own.n_uplink_rings:
        a_piece = min(driver.poll_budget, driver.refill_batch)
        in_batches_fs += one.from_wire * Fraction(own.batch_time_fs + driver.doorbell_time_fs, a_piece)
    at_guests_fs = (one.reads + one.written) * own.guest_time_fs
    passing_fs = (one.written + one.copies_out) * a_copy_fs + at_guests_fs + in_batches_fs
    if config.sends_cut_by == "switch":
        passing_fs += one.to_wire * own.segment_frame_time_fs
    if own.sample_one_in is not None:
        passing_fs += (one.reads + one.from_wire) * Fraction(own.sample_time_fs, own.sample_one_in)
    return passing_fs / FS_PER_S + one.copies_out * doorbell_s(config, source, one.sizes) + looking_s(config, one)


def doorbell_s(config: Config, source: str, sizes: Sizes) -> Fraction:
    """Give the cores' time, in seconds, for the doorbells of a copy that leaves by the uplink."""
    time_fs = config.driver_of(PF).doorbell_time_fs * config.n_sending_legs
    return time_fs / frames_a_piece(config, source, sizes) / FS_PER_S


def frames_a_piece(config: Config, source: str, sizes: Sizes) -> Fraction:
    """Give how many frames a core passes on at once out of a full ring."""
    batch = Fraction(switch_of(config).batch)
    return batch if is_uplink(source) else min(batch, max(ONE, frames_a_turn(config, source, sizes)))


def copied_bytes(config: Config, one: Traffic) -> Fraction:
    """Give the bytes of memory that are read and written to copy a frame."""
    copies = (one.written + one.copies_out) * COPIES[switch_of(config).pass_by]
    return 2 * copies * (one.mean_frame_bytes - FCS_BYTES)
