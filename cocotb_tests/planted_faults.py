"""Faults for the proofs to find: a text of the Verilog that is replaced, and the claims that must then break."""

from __future__ import annotations

from dataclasses import dataclass

from rtl.formal.proofs import Replacement


@dataclass(frozen=True)
class Fault:
    """A fault, the proof that must find it, and the claims one of which a counterexample from reset breaks."""

    name: str
    proof: str
    replacement: Replacement
    claims: tuple[str, ...]
    n_cycles: int = 8  # in which the counterexample ends


def _fault(name: str, proof: str, file: str, old: str, new: str, *claims: str, n_cycles: int = 8) -> Fault:
    return Fault(name, proof, Replacement(f"{file}.v", old, new), claims, n_cycles)


FAULTS = (
    _fault(
        "fifo-never-full", "ingress_fifo_one_lane", "ingress_fifo",
        "(is_full || (takes_word && used == ALL_BUT_ONE))", "is_full",
        "never_writes_when_full", "ready_means_room", "never_too_full",
    ),
    _fault(
        "fifo-loses-a-word", "ingress_fifo_one_lane", "ingress_fifo",
        "read_at <= after(read_at);", "read_at <= after(after(read_at));",
        "word_is_what_came_in", "never_reads_what_is_written", n_cycles=11,
    ),
    _fault(
        "fifo-forgets-that-words-are-free", "ingress_fifo_one_lane", "ingress_fifo",
        "- {{(USED_W - 2) {1'b0}}, n_back};", ";",
        "counts_words", "ready_means_room",
    ),
    _fault(
        "fifo-clears-no-lanes", "ingress_fifo", "ingress_fifo",
        "gathered <= {BUS_W{1'b0}};", "",
        "word_is_what_came_in", n_cycles=11,
    ),
    _fault(
        "fifo-describes-the-frame-behind", "ingress_fifo_one_lane", "ingress_fifo",
        "head <= has_second ? second : fetched;", "head <= fetched;",
        "description_is_the_frames",
    ),
    _fault(
        "fifo-fetches-too-few-descriptions", "ingress_fifo_one_lane", "ingress_fifo",
        "!has_both;", "!has_fetched;",
        "offers_whole_frames", n_cycles=11,
    ),
    _fault(
        "fifo-cuts-no-frame", "ingress_fifo_no_excess", "ingress_fifo",
        "assign cut_at = after(write_at);", "assign cut_at = write_at;",
        "word_is_what_came_in", "never_reads_what_is_written", n_cycles=13,
    ),
    _fault(
        "arbiter-keeps-its-pointer", "input_arbiter", "input_arbiter",
        "from_pointer <= above_lowest;", "from_pointer <= above_lowest | pick;",
        "waits_for_each_other_port_once",
    ),
    _fault(
        "arbiter-moves-its-pointer-without-a-grant", "input_arbiter", "input_arbiter",
        "            read_first <= granting;\n",
        "            read_first <= granting;\n            from_pointer <= 0;\n",
        "waits_for_each_other_port_once",
    ),
    _fault(
        "arbiter-holds-the-bus-for-a-word-more", "input_arbiter", "input_arbiter",
        "left <= pick_more;", "left <= pick_more + 1'b1;",
        "no_pause", "reads_every_word",
    ),
    _fault(
        "arbiter-lets-the-bus-go-early", "input_arbiter", "input_arbiter",
        "is_held <= left != 1;", "is_held <= left > 2;",
        "no_grant_while_held",
    ),
    _fault(
        "arbiter-grants-two", "input_arbiter", "input_arbiter",
        "assign pick = candidates & ~above_lowest;", "assign pick = candidates;",
        "one_grant",
    ),
    _fault(
        "scheduler-keeps-its-pointer", "output_scheduler", "output_scheduler",
        "from_pointer <= ~(picked | (picked - 1'b1));", "from_pointer <= ~(picked - 1'b1);",
        "round_robin_passes_over_each_once",
    ),
    _fault(
        "scheduler-forgets-the-deficit", "output_scheduler", "output_scheduler",
        "deficit[pick] <= deficit[pick] + {1'b0, quantum", "deficit[pick] <= {1'b0, quantum",
        "served_within_the_rounds", n_cycles=9,
    ),
    _fault(
        "scheduler-fills-the-deficit-as-it-sends", "output_scheduler", "output_scheduler",
        "if (turns) begin", "if (due && may_send != 0) begin",
        "deficit_is_bounded",
    ),
    _fault(
        "scheduler-turns-without-an-order", "output_scheduler", "output_scheduler",
        "ahead[pick] <= ~picked;", "ahead[pick] <= 0;",
        "list_is_an_order",
    ),
    _fault(
        "scheduler-joins-at-the-head", "output_scheduler", "output_scheduler",
        "for (i = 0; i < PRIORITIES; i = i + 1) ahead[i][enter_queue] <= 1'b0;\n"
        "                        ahead[enter_queue] <= ~(ONE << enter_queue);",
        "for (i = 0; i < PRIORITIES; i = i + 1) ahead[i][enter_queue] <= 1'b1;\n"
        "                        ahead[enter_queue] <= 0;",
        "place_is_kept",
    ),
    _fault(
        "scheduler-takes-a-lower-queue", "output_scheduler", "output_scheduler",
        "= ONE << k;", "= ONE << (k / 2);",
        "strict_lets_no_lower_pass",
    ),
    _fault(
        "scheduler-sends-what-is-paused", "output_scheduler_with_pauses", "output_scheduler",
        "if (may_send[k]) highest", "if (has_frames[k]) highest",
        "chooses_nothing_that_is_paused", "some_queue_if_any_waits",
    ),
    _fault(
        "scheduler-lets-a-paused-head-hold-the-list", "output_scheduler_with_pauses", "output_scheduler",
        "may_send[k] && (may_send & ahead[k]) == 0", "may_send[k] && (has_frames & ahead[k]) == 0",
        "some_queue_if_any_waits",
    ),
    _fault(
        "forward-gives-copies-to-all-pools", "forward_to_pools", "forward",
        "wanting & (~wanting + 1'b1)", "wanting",
        "not_replicated_goes_to_one",
    ),
    _fault(
        "parser-keeps-the-native-vlan-with-pools", "parser_with_pools", "parser",
        "(knows_pools && from == 0) ? 12'd0 :", "(knows_pools && from != 0) ? 12'd0 :",
        "vlan_is_the_tags_or_the_ports",
    ),
    _fault(
        "registers-answer-before-the-last-answer-is-gone", "axi_lite_registers", "axi_lite_registers",
        "has_data && !s_axil_bvalid && !performs;", "has_data && !performs;",
        "one_answer_a_write", "write_answer_waits", "written_once", "writes_what_was_asked",
    ),
    _fault(
        "registers-take-back-an-answer", "axi_lite_registers", "axi_lite_registers",
        "end else if (s_axil_rready) begin", "end else begin",
        "read_answer_waits",
    ),
    _fault(
        "registers-write-part-of-a-word", "axi_lite_registers", "axi_lite_registers",
        "strobes == 4'hF", "strobes != 4'h0",
        "writes_what_was_asked", "told_if_written",
    ),
    _fault(
        "reader-drops-the-last-beat", "output_reader", "output_reader",
        "comes_last = beats_after_now == ONE_BEAT;", "comes_last = beats_after_now == 2;",
        "last_beat_is_marked", "reads_when_the_word_before_is_moved",
    ),
    _fault(
        "reader-drops-the-last-word", "output_reader", "output_reader",
        "is_2 <= chosen_is_2;", "is_2 <= chosen_is_3;",
        "due_when_one_word_is_left", "reads_when_the_word_before_is_moved", "reads_the_frames_queue",
    ),
    _fault(
        "reader-begins-before-the-step-more", "output_reader", "output_reader",
        "wire moves = has_word && is_free && !has_rest;", "wire moves = has_word && is_free;",
        "starts_with_the_first_beat", "beat_is_of_the_word", n_cycles=9,
    ),
    _fault(
        "reader-changes-queues-too-early", "output_reader", "output_reader",
        "if (uses_up) read_queue", "if (uses_up || choose) read_queue",
        "reads_the_frames_queue", n_cycles=9,
    ),
    _fault(
        "tag-out-waits-for-no-one", "tag_out", "tag_out",
        "wire is_free = m_tready || !m_tvalid;", "wire is_free = 1'b1;",
        "beat_stays_until_it_is_taken", "copy_is_whole_before_the_next",
    ),
    _fault(
        "tag-out-cuts-the-last-beat", "tag_out", "tag_out",
        "m_tkeep <= beat_last ? last_keep : ALL_BYTES;", "m_tkeep <= ALL_BYTES;",
        "keep_is_full_but_at_the_end",
    ),
    _fault(
        "tag-out-shifts-by-a-byte", "tag_out", "tag_out",
        "3'd3:    m_tdata[31:0] <= {beat[15:0], past[63:48]};", "3'd3:    m_tdata[31:0] <= {beat[23:0], past[63:56]};",
        "byte_is_in_its_place",
    ),
    _fault(
        "queues-take-a-part", "output_queues", "output_queues",
        "assign room = !left[WIDE_W+1];", "assign room = free_before != 0;",
        "room_for_a_whole_frame", "never_too_full",
    ),
    _fault(
        "queues-mix-two-priorities", "output_queues", "output_queues",
        "memory[place(read_queue, read_at[read_queue])]", "memory[place(1'b0, read_at[read_queue])]",
        "word_is_what_was_written",
    ),
    _fault(
        "queues-give-room-back-twice", "output_queues", "output_queues",
        "free[was_read_queue] + 1'b1;", "free[was_read_queue] + 2'd2;",
        "counts_occupied_words",
    ),
    _fault(
        "queues-forget-the-word-read-before", "output_queues", "output_queues",
        "wire is_back = was_read &&", "wire is_back = 1'b0 &&",
        "room_for_a_whole_frame", "counts_occupied_words", n_cycles=9,
    ),
    _fault(
        "writer-asks-again-for-room", "bus_writer", "bus_writer",
        "assign write = accepted & ", "assign write = accepted & room & ",
        "takes_all_or_none",
    ),
    _fault(
        "decision-counts-whole-words-only", "forward", "forward",
        " +\n                    {{(COUNT_W - 1) {1'b0}}, |in_length[WORD_SHIFT-1:0]};", ";",
        "words_hold_the_frame",
    ),
    _fault(
        "counters-forget-the-event-before", "counters", "counters",
        "follows <= valid[1] && count_at == read_at;", "follows <= 1'b0;",
        "low_word_is_the_count",
    ),
    _fault(
        "counters-take-the-high-word-later", "counters", "counters",
        "if (reads_low) high", "high",
        "high_word_is_of_the_same_time",
    ),
    _fault(
        "counters-cut-a-carry", "counters", "counters",
        "counted_up = count_was + 64'd1;", "counted_up = {count_was[63:1], !count_was[0]};",
        "low_word_is_the_count", n_cycles=10,
    ),
    _fault(
        "queues-know-no-length-of-the-next", "output_queues", "output_queues",
        "if (moves_up) first_length", "if (moves_up && write) first_length",
        "length_is_the_frames",
    ),
    _fault(
        "port-tags-every-copy", "output_port", "output_port",
        "write_tagged ? write_add : `TAG_NONE", "write_add",
        "one_tag_changes",
    ),
    _fault(
        "registers-read-nothing-in-the-cycle-of-a-write", "axi_lite_registers", "axi_lite_registers",
        "answers_own ? own_data", "(answers_own && !performs) ? own_data",
        "reads_what_the_core_is",
    ),
    _fault(
        "registers-lose-a-read-to-a-write", "axi_lite_registers", "axi_lite_registers",
        ": answers ? read_data : 32'd0;", ": (answers && !write_valid) ? read_data : 32'd0;",
        "reads_what_is_there",
    ),
    _fault(
        "parser-takes-a-stations-tag", "parser", "parser",
        "has_e <= in_from_uplink && pair", "has_e <= pair",
        "outer_tag_is_the_modes", "tags_are_counted",
    ),
    _fault(
        "parser-lets-a-cut-tag-pass", "parser", "parser",
        "in_c_tag[k] ? in_length >= WITH_C_TAG", "(in_c_tag[k] && k != 2) ? in_length >= WITH_C_TAG",
        "whole_with_all_tags_and_a_type",
    ),
    _fault(
        "parser-takes-a-priority-tag-for-a-vlan", "parser", "parser",
        "in_c_tag[k] && pair[TYPE+1][11:0] != 0", "in_c_tag[k]",
        "tagged_by_a_vlan", "vlan_is_the_tags_or_the_ports",
    ),
    _fault(
        "vlans-read-over-a-reset", "vlan_table", "vlan_table",
        "if (reset) is_written <= 0;\n        else if (commits)", "if (commits)",
        "reads_what_was_written",
    ),
    _fault(
        "vlans-have-an-entry-too-many", "vlan_table", "vlan_table",
        "< SIZE &&", "<= SIZE &&",
        "written_where_the_map_says", "read_where_the_map_says",
    ),
    _fault(
        "vlans-read-nothing-in-the-cycle-of-a-write", "vlan_table", "vlan_table",
        "has_word <= is_written[read_index];", "has_word <= is_written[read_index] && !write_valid;",
        "reads_what_was_written",
    ),
    _fault(
        "addresses-are-given-owners-a-cycle-early", "address_table", "address_table",
        "if (commits_last) for", "if (commits_later) for",
        "owners_of_the_destination", "owners_of_the_source", "own_in_every_vlan",
    ),
    _fault(
        "addresses-of-one-vlan-are-a-ports-own", "address_table", "address_table",
        "own_hit <= is_source_high & is_source_low & is_general", "own_hit <= is_source_high & is_source_low & in_vlan",
        "own_in_every_vlan",
    ),
    _fault(
        "addresses-read-the-entry-that-is-written", "address_table", "address_table",
        "read_index = read_address[4+:INDEX_W]", "read_index = write_valid ? write_index : read_address[4+:INDEX_W]",
        "reads_what_was_written",
    ),
    _fault(
        "lists-mix-groups", "list_table", "list_table",
        "key[g] == look_key", "key[g][19:0] == id",
        "stations_that_the_tag_names",
    ),
    _fault(
        "lists-prune-frames-that-do-not-come-back", "list_table", "list_table",
        "outer[27:16] & {12{outer[31]}}", "outer[27:16]",
        "station_that_sent_it",
    ),
    _fault(
        "lists-are-written-with-their-key", "list_table", "list_table",
        "write_valid && write_hit && write_address[2]", "write_valid && write_hit",
        "reads_what_was_written", "stations_that_the_tag_names",
    ),
)  # fmt: skip
