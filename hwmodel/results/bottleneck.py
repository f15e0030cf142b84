"""What may set the throughput, judged from one window: all suspects, and a first guess among them.

The resources are those of `hwmodel.resources`, servers and stores. A server's busy share, or the share of its
capacity that a store lent, tells whether it is full. If none is full, or several are, these shares do not tell what a
larger one would gain: then `simulation.judgement` runs the suspects made larger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from hwmodel import resources
from hwmodel.resources import BY_NAME, CORE, OF_PORTS, OFFERED_LOAD, RX_RING, Resource
from hwmodel.results.bottleneck_text import (
    AS_FULL,
    FULL_OF_LOST,
    FULLEST_ON_AVERAGE,
    STOPPED_FROM_OUTSIDE,
    is_rate_limit,
    lost_to,
    nearly_full_load,
    room_on_average,
    sentence,
    with_as_full,
)
from hwmodel.results.observation import Observation
from hwmodel.results.result import Bottleneck
from hwmodel.rules.drop_kinds import CONGESTION_DROPS, LATE_DROPS, POLICED_DROPS, RX_DROPS
from hwmodel.words.limits import at_port, of_any_port
from hwmodel.words.quantities import server_title

FULL = 0.985  # a link in round-robin service reaches 99 % and more; the rest is the ends of the window
NEARLY_FULL = 0.9  # a less busy resource has room for a tenth more
MATTERS, WAITED_FOR = 0.5, 0.01  # shares above which a server, or a store, may be the limit
LOSS = 0.001  # a smaller share of the frames, lost in a burst, does not set the throughput
MUCH_LOSS = 0.02  # a smaller share, were none of it lost, would raise the throughput by less than matters
BACKLOG = 0.01
# The adapter's rings at a virtual switch are its uplink's: each of its cores sends by one of them.
UPLINK_RING_KEYS = ("nic.queue_time", "host.virtual_switch.uplink_queues", "host.virtual_switch.cores")
PASS_KEYS = ("driver.pass_time", "driver.pass_byte_time", "driver.pass_by")


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """Hold what may set the throughput: a resource as a window shows it.

    `resource`: its name in results; `share`: how busy it is; `use`: the share of its capacity that it gave, 0 for a
    store of which that is unknown. `why`, `keys`: as in `Bottleneck`. `lost_frames`: frames dropped by the queue before
    a port. `mean_share`: where `share` is that of its fullest moment, a share of the whole window: for how long frames
    waited for it, or how many it lost. `loses_behind`: a port inward, of whose adapter's frames many drop for want of
    room in its Rx buffer or rings.
    """

    resource: str
    share: float
    use: float
    why: str
    keys: tuple[str, ...]
    lost_frames: int = 0
    mean_share: float | None = None
    loses_behind: bool = False

    @property
    def bottleneck(self) -> Bottleneck:
        """Return the suspect as a bottleneck."""
        return Bottleneck(resource=self.resource, utilization=self.share, why=self.why, keys=self.keys)

    @property
    def is_core(self) -> bool:
        """Tell whether it is a core, which several keys make faster."""
        return self.resource.endswith(CORE)


Where = Callable[[str], str]  # where the configuration has one of an adapter's keys


def suspects_of(seen: Observation, prefix: str = "", where: Where = str) -> list[Suspect]:
    """Return what may set the throughput of an adapter, the fullest first.

    `prefix` stands before its names; `where` says where the configuration has its keys.
    """

    places = [(name, seen) for name in _suspected(seen)]
    for core in seen.other_cores:
        there = seen.at_core(core)
        if there.busy(there.core_side) > MATTERS:
            places.append((there.core_side, there))
    return [_suspect(name, there, prefix, where) for name, there in sorted(places, key=_rank)]


def _rank(place: tuple[str, Observation]) -> tuple[float, bool, float, bool]:
    name, seen = place
    holds_all = name == RX_RING and bool(seen.rx_blocked)  # a tie: an empty ring fills the others
    return -use_of(name, seen), name in resources.STORES, -share_of(name, seen), not holds_all


def _suspect(name: str, seen: Observation, prefix: str, where: Where) -> Suspect:
    return Suspect(
        resource=prefix + (_row(name).published or name),
        share=share_of(name, seen),
        use=use_of(name, seen),
        why=_of_server(prefix) + _sentence(name, seen),
        keys=tuple(map(where, _keys_of(name, seen))),
        mean_share=max(seen.wait(name), min(1.0, seen.lost_share("NO_DESCRIPTOR"))) if name == RX_RING else None,
        loses_behind=of_any_port(name) == resources.WIRE_RX and seen.lost_share(*RX_DROPS) > MUCH_LOSS,
    )


def busiest_of(seen: Observation, prefix: str = "", where: Where = str) -> Bottleneck | None:
    """Return the busiest resource of an adapter as a bottleneck; None if none is busy."""
    known = [name for name in seen.utilizations if of_any_port(name) in BY_NAME and seen.busy(name) > 0]
    name = max(known, key=seen.busy, default=None)
    if name is None:
        return None
    return _suspect(seen.core_side if name in CORE else name, seen, prefix, where).bottleneck


def _of_server(prefix: str) -> str:
    return f"{server_title(prefix[:-1])}: " if prefix else ""


def _keys_of(name: str, seen: Observation) -> tuple[str, ...]:
    """Return the keys that make a resource larger."""
    keys = _row(name).keys
    if name in CORE:
        keys = tuple(f"{block}.{key.partition('.')[2]}" for block in seen.core_blocks for key in keys)
        return (*PASS_KEYS, *keys) if seen.passes_frames else keys
    if seen.switching is not None and name == resources.VSWITCH:
        return seen.switching.keys
    if name == resources.QUEUE and resources.VSWITCH in seen.utilizations:
        return UPLINK_RING_KEYS
    if name in seen.stopped and seen.stopped[name].share > seen.busy(name):
        return STOPPED_FROM_OUTSIDE
    if name == RX_RING and seen.lost_in_stalls > seen.drops.get("NO_DESCRIPTOR", 0) / 2:
        return (*keys, "host.stall")
    if name == RX_RING and seen.use(name) >= MATTERS:
        return _refill_keys(seen, [vm for vm, share in seen.refusing.items() if share >= WAITED_FOR])
    return keys


def _row(name: str) -> Resource:
    return BY_NAME[of_any_port(name)]


def _sentence(name: str, seen: Observation) -> str:
    """Return the reason for a resource, with the port at which it is."""
    own = of_any_port(name)
    if own == name:
        return sentence(name, seen)
    port = name.partition(".")[0]
    stopped = {own: seen.stopped[name]} if name in seen.stopped else {}
    there = replace(seen, utilizations={**seen.utilizations, own: seen.busy(name)}, stopped=stopped)
    return f"Port {port}: {sentence(own, there)}"


def _suspected(seen: Observation) -> Iterator[str]:
    names = (at_port(port, name) for name in BY_NAME for port in (seen.ports if name in OF_PORTS else ("",)))
    for name in names:
        if name == OFFERED_LOAD or (name in CORE and name != seen.core_side):
            continue
        least = WAITED_FOR if name in resources.STORES else MATTERS
        if name == resources.DRAIN and seen.wait(resources.POSTED) <= LOSS:
            continue  # if nothing waits for posted credits, the drain returns them in time
        if max(share_of(name, seen), use_of(name, seen)) > least:
            yield name


def share_of(name: str, seen: Observation) -> float:
    """Return how busy a resource is: a server's busy share, else the share in which work waited for it.

    For credits: the share of their capacity used, if that is more. For the load: the busiest server's share.
    """
    if name == OFFERED_LOAD:
        return max((seen.busy(server) for server in seen.utilizations), default=0.0)
    if name == RX_RING:
        return max(seen.wait(name), seen.rx_ring_fill)
    row = _row(name)
    used = seen.use(name) if row.published == resources.CREDITS else 0.0
    return min(1.0, max(seen.busy(name), seen.wait(name), used, seen.lost_share(*row.drops)))


def use_of(name: str, seen: Observation) -> float:
    """Return the share of its capacity that a resource gave; 0 where that is unknown."""
    row = _row(name)
    return 0.0 if row.is_store and not row.has_use else min(1.0, seen.use(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """Hold what a window says of its limit: the suspects, and the load as a bottleneck.

    `is_load_enough`: an open load, all of which gets through. `loses_late`: frames drop after they were sent, so a full
    resource may be full of frames that get lost; `loses_much`: so many that more than the load may limit. `polices`:
    policers drop such frames, so no full resource need be the limit. `has_offers`: any frame was offered. `refusal`:
    the bottleneck if the only losses are at rings that are never refilled. `busiest`: the resource that is busiest,
    however idle. `is_open`: senders follow an open load. `less`: in words, what rules and what is off drop of it.
    """

    suspects: tuple[Suspect, ...]
    load: Bottleneck
    is_load_enough: bool
    loses_late: bool = False
    loses_much: bool = False
    polices: bool = False
    has_offers: bool = True
    refusal: Bottleneck | None = None
    busiest: Bottleneck | None = None
    is_open: bool = False
    less: str = ""


def load_of(seen: Observation) -> Bottleneck:
    """Return an adapter's load as a bottleneck."""
    return Bottleneck(
        resource=OFFERED_LOAD,
        utilization=share_of(OFFERED_LOAD, seen),
        why=sentence(OFFERED_LOAD, seen),
        keys=BY_NAME[OFFERED_LOAD].keys,
    )


