"""An independent SimPy model of servers on a bridge or several joined ones, written from docs/bridge.md alone.

Each server is `oracles.simpy_nic`; its adapter decides by `oracles.forwarding_oracle`, on the bytes of each frame.
"""

from .bus import BusParameters
from .model import simulate_system
from .parameters import (
    OUTSIDE,
    BridgeParameters,
    BridgePort,
    ExtenderParameters,
    Server,
    Setup,
    SystemArrival,
    SystemLoad,
)
from .pcie_tree import PcieSwitchParameters, PcieTreeParameters, SlotParameters
from .results import SYSTEM_PARTS, BridgeOutcome, Delivery, Journey, PortCounts, SystemOutcome
