"""What a piece of the work of a virtual switch's core is: copies, ends at VMs, bytes, samples, waits for memory."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.forwarding.parse import has_outer_tag
from hwmodel.forwarding.port_set import UPLINK
from hwmodel.machine.counts.passed_flows import sample
from hwmodel.machine.switch.decisions import template_of
from hwmodel.machine.switch.segments import copies_for_uplink, pieces_of


@kernel
def clear(task):
    """Begin to count what a piece of a core's work is."""
    task.n_copies, task.n_ends, task.n_bytes, task.n_samples = 0, 0, 0, 0
    task.n_cut, task.n_driven, task.driven_bytes, task.n_tags = 0, 0, 0, 0


@kernel
def add_copies(nic, task, number, n_bytes, n_taken):
    """Add the copies that the tables make of a frame, mirrored ones too, to what a core of the switch is to do.

    Where VMs have threads these hand copies over, and what is done here is one that takes a frame from its guest, of
    which there are `n_taken`.
    """
    template = template_of(nic, number)
    if nic.virtual_switch.params.sample_one_in > 0:
        task.n_samples += sample(nic, template, n_bytes)
    n = template.n_copies + template.n_mirrored
    task.n_copies += max(1, n)
    has_threads = nic.virtual_switch.params.n_threads > 0
    task.n_bytes += (n_taken if has_threads else n) * n_bytes
    n_out = copies_for_uplink(nic, number)
    if nic.virtual_switch.params.cuts:
        task.n_cut += n_out * pieces_of(nic.virtual_switch.params, n_bytes)
    task.n_ends += (n - n_out) * (1 - has_threads)
    task.n_driven += n_out
    task.driven_bytes += n_out * n_bytes
    if nic.virtual_switch.params.tag_fs > 0:
        task.n_tags += outer_tags(nic, number, template)


@kernel
def outer_tags(nic, number, template):
    """Return how many outer tags a frame loses that comes by the uplink, and its copies for the uplink have."""
    arrival, kind = nic.headers.template_header[number], nic.port[0].switch.tables.port[UPLINK].outer_kind
    n = int(arrival.ingress == UPLINK and has_outer_tag(arrival.octets, kind))
    for at in range(template.first_copy, template.first_copy + template.n_copies + template.n_mirrored):
        if nic.traffic.copy_kind[at].port == UPLINK:
            n += int(has_outer_tag(nic.headers.copy_header[at].octets, kind))
    return n


@kernel
def wait_for_memory(switch, core, n_bytes):
    """Let the host's memory make the copies of a piece, `n_bytes`; its core waits for that, which is copying too.

    A piece that copies nothing waits for no copies of others.
    """
    memory_fs = n_bytes * switch.params.memory_byte_fs
    if memory_fs == 0:
        return
    switch.memory_free_fs = max(switch.memory_free_fs, core.started_fs) + memory_fs
    switch.counts.memory_busy_fs += memory_fs
    core.copying_fs = max(core.copying_fs, switch.memory_free_fs - core.started_fs - core.passing_fs)
