"""Cycles for the checkers of rtl/checkers/: legal traffic, until a rule is broken, and a reset before it begins anew.

Each rule is broken at each port, and each bit that goes with a beat or an answer changes. X is left out for a simulator
that has none.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from cocotb_tests.protocol_oracle import MOST_CHANCES, Accesses, LiteOracle, Offer

DATA_BITS, REST_BITS, WRITE_BITS, READ_BITS = 64, 10, 2, 34
LEGAL_CYCLES, MOST_CYCLES = 60, 120
MOST_OPEN = 9

Beats = Sequence[Offer]


def bit(rng: random.Random, probability: float) -> str:
    """Return '1' with a probability."""
    return "01"[rng.random() < probability]


def any_offer(rng: random.Random, n_bits: int) -> Offer:
    """Return anything, as it may be in a reset."""
    return Offer(bit(rng, 0.5), bit(rng, 0.5), rng.getrandbits(n_bits), rng.getrandbits(REST_BITS))


def stream_cycles(n_ports: int, has_x: bool) -> Iterator[tuple[bool, Beats]]:
    """Give cycles of streams, each with whether it is in a reset."""
    rng = random.Random(1)
    ports = range(n_ports)
    plain = ["legal", "early", "withdrawn", "chances", "chances", *(["x", "x waits", "x value"] if has_x else [])]
    episodes = [(kind, port) for kind in (*plain, *(f"rest {i}" for i in range(REST_BITS))) for port in ports]
    episodes += [(f"value {i}", i % n_ports) for i in range(DATA_BITS)]
    rng.shuffle(episodes)
    for kind, at in episodes:
        for _ in range(rng.choice((1, 2))):
            yield True, [any_offer(rng, DATA_BITS) for _ in ports]
        for beats in _stream_episode(rng, kind, at, n_ports):
            yield False, beats
        # Whatever is broken next, the first rule stays.
        for _ in range(2):
            yield False, [any_offer(rng, DATA_BITS) for _ in ports]


def _stream_episode(rng: random.Random, kind: str, at: int, n_ports: int) -> Iterator[Beats]:
    offered, taken = rng.choice((0.3, 0.7, 1.0)), rng.choice((0.3, 0.7, 1.0))

    def after(before: Offer) -> Offer:
        if before.waits():
            return replace(before, ready=bit(rng, taken))
        return replace(any_offer(rng, DATA_BITS), valid=bit(rng, offered), ready=bit(rng, taken))

    beats = [replace(after(Offer()), valid="0") for _ in range(n_ports)]
    if kind == "early":
        yield [replace(beat, valid="1") if port == at else beat for port, beat in enumerate(beats)]
        return
    yield beats
    if kind == "chances":
        script = _chances(rng)
    elif kind == "legal":
        script = [("", "")] * LEGAL_CYCLES
    else:
        script = [("", "")] * rng.randrange(6) + [("", "1") if kind == "x" else ("1", "0")]
    for valid, ready in script:
        beats = [after(beat) for beat in beats]
        beats[at] = replace(beats[at], valid=valid or beats[at].valid, ready=ready or beats[at].ready)
        yield beats
    if kind not in ("chances", "legal"):
        beats = [after(beat) for beat in beats]
        beats[at] = broken(kind, beats[at])
        yield beats


def _chances(rng: random.Random) -> list[tuple[str, str]]:
    """Return valid and ready of a port whose beats come with ready, as often as is no chance; before it one waits."""
    waits, comes = [("1", "0"), ("1", "1")], [("0", "0"), ("1", "1")]
    script = waits + (comes * (MOST_CHANCES - 1) + waits) * rng.randrange(2)
    for _ in range(MOST_CHANCES):
        script += [*comes, *rng.choice(([], [("1", "1")], [("0", "1"), ("1", "1")]))]
    return script


def broken(kind: str, offer: Offer) -> Offer:
    """Break a rule with a beat or an answer that waits."""
    what, _, at = kind.partition(" ")
    if what == "value" and offer.value is not None:
        return replace(offer, valid="1", value=offer.value ^ 1 << int(at))
    if what == "rest":
        return replace(offer, valid="1", rest=offer.rest ^ 1 << int(at))
    if kind == "x value":
        return replace(offer, valid="1", value=None)
    return replace(offer, valid="x" if what == "x" else "0")


def lite_cycles(has_x: bool) -> Iterator[tuple[bool, Accesses]]:
    """Give cycles of register accesses, each with whether it is in a reset."""
    rng = random.Random(2)
    kinds = ["legal"] * 6 + ["write unasked", "read unasked"] * 12 + ["write withdrawn", "read withdrawn"] * 2
    kinds += [f"write value {i}" for i in range(WRITE_BITS)] + [f"read value {i}" for i in range(READ_BITS)]
    if has_x:
        kinds += [f"{side} {what}" for side in ("write", "read") for what in ("x", "x waits", "x value", "x new")]
        kinds += [f"asked x {i}" for i in range(3)]
    rng.shuffle(kinds)
    for kind in kinds:
        for _ in range(rng.choice((1, 2))):
            yield True, _anything(rng)
        for accesses in _lite_episode(rng, kind):
            yield False, accesses
        for _ in range(2):
            yield False, _anything(rng)


def _anything(rng: random.Random) -> Accesses:
    asked = tuple((bit(rng, 0.5), bit(rng, 0.5)) for _ in range(3))
    return Accesses(asked, any_offer(rng, WRITE_BITS), any_offer(rng, READ_BITS))


def _lite_episode(rng: random.Random, kind: str) -> Iterator[Accesses]:
    """Go on legally until what is to be broken can be."""
    side, _, how = kind.partition(" ")
    oracle, now = LiteOracle(), Accesses()
    asks = [rng.choice((0.2, 0.6)) for _ in range(3)]
    begins = rng.choice((2, 20))
    answers, taken = rng.choice((0.3, 1.0)), rng.choice((0.2, 0.7))

    def after(before: Offer, is_asked: bool, n_bits: int) -> Offer:
        if before.waits():
            return replace(before, ready=bit(rng, taken))
        return replace(any_offer(rng, n_bits), valid=bit(rng, answers * is_asked), ready=bit(rng, taken))

    oracle.step(True, now)
    for cycle in range(LEGAL_CYCLES if kind == "legal" else MOST_CYCLES):
        if how == "unasked" and cycle == begins:  # until all that was asked for is answered
            asks[rng.randrange(2) if side == "write" else 2] = 0.0
        asked = tuple((bit(rng, p), bit(rng, 0.7 * (n < MOST_OPEN))) for p, n in zip(asks, oracle.open, strict=True))
        was = now
        now = Accesses(
            asked,
            after(was.write, 0 not in oracle.open[:2], WRITE_BITS),
            after(was.read, oracle.open[2] != 0, READ_BITS),
        )
        if cycle >= begins and (wrong := _wrong(side, how, was, now, oracle.open)) is not None:
            yield wrong
            return
        oracle.step(False, now)
        yield now


def _wrong(side: str, how: str, was: Accesses, now: Accesses, left: Sequence[int]) -> Accesses | None:
    """Return the cycle with what is broken in it, if that is possible now."""
    if side == "legal":
        return None
    if side == "asked":
        i = int(how.removeprefix("x "))
        return replace(now, asked=(*now.asked[:i], (now.asked[i][0], "x"), *now.asked[i + 1 :]))
    before, answer = getattr(was, side), getattr(now, side)
    if how == "unasked":
        is_asked = 0 not in (left[:2] if side == "write" else left[2:])
        return None if is_asked else replace(now, **{side: replace(answer, valid="1")})
    if how == "x new":  # an answer that comes, without a value
        return replace(now, **{side: replace(answer, value=None)}) if answer.valid > before.valid else None
    if before.waits() != (how != "x"):
        return None
    return replace(now, **{side: broken(how, answer)})
