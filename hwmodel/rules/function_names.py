"""Names and numbers of an adapter's functions: a PF for each Ethernet port, and VFs.

`pf` is the PF of the first port, `pf1` to `pf3` are those of further ports, `vf0` and so on are VFs, numbered over all
ports. A name may have its server before it: `a.pf1`, `a.x.vf3`. By their numbers the first PF comes first, then the
VFs, and then further PFs, so that an adapter with one port has the numbers that it would have without them: switch
ports, rings and cores go by these.
"""

from __future__ import annotations

from functools import lru_cache

# What the model has room for: Ethernet ports of an adapter, VFs at all of them, and functions with a PF for each port.
MOST_PORTS, MOST_VFS = 4, 128
MOST_FUNCTIONS = MOST_PORTS + MOST_VFS
PF = "pf"
BEHIND_VFS = 100_000  # above any VF's number
_PFS = frozenset((PF, *(f"{PF}{port}" for port in range(1, MOST_PORTS))))


def is_pf(name: str) -> bool:
    """Tell whether a function, given with its server or without, is the PF of a port."""
    return name.rpartition(".")[2] in _PFS


def pf_name(port: int) -> str:
    """Return the name of the PF of an Ethernet port by the port's number: pf, pf1, pf2, pf3."""
    return f"{PF}{port}" if port else PF


@lru_cache(4 * MOST_FUNCTIONS)
def function_number(name: str, n_vfs: int = BEHIND_VFS) -> int:
    """Return the number of a function by its name: 0 is the PF, K + 1 VF K; PFs of further ports are behind all VFs.

    `n_vfs`: how many VFs the adapter has; without it the number says no more than the order of functions.
    """
    if name.startswith(PF):
        return n_vfs + int(name[2:]) if name != PF else 0
    return int(name.removeprefix("vf")) + 1


def function_name(number: int, n_vfs: int = BEHIND_VFS) -> str:
    """Return the name of a function by its number, as `function_number` has it."""
    return pf_name(number and number - n_vfs) if number == 0 or number > n_vfs else f"vf{number - 1}"


def function_names(n_vfs: int, n_ports: int, *, has_vfs: bool) -> list[str]:
    """Return the names of an adapter's functions, by their numbers: PFs and VFs.

    A PF for each Ethernet port where VMs have VFs; else the host's own at the first port, or at a bond, is enough.
    """
    n_further = n_ports - 1 if has_vfs else 0
    return [function_name(number, n_vfs) for number in range(1 + n_vfs + n_further)]
