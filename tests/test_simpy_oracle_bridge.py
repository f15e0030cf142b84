"""The SimPy model of the bridge against sums by hand: times, queues, rates."""

from __future__ import annotations

import random

import pytest

from tests.bridge_cases import (
    EVERYONE,
    GEN2_X4,
    NS_FS,
    US_FS,
    batched_nic,
    check_balance,
    frame,
    mac,
    nic,
    one_after_the_other,
    run,
    server,
)
from tests.oracles.simpy_nic import Arrival, Load, Stop, simulate
from tests.oracles.simpy_system import (
    OUTSIDE,
    SYSTEM_PARTS,
    BridgeParameters,
    BridgePort,
    SystemArrival,
    SystemLoad,
    SystemOutcome,
    simulate_system,
)

R_FS = 450_000_000
START_FS = 1000 * US_FS
POST_FS = 20_000_000


def t_fs(*tlps: int) -> int:
    """Return the time of some TLPs one after the other."""
    return sum(n_bytes * GEN2_X4[0] // GEN2_X4[1] for n_bytes in tlps)


def wire_fs(frame_bytes: int, rate_bps: int = 10**10) -> int:
    return (frame_bytes + 20) * 8 * 10**15 // rate_bps


# Doorbell, descriptor read and its completion, payload read; then the payload's completions, its writes, a write-back.
TO_PAYLOAD_FS = t_fs(28) + t_fs(24) + R_FS + t_fs(36) + t_fs(24) + R_FS
COMPLETIONS_FS = {64: t_fs(80), 1518: t_fs(*5 * [276], 256)}
RECEIVE_FS = {64: t_fs(84) + t_fs(40), 1518: t_fs(*5 * [280], 260) + t_fs(40)}


def sent_fs(frame_bytes: int) -> int:
    """Return from post to the instant in which the MAC begins."""
    return TO_PAYLOAD_FS + COMPLETIONS_FS[frame_bytes]


KNOWN = one_after_the_other(("a.vf1", frame("a.pf", "a.vf1")), ("b.vf1", frame("a.pf", "b.vf1")), first_fs=0)
OUTSIDE_KNOWN = (300 * US_FS, OUTSIDE, frame("a.pf", OUTSIDE))


def alone(bridge: BridgeParameters, sender: str, to: str, frame_bytes: int, **changes: object) -> SystemOutcome:
    """Send one frame when all else is over; leave the frames that made the receivers known out."""
    servers = [server("a", parameters=nic(**changes)), server("b", parameters=nic(**changes))]
    tried = START_FS, sender, frame(to, sender, frame_bytes)
    outcome = run(servers, bridge, *KNOWN, OUTSIDE_KNOWN, tried)
    assert all(each.at_fs < START_FS for each in outcome.deliveries[:-1])
    assert all(each.taken_fs < START_FS for each in outcome.journeys[:-1])
    assert (outcome.deliveries[-1].sender, outcome.deliveries[-1].receiver) == (sender, to)
    return outcome


@pytest.mark.parametrize("frame_bytes", [64, 1518])
@pytest.mark.parametrize("to", ["a.vf1", "b.vf1"])
@pytest.mark.parametrize("propagation_fs", [0, 5 * NS_FS])
def test_one_frame_alone(frame_bytes: int, to: str, propagation_fs: int) -> None:
    outcome = alone(BridgeParameters(latency_fs=500 * NS_FS, propagation_fs=propagation_fs), "a.vf0", to, frame_bytes)
    over_the_bridge_fs = 2 * wire_fs(frame_bytes) + 2 * propagation_fs + 500 * NS_FS
    latency_fs = sent_fs(frame_bytes) + over_the_bridge_fs + RECEIVE_FS[frame_bytes]
    delivery, journey = outcome.deliveries[-1], outcome.journeys[-1]
    assert delivery == (START_FS + POST_FS + latency_fs, "a.vf0", to, frame_bytes, latency_fs)
    assert journey.part("wire") == wire_fs(frame_bytes)
    assert journey.part("bridge") == wire_fs(frame_bytes) + 2 * propagation_fs + 500 * NS_FS
    assert journey.part("rx_switch") == 0
    assert sum(journey.parts_fs) == latency_fs + POST_FS
    assert (journey.posted_fs, journey.taken_fs) == (START_FS + POST_FS, delivery.at_fs + POST_FS)


@pytest.mark.parametrize(
    ("mode", "tag_bytes", "down_tag_bytes"), [("multichannel", 4, 0), ("vn_tag", 6, 6), ("e_tag", 8, 8)]
)
def test_tags_take_time_on_the_wire(mode: str, tag_bytes: int, down_tag_bytes: int) -> None:
    settings = {"stations": {"vf0": {"s_channel": 10}}, "s_channels": {10: "veb"}} if mode == "multichannel" else {}
    sent = one_after_the_other(("vf1", frame("pf", "vf1")), ("vf0", frame("vf1", "vf0", 1518)))
    journey = run([server(mode=mode, **settings)], BridgeParameters(), *sent).journeys[-1]
    assert (journey.sender, journey.receiver) == ("vf0", "vf1")
    assert journey.part("wire") == wire_fs(1518 + tag_bytes)
    assert journey.part("bridge") == wire_fs(1518 + down_tag_bytes)
    assert journey.part("payload_write") == RECEIVE_FS[1518] - t_fs(40)


def test_one_frame_to_and_from_outside() -> None:
    bridge = BridgeParameters(latency_fs=500 * NS_FS, propagation_fs=5 * NS_FS, ports={OUTSIDE: BridgePort(4 * 10**10)})
    outcome = alone(bridge, "a.vf0", OUTSIDE, 1518)
    over_fs = wire_fs(1518) + 500 * NS_FS + wire_fs(1518, 4 * 10**10) + 10 * NS_FS
    assert outcome.deliveries[-1].latency_fs == sent_fs(1518) + over_fs
    assert outcome.journeys[-1].part("bridge") == over_fs - wire_fs(1518)
    outcome = alone(bridge, OUTSIDE, "b.vf1", 1518)
    # From the instant in which it has left its station.
    begins_fs = START_FS + wire_fs(1518, 4 * 10**10)
    over_fs = 500 * NS_FS + wire_fs(1518) + 10 * NS_FS
    assert outcome.deliveries[-1].at_fs == begins_fs + over_fs + RECEIVE_FS[1518]
    assert outcome.deliveries[-1].latency_fs == over_fs + RECEIVE_FS[1518]
    assert outcome.journeys[-1].part("bridge") == over_fs


def test_the_receiving_adapter_takes_its_time_to_decide() -> None:
    piped = alone(BridgeParameters(), "a.vf0", "b.vf1", 64, max_pps=3_000_000).journeys[-1]
    assert (piped.part("switch"), piped.part("rx_switch")) == (333_333_333, 333_333_333)
    cycle_fs = 6_400_000
    journey = alone(BridgeParameters(), "a.vf0", "b.vf1", 64, bus_cycle_fs=cycle_fs).journeys[-1]
    arrived_fs = journey.posted_fs + sum(journey.parts_fs[: SYSTEM_PARTS.index("rx_switch")])
    # Whole in at the next edge, then 15 cycles, none for the header, one for the one word of 512 bits.
    assert journey.part("rx_switch") == (-(-arrived_fs // cycle_fs) + 16) * cycle_fs - arrived_fs


@pytest.mark.parametrize("frame_bytes", [64, 1518])
def test_cut_through(frame_bytes: int) -> None:
    bridge = BridgeParameters(latency_fs=300 * NS_FS, propagation_fs=5 * NS_FS, forwarding="cut_through")
    outcome = alone(bridge, "a.vf0", "b.vf1", frame_bytes)
    first_64_fs = 72 * 800_000
    over_fs = first_64_fs + 300 * NS_FS + wire_fs(frame_bytes) + 10 * NS_FS
    assert outcome.deliveries[-1].latency_fs == sent_fs(frame_bytes) + over_fs + RECEIVE_FS[frame_bytes]
    assert outcome.journeys[-1].part("bridge") == over_fs - wire_fs(frame_bytes)


@pytest.mark.parametrize(
    ("outside_bps", "stored_bytes"),
    [(4 * 10**10, 1538), (10**9, 72)],
    ids=["to a faster port", "to a slower one"],
)
def test_a_slower_port_than_the_fastest_stores_first(outside_bps: int, stored_bytes: int) -> None:
    ports = {OUTSIDE: BridgePort(outside_bps)}
    bridge = BridgeParameters(latency_fs=US_FS, propagation_fs=5 * NS_FS, forwarding="cut_through", ports=ports)
    over_fs = stored_bytes * 800_000 + US_FS + wire_fs(1518, outside_bps) + 10 * NS_FS
    assert alone(bridge, "a.vf0", OUTSIDE, 1518).journeys[-1].part("bridge") == over_fs - wire_fs(1518)


def test_frames_of_one_instant_go_by_the_port_on_which_they_came() -> None:
    servers = [server("b"), server("a"), server("c")]
    both = [(START_FS, f"{name}.vf0", frame("c.vf0", f"{name}.vf0", 1518)) for name in "ab"]
    known = 0, "c.vf0", frame("a.pf", "c.vf0")
    outcome = run(servers, BridgeParameters(latency_fs=500 * NS_FS), known, *both)
    first, second = outcome.journeys[-2:]
    assert (first.sender, second.sender) == ("b.vf0", "a.vf0")
    assert first.part("bridge") == 500 * NS_FS + wire_fs(1518)
    assert second.part("bridge") == 500 * NS_FS + 2 * wire_fs(1518)
    assert outcome.bridge.queue_highest_bytes["c"] == 2 * 1514


def burst(*receivers: str) -> list[tuple[int, str, bytes]]:
    """Send frames from outside, one after the other: each for another receiver."""
    return [(START_FS, OUTSIDE, frame(to, OUTSIDE, 1518)) for to in receivers]


def numbers_delivered(outcome: SystemOutcome) -> list[int]:
    return sorted(each.number for each in outcome.journeys if each.sender == OUTSIDE)


FOUR_TIMES_AS_FAST = {OUTSIDE: BridgePort(4 * 10**10)}
KNOWN_PAIR = one_after_the_other(("a.vf0", frame("a.pf", "a.vf0")), ("b.vf0", frame("b.pf", "b.vf0")), first_fs=0)


def test_full_buffer() -> None:
    # A frame comes each T and goes each 4 T, the first at 5 T; room is given back before what comes then asks for it.
    bridge = BridgeParameters(buffer_bytes=3 * 1514, ports=FOUR_TIMES_AS_FAST, latency_fs=300 * NS_FS)
    outcome = run([server("a"), server("b")], bridge, *KNOWN_PAIR, *burst(*10 * ["a.vf0"]))
    assert numbers_delivered(outcome) == [0, 1, 2, 4, 8]
    assert outcome.drops["bridge.a", "QUEUE_FULL"] == 5
    assert outcome.bridge.queue_highest_bytes["a"] == 3 * 1514
    assert outcome.bridge.ports[OUTSIDE][:2] == (10, 10 * 1518)
    assert outcome.bridge.ports["a"][2:5] == (7, 5 * 1518 + 2 * 64, 5 * wire_fs(1518) + 2 * wire_fs(64))
    # One is held from T on, two from 2 T, three from 3 T; from 13 T on none comes, one goes each 4 T, the last at 21 T.
    held_bytes_fs = 1514 * (1 + 2 + 3 * 10 + 2 * 4 + 4) * wire_fs(1518, 4 * 10**10)
    assert outcome.bridge.ports["a"].queue_area == held_bytes_fs + 2 * 60 * wire_fs(64)


@pytest.mark.parametrize(
    ("sharing", "frames", "delivered", "highest"),
    [
        ("port", 2, [0, 1, 2, 3, 4, 5, 8, 9], {"a": 2, "b": 2}),
        ("all", 3, [0, 1, 2, 4, 5, 8, 9], {"a": 2, "b": 1}),
    ],
)
def test_who_shares_a_buffer(sharing: str, frames: int, delivered: list[int], highest: dict[str, int]) -> None:
    # To a at T, 3 T, 5 T, ..., to b at 2 T, 4 T, ...; one goes from a at 5 T and 9 T, from b at 6 T and 10 T.
    bridge = BridgeParameters(buffer_bytes=frames * 1514, sharing=sharing, ports=FOUR_TIMES_AS_FAST)
    outcome = run([server("a"), server("b")], bridge, *KNOWN_PAIR, *burst(*5 * ["a.vf0", "b.vf0"]))
    assert numbers_delivered(outcome) == delivered
    assert {name: outcome.bridge.queue_highest_bytes[name] // 1514 for name in "ab"} == highest


VIFS = {name: {"s_channel": 10 * (number + 1)} for number, name in enumerate(("vf0", "vf1", "vf2", "vf3"))}
CHANNELS = {10: "vepa", 20: "vepa", 30: "vepa", 40: "vepa"}


@pytest.mark.parametrize(
    ("mode", "tag_bytes", "gbps"),
    [("vepa", 0, 9.870), ("multichannel", 4, 9.844), ("vn_tag", 6, 9.832), ("e_tag", 8, 9.819)],
)
def test_incast_over_the_bridge(mode: str, tag_bytes: int, gbps: float) -> None:
    settings = {"stations": VIFS, "s_channels": CHANNELS} if mode == "multichannel" else {}
    kind = "controlling" if mode in ("vn_tag", "e_tag") else "learning"
    servers = [server(mode=mode, parameters=batched_nic(), **settings)]
    known = SystemArrival(0, "vf0", frame("vf1", "vf0"))
    load = SystemLoad({f"vf{n}": [frame("vf0", f"vf{n}", 1518)] for n in (1, 2, 3)}, [known])
    outcome = simulate_system(servers, BridgeParameters(kind=kind), load, Stop(500 * US_FS, 1500 * US_FS))
    check_balance(outcome)
    assert outcome.bridge.window["adapter"].busy_fs == 1000 * US_FS
    assert outcome.bridge.window["adapter"].frames_out == pytest.approx(1000 * US_FS / wire_fs(1518 + tag_bytes), abs=1)
    deliveries = outcome.in_window(receiver="vf0")
    assert len(deliveries) == pytest.approx(1000 * US_FS / wire_fs(1518 + tag_bytes), abs=1)
    # Between the first and the last the rate is exact.
    steady_fs = deliveries[-1].at_fs - deliveries[0].at_fs
    assert (len(deliveries) - 1) * 1518 * 8e6 / steady_fs == pytest.approx(gbps, abs=0.001)
    # The first frames, to an address not yet known, go into each channel.
    assert set(outcome.drops) == ({("adapter", "UNKNOWN_UNICAST")} if mode == "multichannel" else set())


def test_two_servers_send_more_than_the_third_can_get() -> None:
    servers = [server(name, parameters=batched_nic()) for name in "abc"]
    known = SystemArrival(0, "c.vf0", frame("a.vf1", "c.vf0"))
    load = SystemLoad({f"{name}.vf0": [frame("c.vf0", f"{name}.vf0", 1518)] for name in "ab"}, [known])
    bridge = BridgeParameters(buffer_bytes=64 * 1024, latency_fs=500 * NS_FS)
    outcome = simulate_system(servers, bridge, load, Stop(500 * US_FS, 1500 * US_FS))
    assert len(outcome.in_window(receiver="c.vf0")) == pytest.approx(1000 * US_FS / wire_fs(1518), abs=1)
    window = outcome.bridge.window
    assert (window["c"].busy_fs, window["a"].busy_fs) == (1000 * US_FS, 0)
    came, went = window["a"].frames_in + window["b"].frames_in, window["c"].frames_out
    assert (came, went) == (pytest.approx(2 * 1000 * US_FS / wire_fs(1518), abs=2), pytest.approx(came / 2, abs=2))
    assert 64 * 1024 - 1514 < outcome.bridge.queue_highest_bytes["c"] <= 64 * 1024
    assert outcome.drops["bridge.c", "QUEUE_FULL"] > went / 2


def test_an_endless_load_wants_a_stop() -> None:
    with pytest.raises(ValueError, match="needs a stop"):
        simulate_system([server()], BridgeParameters(), SystemLoad({"vf0": [frame(mac("vf1"), "vf0")]}))


def test_a_server_alone_is_the_model_of_one_adapter() -> None:
    rng = random.Random(3)
    names = dict(zip((1, 2, 3, 4, 5), EVERYONE, strict=True))
    others = {0: OUTSIDE} | names
    arrivals = []
    for _ in range(300):
        source = rng.choice(list(names))
        to = rng.choice([port for port in others if port != source])
        # Not at whole ns: a post then ends at no instant at which a frame comes.
        arrivals.append(Arrival(rng.randrange(60 * US_FS), source, to, rng.choice((64, 600, 1518))))
    parameters = batched_nic(writeback_timeout_fs=20 * US_FS, dllp_period_tlps=4, rx_buffer_bytes=8192)
    stop = Stop(10 * US_FS, 200 * US_FS)
    alone = simulate(parameters, Load(arrivals=arrivals), stop)
    load = SystemLoad(
        arrivals=[
            SystemArrival(at_fs, names[source], frame(others[to], names[source], n_bytes))
            for at_fs, source, to, n_bytes, *_ in arrivals
        ]
    )
    outcome = simulate_system([server(mode="veb", parameters=parameters)], BridgeParameters(), load, stop)
    assert outcome.servers["adapter"] == alone
    assert alone.wire_frames > 20
    assert len(outcome.in_window()) == alone.delivered_frames + alone.wire_frames
