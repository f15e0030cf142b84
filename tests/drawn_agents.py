"""Agents drawn at random, as a file would have them, for both implementations of docs/agents.md."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from tests.drawn_commands import LINK
from tests.drawn_conditions import OF_STATION
from tests.run_cases import merged

Document = dict[str, Any]
# Nothing waits for a batch, and all clocks are exact: a figure grows with each frame.
BASE: Document = {
    "nic": {"fetch_batch": 1, "tx_writeback_batch": 1, "rx_writeback_batch": 1},
    "driver": {"tx_doorbell_batch": 1, "refill_batch": 1, "rx_interrupt_batch": 1, "tx_interrupt_batch": 1},
    "run": {"clocks": "exact", "warmup": "0ns"},
}
NAMES = ("vf0", "vf1", "vf2", "vf3")
KEYS: Mapping[str, Sequence[Any]] = {
    **{f"switch.ports.{name}.{key}": values for name in NAMES for key, values in OF_STATION.items()}, **LINK,
}  # fmt: skip
SETS_MOST = 3


def _every_or_work(chance: random.Random, longest_us: int) -> str:
    return chance.choice(("0ns", "1ns", f"{chance.randint(1, 999)}ns", f"{chance.randint(1, longest_us)}us"))


# ---- One adapter under load ----


def draw_reactions(seed: int) -> Document:
    """Draw a loaded adapter, and agents that see its figures, hear each other, and set what may be set."""
    chance = random.Random(f"reactions {seed}")
    flows = [
        [sender, chance.choice([one for one in NAMES if one != sender]), f"{chance.randint(3, 30)}00Mbps"]
        for sender in NAMES
    ]
    names = ["one", "two", "three"][: chance.randint(1, 3)]
    agents: dict[str, Any] = {}
    for name in names:
        rules = [_reaction(chance, name, names) for _ in range(chance.randint(1, 3))]
        agents[name] = {"work": _every_or_work(chance, 3), "rules": rules}
        if chance.random() < 0.3 and agents[name]["work"] != "0ns":
            agents[name]["core"] = chance.choice(NAMES)
    return merged(BASE, {
        "workload": {
            "pattern": "flows", "flows": flows, "frame_bytes": chance.choice((64, 570, 1518)),
            "arrivals": chance.choice(("poisson", "poisson", "periodic")), "on_full": chance.choice(("wait", "drop")),
        },
        "nic": {"tx_ring": 32, "rx_ring": 32, "drop_enable": chance.random() < 0.5},
        "driver": {"vms": {"vf1": {"frame_time": chance.choice(("19.987ns", "1999.987ns"))}}},
        "run": {"duration": "60us"},
        "agents": agents,
        "management": {"latency": f"{chance.randint(1, 9999)}ns"},
    })  # fmt: skip


def _reaction(chance: random.Random, name: str, names: Sequence[str]) -> dict[str, Any]:
    rule: dict[str, Any] = {"when": _seen(chance)}
    if chance.random() < 0.25:
        rule["when"] = {"message": "look"}
    if chance.random() < 0.3 and rule["when"] != {"message": "look"}:
        rule["send"] = {"to": chance.choice(names), "message": "look"}
    if "send" not in rule or chance.random() < 0.5:
        sets = [_set(chance) for _ in range(chance.randint(1, SETS_MOST))]
        rule["set"] = sets[0] if len(sets) == 1 and chance.random() < 0.5 else sets
    return rule


def _set(chance: random.Random) -> dict[str, Any]:
    key = chance.choice(sorted(LINK) if chance.random() < 0.15 else sorted(KEYS))
    return {key: chance.choice(KEYS[key])}


def _seen(chance: random.Random) -> dict[str, Any]:
    of = chance.choice(NAMES)
    begins = {"from": f"{chance.randrange(30_000)}ns"} if chance.random() < 0.3 else {}
    kind = chance.choice(("each", "each", "above", "within", "silent", "level", "short", "every", "empty"))
    if kind == "each":
        figure = chance.choice(("delivered", "delivered", "drops"))
        return {"of": of, "figure": figure, "each": chance.choice((1, 2, chance.randint(1, 20))), **begins}
    if kind == "above":
        return {"of": of, "figure": chance.choice(("delivered", "drops")), "above": chance.randint(1, 30), **begins}
    if kind == "within":
        within = {"within": f"{chance.randint(500, 9000)}ns"}
        return {"of": of, "figure": "delivered", "above": chance.randint(1, 6), **within, **begins}
    if kind == "silent":
        within = {"within": f"{chance.randint(500, 9000)}ns"}
        return {"of": of, "figure": "delivered", "below": chance.randint(1, 3), **within, **begins}
    if kind == "level":
        return {"of": of, "figure": "tx_ring", chance.choice(("above", "below")): chance.randint(1, 8), **begins}
    if kind == "short":
        return {"vm": of, chance.choice(("delivered", "dropped")): chance.randint(1, 20), **begins}
    if kind == "empty":
        return {"vm": of, "tx_ring": "empty", **begins}
    return {"every": f"{chance.randint(1000, 20_000)}ns"}


# ---- Ties: a quiet machine in which much is to be done at one instant ----


def draw_ties(seed: int) -> Document:
    """Draw agents of whole microseconds at an idle adapter: ends, messages and timers come at the same instants.

    A message of level k leads to those of level k + 1 alone, so that nothing feeds itself.
    """
    chance = random.Random(f"ties {seed}")
    names = ["e", "d", "c", "b", "a"][: chance.randint(2, 5)]
    apart = names[-1] if chance.random() < 0.4 else ""
    agents: dict[str, Any] = {}
    for at, name in enumerate(names):
        rules: list[dict[str, Any]] = []
        if at == 0 or chance.random() < 0.5:
            rules.append({"when": {"every": f"{chance.randint(1, 4)}us"}})
        if name != apart and chance.random() < 0.3:
            rules.append({"when": {"silence": chance.choice(("m0", "m1")), "for": f"{chance.randint(3, 7)}us"}})
        if name != apart and chance.random() < 0.6:
            begins = f"{chance.randint(2, 18)}us"
            rules.append({"when": {"vm": chance.choice(NAMES), "tx_ring": "empty", "from": begins}})
        for level in range(3):
            if chance.random() < 0.7:
                sender = {"from": chance.choice(names)} if chance.random() < 0.3 else {}
                rules.append({"when": {"message": f"m{level}", **sender}})
        if not rules:
            rules.append({"when": {"message": "m0"}})
        for number, rule in enumerate(rules):
            level = int(rule["when"]["message"][1:]) + 1 if "message" in rule["when"] else 0
            if name != apart:
                key = f"switch.ports.vf{at % 4}.{('rate_limit', 'weight')[number % 2]}"
                values = ("200Mbps", "300Mbps") if number % 2 == 0 else (2, 3)
                rule["set"] = [{key: value} for value in values]
            if name == apart or chance.random() < 0.7:
                rule["send"] = {"to": chance.choice(names), "message": f"m{level}"}
        agents[name] = {**({"apart": True} if name == apart else {}), "rules": rules}
        agents[name]["work"] = chance.choice(("0ns", "0ns", "1us", "2us"))
    return merged(BASE, {
        "workload": {"load": 0}, "run": {"duration": "20500ns"}, "switch": {"scheduler": "weighted"},
        "agents": agents, "management": {"latency": f"{chance.randint(1, 3)}us"},
    })  # fmt: skip


# ---- Chains over several servers ----


def draw_chain(seed: int) -> Document:
    """Draw servers on a bridge, and chains: what one sees goes over the network to what another server is told."""
    chance = random.Random(f"chain {seed}")
    servers = list("abcd")[: chance.choice((2, 2, 3, 4))]
    flows = []
    for server in servers:
        sender, receiver = chance.sample(NAMES, 2)
        flows.append([f"{server}.{sender}", f"{chance.choice(servers)}.{receiver}", f"{chance.randint(10, 30)}00Mbps"])
    agents: dict[str, Any] = {}
    for number in range(chance.randint(1, 2)):
        _, seen, _ = chance.choice(flows)
        at, to = seen.partition(".")[0], chance.choice(servers)
        last = f"limiter{number}"
        boss = f"boss{number}" if chance.random() < 0.5 else ""
        agents[f"seer{number}"] = {
            "server": at, "work": _every_or_work(chance, 2),
            "rules": [{"when": _of_chain(chance, seen), "send": {"to": boss or last, "message": "busy"}}],
        }  # fmt: skip
        if chance.random() < 0.3 and agents[f"seer{number}"]["work"] != "0ns":
            agents[f"seer{number}"]["core"] = seen
        if boss:
            agents[boss] = {
                "apart": True, "work": _every_or_work(chance, 2),
                "rules": [{"when": {"message": "busy"}, "send": {"to": last, "message": "less"}}],
            }  # fmt: skip
        agents[last] = {"server": to, "work": _every_or_work(chance, 4), "rules": [_answer(chance, servers, flows)]}
        agents[last]["rules"][0]["when"] = {"message": "less" if boss else "busy"}
        if chance.random() < 0.3:
            agents[last]["rules"].append(
                {"when": {"every": f"{chance.randint(5, 20)}us"}, **_answer(chance, servers, flows)}
            )
    order = [*agents]
    chance.shuffle(order)
    return merged(BASE, {
        "servers": [{"name": name} for name in servers],
        "bridge": {"announce": False, "latency": f"{chance.randint(100, 900)}ns"},
        "workload": {
            "pattern": "flows", "flows": flows, "frame_bytes": chance.choice((64, 512, 1518)),
            "arrivals": chance.choice(("poisson", "periodic")),
        },
        "run": {"duration": f"{chance.randint(20, 60)}500ns"},
        "agents": {name: agents[name] for name in order},
        "management": {"latency": f"{chance.choice((0, 1, 3000, chance.randint(1, 15_000)))}ns"},
    })  # fmt: skip


def _of_chain(chance: random.Random, seen: str) -> dict[str, Any]:
    if chance.random() < 0.7:
        return {"of": seen, "figure": "delivered", "each": chance.randint(1, 5)}
    within = f"{chance.randint(1000, 9000)}ns"
    return {
        "of": seen,
        "figure": "delivered",
        chance.choice(("above", "below")): chance.randint(1, 4),
        "within": within,
    }


def _answer(chance: random.Random, servers: Sequence[str], flows: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Set what a sender of some flow may send, at any server."""
    server, _, sender = chance.choice(flows)[0].partition(".")
    if chance.random() < 0.2:
        server = chance.choice(servers)
    key = f"servers.{server}.set.switch.ports.{sender}.rate_limit"
    rates = chance.sample(("200Mbps", "400.003Mbps", "1Gbps", "3Gbps"), chance.randint(1, 3))
    sets = [{key: rate} for rate in rates]
    return {"set": sets if len(sets) > 1 else sets[0]}


