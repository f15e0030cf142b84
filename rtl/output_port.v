// One port's way out: queues, scheduler, reader and tag out, wired together.

`default_nettype none
`include "switch_modes.vh"
`include "widths.vh"

module output_port #(
    parameter PORT_W = 64,
    parameter BUS_W = 512,
    parameter PRIORITIES = 1,
    parameter PAUSE = 0,
    parameter QUEUE_WORDS = 512,
    parameter LENGTH_W = `LENGTH_W   // proofs have shorter frames
) (
    input  wire                                 clk,
    input  wire                                 reset,
    input  wire [1:0]                           scheduler,
    input  wire [PRIORITIES*16-1:0]             quantum,
    input  wire [PRIORITIES-1:0]                paused,
    // The frame that is decided.
    input  wire                                 offer,
    input  wire [`INDEX_W(PRIORITIES)-1:0]      offer_queue,
    input  wire [`COUNT_W(LENGTH_W, BUS_W)-1:0] offer_words,
    output wire                                 room,
    // The frame on the bus.
    input  wire [`INDEX_W(PRIORITIES)-1:0]      write_queue,
    input  wire [LENGTH_W-1:0]                  write_length,
    input  wire [LENGTH_W-1:0]                  write_last,     // the number of its last byte, from 0 on
    input  wire [1:0]                           write_strip,
    input  wire [1:0]                           write_add,
    input  wire                                 write_tagged,   // this port's copy gets the tag that is added
    input  wire [`TAG_VALUE_W-1:0]              write_value,
    input  wire                                 write,
    input  wire                                 write_first,
    input  wire [BUS_W-1:0]                     write_word,
    output wire [PORT_W-1:0]                    m_tdata,
    output wire [PORT_W/8-1:0]                  m_tkeep,
    output wire                                 m_tvalid,
    input  wire                                 m_tready,
    output wire                                 m_tlast
);
    localparam QUEUE_I_W = `INDEX_W(PRIORITIES);
    localparam COUNT_W = `COUNT_W(LENGTH_W, BUS_W);
    localparam WORD_SHIFT = $clog2(BUS_W / 8);
    localparam COPY_W = 2 + LENGTH_W + 2 + 2 + `TAG_VALUE_W;
    localparam WAITING_W = $clog2(QUEUE_WORDS + 1);

    wire due;
    wire choose;
    wire [QUEUE_I_W-1:0] pick;
    wire [LENGTH_W-1:0] pick_length;
    wire [COPY_W-1:0] chosen_copy;
    // What is said of a copy is worked out as it is written, since the RAM's output comes late in a cycle.
    wire [LENGTH_W-1:WORD_SHIFT] write_last_word = write_last[LENGTH_W-1:WORD_SHIFT];
    wire [COPY_W-1:0] write_copy = {
        write_last_word != 0, write_last_word > 1, write_last, write_strip, write_tagged ? write_add : `TAG_NONE,
        write_value
    };
    wire chosen_is_2;
    wire chosen_is_3;
    wire [LENGTH_W-1:0] chosen_last;
    wire [1:0] chosen_strip;
    wire [1:0] chosen_add;
    wire [`TAG_VALUE_W-1:0] chosen_value;
    assign {chosen_is_2, chosen_is_3, chosen_last, chosen_strip, chosen_add, chosen_value} = chosen_copy;

    wire read;
    wire [QUEUE_I_W-1:0] read_queue;
    wire [BUS_W-1:0] word;
    output_queues #(
        .BUS_W(BUS_W),
        .PRIORITIES(PRIORITIES),
        .WORDS(QUEUE_WORDS),
        .COUNT_W(COUNT_W),
        .LENGTH_W(LENGTH_W),
        .COPY_W(COPY_W)
    ) queues (
        .clk(clk),
        .reset(reset),
        .offer(offer),
        .offer_queue(offer_queue),
        .offer_words(offer_words),
        .room(room),
        .write_queue(write_queue),
        .write_length(write_length),
        .write_copy(write_copy),
        .write(write),
        .write_first(write_first),
        .write_word(write_word),
        .pick(pick),
        .pick_length(pick_length),
        .choose(choose),
        .chosen_copy(chosen_copy),
        .read(read),
        .read_queue(read_queue),
        .word(word)
    );

    output_scheduler #(
        .PRIORITIES(PRIORITIES),
        .PAUSE(PAUSE),
        .LENGTH_W(LENGTH_W),
        .WAITING_W(WAITING_W)
    ) queue_scheduler (
        .clk(clk),
        .reset(reset),
        .kind(scheduler),
        .quantum(quantum),
        .paused(paused),
        .enter(write && write_first),
        .enter_queue(write_queue),
        .due(due),
        .pick(pick),
        .pick_length(pick_length),
        .choose(choose)
    );

    wire starts;
    wire [2:0] last_byte;
    wire [1:0] strip;
    wire [1:0] add;
    wire [`TAG_VALUE_W-1:0] value;
    wire beat_valid;
    wire [PORT_W-1:0] beat;
    wire beat_last;
    wire take;
    output_reader #(
        .PORT_W(PORT_W),
        .BUS_W(BUS_W),
        .PRIORITIES(PRIORITIES),
        .LENGTH_W(LENGTH_W)
    ) reader (
        .clk(clk),
        .reset(reset),
        .due(due),
        .choose(choose),
        .pick(pick),
        .chosen_last(chosen_last),
        .chosen_is_2(chosen_is_2),
        .chosen_is_3(chosen_is_3),
        .chosen_strip(chosen_strip),
        .chosen_add(chosen_add),
        .chosen_value(chosen_value),
        .read(read),
        .read_queue(read_queue),
        .word(word),
        .starts(starts),
        .last_byte(last_byte),
        .strip(strip),
        .add(add),
        .value(value),
        .beat_valid(beat_valid),
        .beat(beat),
        .beat_last(beat_last),
        .take(take)
    );

    tag_out #(
        .PORT_W(PORT_W)
    ) tags (
        .clk(clk),
        .reset(reset),
        .starts(starts),
        .last_byte(last_byte),
        .strip(strip),
        .add(add),
        .value(value),
        .beat_valid(beat_valid),
        .beat(beat),
        .beat_last(beat_last),
        .take(take),
        .m_tdata(m_tdata),
        .m_tkeep(m_tkeep),
        .m_tvalid(m_tvalid),
        .m_tready(m_tready),
        .m_tlast(m_tlast)
    );

`ifdef FORMAL
`include "formal/output_port_properties.vh"
`endif
endmodule

`default_nettype wire
