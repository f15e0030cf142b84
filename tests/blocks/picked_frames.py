"""Frames picked by the Tx scheduler as fast as it gives them."""

from __future__ import annotations

from hwmodel.machine.adapter.scheduler import pick


def picks(nic, n=10**6, now_fs=0):
    """Pick up to n frames as fast as their reads go; return (function, bytes) in order."""
    found = []
    while len(found) < n:
        before = int(nic.grants.tail)
        pick(nic, now_fs)
        if nic.grants.tail == before:
            break
        frame = nic.grants.ring[before & nic.grants.mask]
        queue = nic.tx_queue[frame.queue]
        found.append((int(queue.params.function), int(frame.n_bytes)))
        nic.reads.left_bytes = 0  # as if all its reads had tags
    return found


def who(found):
    return [function for function, _ in found]