def sighting_of(seen: Observation) -> Sighting:
    """Return what the window of one adapter says of its limit."""
    return Sighting(
        suspects=tuple(suspects_of(seen)),
        load=load_of(seen),
        is_load_enough=seen.open_load and all_gets_through(seen),
        loses_late=loses_late(seen),
        loses_much=loses_late(seen, MUCH_LOSS),
        polices=polices(seen),
        has_offers=seen.offered_frames > 0,
        refusal=refusal(seen) if loses_by_refusal(seen) else None,
        busiest=busiest_of(seen),
        is_open=seen.open_load,
        less=lost_to(seen.dropped_by_rules(LOSS), seen.dropped_at_what_is_off(LOSS)),
    )


def loses_by_refusal(seen: Observation) -> bool:
    """Tell whether never refilled rings lose frames while all other frames get through (or there are none)."""
    loses = sum(seen.refused_frames.values()) > LOSS * seen.offered_frames
    return loses and (seen.frame_bytes is None or (seen.open_load and all_gets_through(seen)))


def refusal(seen: Observation, prefix: str = "", where: Where = str) -> Bottleneck:
    """Return an adapter's never refilled Rx rings as its bottleneck; `prefix`, `where`: as for `suspects_of`."""
    why = _of_server(prefix) + sentence(RX_RING, seen)
    keys = map(where, _refill_keys(seen, [vm for vm, n_lost in seen.refused_frames.items() if n_lost]))
    return Bottleneck(resource=f"{prefix}{resources.RX_DESCRIPTORS}", utilization=1.0, why=why, keys=tuple(keys))


