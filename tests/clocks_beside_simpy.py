"""What clocks, and stalls of the host, make of the SimPy model's parameters, drawn here a second time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from math import ceil

import numpy as np

from hwmodel.config import Config
from hwmodel.config.host import Stall
from tests.oracles.simpy_nic import NicParameters, Stalls

HOST_CLOCK, ADAPTER_CLOCK, LINE_CLOCK, CORE_START, BATCH_PLACE, FIRST_STALL = (
    0,
    1,
    3,
    5,
    6,
    8,
)  # what is drawn for, by its number
LATEST_START_FS = 50 * 10**9
OF_HOST = (
    "frame_time_fs", "byte_time_fs", "doorbell_time_fs", "wakeup_time_fs", "interrupt_time_fs", "exit_time_fs",
    "pass_time_fs", "pass_byte_time_fs",
)  # fmt: skip
OF_ADAPTER = ("queue_time_fs", "writeback_timeout_fs", "moderation_fs", "bus_cycle_fs", "guarantee_window_fs")


def drawn(seed: int, what: int, number: int, below: int) -> int:
    high, low = np.random.SeedSequence([seed, 2**40, what, 0, number]).generate_state(2).tolist()
    return (high * 2**32 + low) * below // 2**64


def longer(config: Config, what: int, number: int = 0) -> Fraction:
    most = config.run.clocks_ppb
    return 1 + Fraction(drawn(config.run.seed, what, number, 2 * most + 1) - most, 10**9)


def stalls_of(stall: Stall | None) -> Stalls | None:
    if stall is None:
        return None
    first_fs = stall.every_fs if stall.at_fs is None else stall.at_fs
    assert first_fs is not None
    return Stalls(first_fs, stall.length_fs, stall.every_fs)


def _drawn_stalls(stalls: Stalls | None, seed: int) -> Stalls | None:
    if stalls is None or stalls.every_fs is None:
        return stalls
    return replace(stalls, first_fs=drawn(seed, FIRST_STALL, 0, stalls.every_fs))


def with_clocks(parameters: NicParameters, config: Config, receivers: Iterable[int], longest: int) -> NicParameters:
    """Return parameters by a server's own clocks; `receivers`: ports that frames come to, `longest`: their bytes."""
    if config.run.clocks_ppb == 0 or config.run.clocks_ppb == type(config.run)().clocks_ppb:
        return parameters  # exact, as tests have it where they say nothing
    seed = config.run.seed
    of_host, of_adapter = longer(config, HOST_CLOCK), longer(config, ADAPTER_CLOCK)
    times = {name: of_host * getattr(parameters, name) for name in OF_HOST}
    times |= {name: of_adapter * (getattr(parameters, name) or 0) for name in OF_ADAPTER}
    rates = {"link_fs_per_byte": of_host, "store_fs_per_byte": of_adapter}
    ratios = {
        name: of * Fraction(*getattr(parameters, name)) for name, of in rates.items() if getattr(parameters, name)
    }
    a_frame = ceil((longest - 4) / (parameters.buffer_bytes - parameters.buffer_offset_bytes))
    steps = {port: ceil(parameters.of_port(port).refill_batch / a_frame) for port in set(receivers)}
    of_drivers = dict.fromkeys(OF_HOST, of_host) | {"moderation_fs": of_adapter}
    return replace(
        parameters,
        **{name: round(time_fs) if getattr(parameters, name) is not None else None for name, time_fs in times.items()},
        **{name: (ratio.numerator, ratio.denominator) for name, ratio in ratios.items()},
        port_rate_bps=Fraction(parameters.port_rate_bps) / of_adapter,
        line_speeds={at: of_adapter / longer(config, LINE_CLOCK, 1 + at) for at in range(parameters.ethernet_ports)},
        rate_limits={
            port: (of_adapter * Fraction(*limit)).as_integer_ratio() for port, limit in parameters.rate_limits.items()
        },
        guarantees={
            port: (of_adapter * Fraction(*least)).as_integer_ratio() for port, least in parameters.guarantees.items()
        },
        stalls=_drawn_stalls(parameters.stalls, seed),
        core_starts_fs=[drawn(seed, CORE_START, core, LATEST_START_FS) for core in range(parameters.cores)],
        taken_before={
            (port, queue): a_frame * drawn(seed, BATCH_PLACE, (port - 1) * parameters.queues_per_vf + queue, below)
            for port, below in steps.items()
            for queue in range(parameters.queues_per_vf)
        },
        early_refills=2**32 // 64,
        own_drivers={
            port: {**own, **{name: round(own[name] * of) for name, of in of_drivers.items() if name in own}}
            for port, own in parameters.own_drivers.items()
        },
    )
