"""What is counted of flows at a virtual switch, and of frames at a sampled port: frames, which of them are samples.

At a virtual switch copies that leave marked (ECN), too.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel, out_of_line
from hwmodel.machine.counts.flow_state import MAX_PASSED_FLOWS
from hwmodel.machine.time.random_stream import next_u32
from hwmodel.rules.ethernet import FCS_BYTES


@kernel
def row_of(nic, flow):
    """Return what is counted of a flow; those without a number, as of groups, stand together in the first row."""
    at = flow + 1
    if at >= MAX_PASSED_FLOWS:
        nic.clock.overflow = 1
        at = 0
    return nic.virtual_switch.flow[at]


@out_of_line
def sample(nic, template, n_bytes):
    """Count a frame that a core takes up, and draw whether it is one of the samples; return 1 if it is, else 0."""
    switch = nic.virtual_switch
    flow = template.flow
    if flow < 0 and template.n_copies == 1:  # of a frame from a bridge its only copy says whose it is
        flow = nic.traffic.copy_kind[template.first_copy].flow
    return drawn(switch, switch.params.sample_one_in, row_of(nic, flow), n_bytes + FCS_BYTES)


@kernel
def drawn(owner, one_in, row, n_bytes):
    """Count a frame, and draw by the owner's numbers whether it is a sample; return 1 if it is, else 0."""
    row.frames += 1
    row.n_bytes += n_bytes
    if (next_u32(owner) * one_in) >> 32 != 0:
        return 0
    row.samples += 1
    row.sampled_bytes += n_bytes
    row.sampled_squares += n_bytes * n_bytes
    return 1


@out_of_line
def mark(nic, number, waiting_bytes, n_frames):
    """Mark a copy that finds more than the threshold in front of its receiver, if its sender knows ECN; count it.

    `n_frames`: that are cut of it, and marked with it.
    """
    switch, kind = nic.virtual_switch, nic.traffic.copy_kind[number]
    sent_as = nic.headers.copy_header[number].template
    if kind.is_mirrored or switch.params.knows_ecn[nic.headers.template_header[sent_as].ingress] == 0:
        return
    row = row_of(nic, kind.flow if kind.flow >= 0 else nic.traffic.template[sent_as].flow)
    row.may_be_marked += n_frames
    row.marked += n_frames * int(waiting_bytes > switch.params.ecn_threshold_bytes)