def _refill_keys(seen: Observation, vms: Iterable[str]) -> tuple[str, ...]:
    """Return the keys that let VMs post Rx descriptors again."""
    return tuple(dict.fromkeys(seen.refill_keys.get(vm, "driver.refill") for vm in vms))


def losing_first(suspects: Iterable[Suspect], least: float) -> tuple[Suspect, ...]:
    """Put full ports that drop over `least` frames first: what is full before them carries frames that get lost."""
    return tuple(sorted(suspects, key=lambda one: not (one.use >= AS_FULL and one.lost_frames > least)))


def by_shares(seen: Sighting) -> Bottleneck:
    """Return the bottleneck by one window's shares alone: the fullest resource, or the load if all gets through."""
    if seen.refusal is not None:
        return seen.refusal
    hot = [one for one in seen.suspects if _is_told_as_full(one)]
    if not seen.suspects or (seen.is_load_enough and not hot):
        return seen.load
    if seen.is_load_enough and seen.has_offers:
        return load_beside(hot, seen.less)
    # What is full of frames that are lost behind it is no limit where what they wait for is full too.
    behind = [one for one in seen.suspects if not one.loses_behind]
    has_cause = any(one.use >= AS_FULL for one in behind)
    fullest = max(behind if has_cause else seen.suspects, key=_fullness)  # the first at a tie
    is_idle = all(max(one.share, one.use) < MATTERS for one in seen.suspects)
    if is_idle:  # one of several servers, limited elsewhere
        limit = next((one for one in seen.suspects if is_rate_limit(one.resource)), None)
        return seen.load if limit is None else with_beside(limit.bottleneck, seen.suspects)
    return with_beside(fullest.bottleneck, seen.suspects)


def by_means(seen: Sighting, found: Bottleneck) -> Bottleneck:
    """Return a bottleneck by shares of the whole window: a fullest moment is of one of the machines that it is of."""
    means = tuple(one if one.mean_share is None else replace(one, share=one.mean_share) for one in seen.suspects)
    if seen.refusal is not None or all(one.resource != found.resource or one in means for one in seen.suspects):
        return found
    kept = tuple(one for one in means if max(one.share, one.use) > WAITED_FOR)
    if seen.is_load_enough or not kept:
        return by_shares(replace(seen, suspects=kept))
    return max(kept, key=_fullness).bottleneck


def shows_why_nothing_came(found: Bottleneck, seen: Sighting) -> bool:
    """Tell whether a window without a delivery shows what kept the frames.

    That is a stop from outside, rings that refuse them or that nobody refills, or a limit of rate.
    """
    is_refill = any(key.endswith(".refill") for key in found.keys)
    return found.keys == STOPPED_FROM_OUTSIDE or seen.refusal is not None or is_refill or is_rate_limit(found.resource)