# ---- Frames that agents hear and send ----

WORDS = ("alpha", "beta")


def _frame_rule(chance: random.Random, own: Sequence[str], names: Sequence[str], level: int) -> dict[str, Any]:
    """Draw what is done on hearing a frame of a level, which leads to those of the next level alone."""
    asked: dict[str, Any] = {"to": chance.choice(own), "ethertype": 0x88B5 + level}
    if chance.random() < 0.25:
        asked["from"] = chance.choice(names)
    if level and chance.random() < 0.25:
        asked["message"] = chance.choice(WORDS)
    if not level and chance.random() < 0.5:
        del asked["ethertype"]
    return {"when": {"frame": asked}, "send": {"frame": _frame(chance, own, names, level + 1)}}


def _frame(chance: random.Random, own: Sequence[str], names: Sequence[str], level: int) -> dict[str, Any]:
    sent: dict[str, Any] = {"from": chance.choice(own), "ethertype": 0x88B5 + level}
    sent["to"] = chance.choice([one for one in names if one != sent["from"]])
    if chance.random() < 0.1:
        sent["to"] = "ff:ff:ff:ff:ff:ff"
    if chance.random() < 0.7:
        sent["message"] = chance.choice(WORDS)
    if chance.random() < 0.7:
        sent["frame_bytes"] = chance.choice((64, 65, 300, 1518))
    return sent


