"""From a configuration to a result: build the machine's state, run the kernels, read out what was measured."""

from hwmodel.simulation.run.dma import Window, dma, peer_writes
from hwmodel.simulation.run.kernel_cache import (
    DMA_ENTRIES,
    PEER_ENTRIES,
    SWITCH_ENTRIES,
    announce_compilation,
    fill_cache,
    load_kernels,
)
from hwmodel.simulation.run.machine import entries_of
from hwmodel.simulation.run.one_frame import LoneTime, lone_frame
from hwmodel.simulation.run.run import Run, simulate, simulate_on_one_core
from hwmodel.simulation.run.seeds import simulate_seeds