def not_judged(seen: Sighting, found: Bottleneck, why: str) -> Bottleneck:
    """Adapt a bottleneck to a window without short runs, for the reason `why`: what is not full may never limit.

    The window may be a mean over changes of the machine, or of a machine that changed before. Then the load is no limit
    of a closed loop where nothing else is busy: its senders may have sent less because of a dead wire, say. Nor is a
    wire one that is full of frames which get lost behind it.
    """
    if seen.busiest is not None and _is_less_full(found, seen, seen.busiest.utilization):
        limits = (one for one in seen.suspects if is_rate_limit(one.resource))
        limit = next((one for one in limits if one.share > seen.busiest.utilization), None)
        found = seen.busiest if limit is None else limit.bottleneck
    if any(one.resource == found.resource and one.loses_behind for one in seen.suspects):
        return replace(found, why=FULL_OF_LOST, also=(), gain=None)
    if found.resource == OFFERED_LOAD and why == FULLEST_ON_AVERAGE:
        return replace(found, why=room_on_average(found.why))
    if found.resource == OFFERED_LOAD or found.utilization >= NEARLY_FULL:
        return found
    return replace(found, why=why, also=(), gain=None)


def _is_less_full(found: Bottleneck, seen: Sighting, busy: float) -> bool:
    """Tell whether what a window names is less full than its busiest resource is, by share and by use.

    An open load stays, as does a rate limit, which holds frames back and is never full.
    """
    if found.resource == OFFERED_LOAD:
        return not seen.is_open and busy >= found.utilization
    known = (max(one.share, one.use) for one in seen.suspects if one.resource == found.resource)
    return not is_rate_limit(found.resource) and busy > max(known, default=found.utilization)


def _fullness(one: Suspect) -> tuple[float, float]:
    """Rank by use if known, then by share; little-used resources that nothing waits for, by their share alone."""
    counts = one.use >= MATTERS or (one.use > 0 and one.share >= WAITED_FOR)
    return (one.use, 0.0) if counts else (0.0, one.share)


def _is_told_as_full(one: Suspect) -> bool:
    """Tell whether a resource is nearly full and its busy share is published: a server, tags or credits."""
    is_told = one.use > 0 or one.resource.endswith(resources.TAGS)
    return is_told and max(one.share, one.use) >= AS_FULL


def load_beside(hot: Sequence[Suspect], less: str = "") -> Bottleneck:
    """Return the first of some nearly full resources as bottleneck, beside the load, all of which gets through.

    `less`: in words, what of it does not, whatever room there is.
    """
    first = hot[0]
    also = tuple(dict.fromkeys((OFFERED_LOAD, *(one.resource for one in hot[1:] if one.resource != first.resource))))
    return replace(first.bottleneck, why=nearly_full_load(first.why, also[1:], less), also=also)


def loses_late(seen: Observation, share: float = LOSS) -> bool:
    """Tell whether a share drops after it was sent, so that full resources may carry frames that get lost."""
    return seen.lost_share(*LATE_DROPS) > share


def polices(seen: Observation) -> bool:
    """Tell whether policers drop a relevant share of the frames."""
    return seen.lost_share(*POLICED_DROPS) > LOSS


def all_gets_through(seen: Observation) -> bool:
    """Tell whether all that is offered gets through, but for losses in a burst or at the ends of the window.

    Losses at never refilled rings are left out: they do not depend on the load.
    """
    offered = max(1, seen.offered_frames)
    lost = seen.lost_frames(*CONGESTION_DROPS, *POLICED_DROPS) - sum(seen.refused_frames.values())
    return lost <= LOSS * offered and seen.backlog_frames <= BACKLOG * offered


def with_beside(found: Bottleneck, suspects: Sequence[Suspect]) -> Bottleneck:
    """Add to a bottleneck the other resources that are as full."""
    known = {found.resource, *found.also}
    beside = [one.resource for one in suspects if _is_told_as_full(one) and one.resource not in known]
    names = tuple(dict.fromkeys(beside))
    # Two kinds of credits share a name, so their keys are added.
    others = [one for one in suspects if one.resource == found.resource and not set(one.keys) & set(found.keys)]
    own = [one for one in others if one.use >= AS_FULL]
    words = [f"{one.resource} ({', '.join(one.keys)})" for one in own] + list(names)
    if not words:
        return found
    also = (*found.also, *dict.fromkeys(one.resource for one in own), *names)
    return replace(found, why=with_as_full(found.why, words), also=also)