def draw_frames(seed: int) -> Document:
    """Draw an adapter, loaded or not, whose agents hear frames, set keys, and send frames through full rings."""
    chance = random.Random(f"frames {seed}")
    pace = chance.choice(("idle", "timed", "timed", "closed"))
    flows = [
        [sender, chance.choice([one for one in NAMES if one != sender]),
         *([] if pace == "closed" else [f"{chance.randint(3, 30)}00Mbps"])]
        for sender in NAMES[: chance.randint(1, 4)]
    ]  # fmt: skip
    agents: dict[str, Any] = {}
    for name in ("one", "two")[: chance.randint(1, 2)]:
        rules = [_frame_rule(chance, NAMES, NAMES, level) for level in (0, 1, 2) if chance.random() < 0.7]
        rules.append({"when": {"every": f"{chance.randint(2, 9)}us"},
                      "send": {"frame": _frame(chance, NAMES, NAMES, chance.randrange(2))}})  # fmt: skip
        for rule in rules:
            if chance.random() < 0.3:
                rule["set"] = [_set(chance) for _ in range(chance.randint(1, SETS_MOST))]
        agents[name] = {"work": _every_or_work(chance, 3), "rules": rules}
        if chance.random() < 0.3 and agents[name]["work"] != "0ns":
            agents[name]["core"] = chance.choice(NAMES)
    workload: dict[str, Any] = {"pattern": "flows", "flows": flows, "frame_bytes": chance.choice((64, 570, 1518))}
    workload |= {"load": 0, "pattern": "pairs"} if pace == "idle" else {}
    if pace == "idle":
        del workload["flows"]
    else:
        workload |= {"arrivals": chance.choice(("poisson", "periodic"))} if pace == "timed" else {}
        workload["on_full"] = chance.choice(("wait", "drop"))
    return merged(BASE, {
        "workload": workload,
        "nic": {"tx_ring": 32, "rx_ring": 32, "drop_enable": chance.random() < 0.5},
        "driver": {"vms": {"vf1": {"frame_time": chance.choice(("19.987ns", "1999.987ns"))}}},
        "run": {"duration": "40500ns"},
        "agents": agents,
    })  # fmt: skip


def draw_frame_chain(seed: int) -> Document:
    """Draw servers on a bridge: a VM's frame leads to one of an agent, that to one of another's, and to a setting."""
    chance = random.Random(f"frame chain {seed}")
    document = draw_chain(seed)
    servers = [one["name"] for one in document["servers"]]
    names = [f"{server}.{name}" for server in servers for name in NAMES]
    agents: dict[str, Any] = {}
    for number, server in enumerate(servers):
        own = [f"{server}.{name}" for name in NAMES]
        rules = [_frame_rule(chance, own, names, level) for level in (0, 1, 2) if chance.random() < 0.8]
        heard = [flow[1] for flow in document["workload"]["flows"] if flow[1] in own]
        if heard and rules:
            rules[0]["when"]["frame"]["to"] = chance.choice(heard)
        if number == 0 or chance.random() < 0.3:
            rules.append({"when": {"every": f"{chance.randint(3, 9)}us"},
                          "send": {"frame": _frame(chance, own, names, chance.randint(1, 2))}})  # fmt: skip
        for rule in rules:
            if chance.random() < 0.5:
                rule.update(_answer(chance, servers, document["workload"]["flows"]))
        if rules:
            agents[f"at{server}"] = {"server": server, "work": _every_or_work(chance, 2), "rules": rules}
    return {**document, "agents": {**document["agents"], **agents}}


# ---- Agents that work on cores of functions ----


def draw_cores(seed: int) -> Document:
    """Draw an adapter and agents, most of them on one core, beside frames, messages to the PF, and each other."""
    chance = random.Random(f"cores {seed}")
    document = (draw_reactions, draw_frames, draw_ties)[seed % 3](seed)
    return _on_cores(chance, document, [""])


def draw_core_chain(seed: int) -> Document:
    """Draw the same at servers on a bridge."""
    chance = random.Random(f"core chain {seed}")
    document = (draw_chain, draw_frame_chain)[seed % 2](seed)
    return _on_cores(chance, document, [one["name"] for one in document["servers"]])


def _on_cores(chance: random.Random, document: Document, servers: Sequence[str]) -> Document:
    """Let most agents work on one core of their server, and VFs send messages to their PF."""
    functions = {server: [f"{server}.{name}".removeprefix(".") for name in ("pf", *NAMES)] for server in servers}
    crowded = {server: chance.choice(names) for server, names in functions.items()}
    agents: dict[str, Any] = {}
    for name, about in document["agents"].items():
        agents[name] = dict(about)
        if "apart" in about or chance.random() < 0.15:
            continue
        own = about.get("server", servers[0])
        agents[name]["core"] = chance.choice((crowded[own], crowded[own], chance.choice(functions[own])))
        if about["work"] == "0ns":
            agents[name]["work"] = chance.choice(("1us", "2us", "333.333ns"))
    scenario = []
    for _ in range(chance.choice((0, 1, 2))):
        sender = chance.choice(functions[chance.choice(servers)][1:])
        words = [9, *[0] * chance.randrange(5)]  # which queues the VF has: the answer changes nothing
        times = {"times": chance.randint(2, 4), "every": f"{chance.randint(1, 3000)}ns"}
        message = {"from": sender, "words": words, **chance.choice(({}, times))}
        scenario.append({"at": f"{chance.randint(1000, 9000)}ns", "mailbox": message})
    stall = {"every": "7.003us", "for": f"{chance.randrange(1, 2000)}ns"}
    return merged(document, {
        "host": {"cores": chance.choice((1, 2, 2, 5)), **chance.choice(({}, {}, {"stall": stall}))},
        "driver": {
            "doorbell_time": chance.choice(("0ns", "36.777ns", "250ns")),
            "wakeup_time": chance.choice(("0ns", "900.003ns")),
            "interrupt_time": chance.choice(("0ns", "700.0007ns")), "exit_time": chance.choice(("0ns", "300ns")),
        },
        "agents": agents,
        **({"scenario": scenario} if scenario else {}),
    })  # fmt: skip
