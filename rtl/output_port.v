// One port's way out: queues, scheduler, reader and tag out, wired together.

`default_nettype none
`include "switch_modes.vh"

module output_port #(
    parameter PORT_W = 64,
    parameter BUS_W = 512,
    parameter PRIORITIES = 1,
    parameter QUEUE_I_W = 1,
    parameter QUEUE_WORDS = 512,
    parameter LENGTH_W = 14,
    parameter COUNT_W = 9
) (
    input  wire                     clk,
    input  wire                     reset,
    input  wire [1:0]               scheduler,
    input  wire [PRIORITIES*16-1:0] quantum,
    // The frame on the bus.
    input  wire [QUEUE_I_W-1:0]     write_queue,
    input  wire [COUNT_W-1:0]       write_words,
    input  wire [LENGTH_W-1:0]      write_length,
    input  wire [1:0]               write_strip,
    input  wire [1:0]               write_add,
    input  wire                     write_tagged,   // this port's copy gets the tag that is added
    input  wire [`TAG_VALUE_W-1:0]  write_value,
    output wire                     room,
    input  wire                     write,
    input  wire                     write_first,
    input  wire [BUS_W-1:0]         write_word,
    output wire [PORT_W-1:0]        m_tdata,
    output wire [PORT_W/8-1:0]      m_tkeep,
    output wire                     m_tvalid,
    input  wire                     m_tready,
    output wire                     m_tlast
);
    localparam COPY_W = 1 + COUNT_W + LENGTH_W + 2 + 2 + `TAG_VALUE_W;
    localparam WAITING_W = $clog2(QUEUE_WORDS + 1);

    wire due;
    wire choose;
    wire [QUEUE_I_W-1:0] pick;
    wire [LENGTH_W-1:0] pick_length;
    wire [COPY_W-1:0] chosen_copy;
    wire chosen_tagged;
    wire [COUNT_W-1:0] chosen_words;
    wire [LENGTH_W-1:0] chosen_length;
    wire [1:0] chosen_strip;
    wire [1:0] chosen_add;
    wire [`TAG_VALUE_W-1:0] chosen_value;
    assign {chosen_tagged, chosen_words, chosen_length, chosen_strip, chosen_add, chosen_value} = chosen_copy;

    wire read;
    wire [QUEUE_I_W-1:0] read_queue;
    wire [BUS_W-1:0] word;
    output_queues #(
        .BUS_W(BUS_W),
        .PRIORITIES(PRIORITIES),
        .QUEUE_I_W(QUEUE_I_W),
        .WORDS(QUEUE_WORDS),
        .COUNT_W(COUNT_W),
        .LENGTH_W(LENGTH_W),
        .COPY_W(COPY_W)
    ) queues (
        .clk(clk),
        .reset(reset),
        .write_queue(write_queue),
        .write_words(write_words),
        .write_length(write_length),
        .write_copy({write_tagged, write_words, write_length, write_strip, write_add, write_value}),
        .room(room),
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
        .QUEUE_I_W(QUEUE_I_W),
        .LENGTH_W(LENGTH_W),
        .WAITING_W(WAITING_W)
    ) queue_scheduler (
        .clk(clk),
        .reset(reset),
        .kind(scheduler),
        .quantum(quantum),
        .enter(write && write_first),
        .enter_queue(write_queue),
        .due(due),
        .pick(pick),
        .pick_length(pick_length),
        .choose(choose)
    );

    wire beat_valid;
    wire [PORT_W-1:0] beat;
    wire beat_last;
    wire take;
    wire [LENGTH_W-1:0] length;
    wire [1:0] strip;
    wire [1:0] add;
    wire [`TAG_VALUE_W-1:0] value;
    output_reader #(
        .PORT_W(PORT_W),
        .BUS_W(BUS_W),
        .QUEUE_I_W(QUEUE_I_W),
        .LENGTH_W(LENGTH_W),
        .COUNT_W(COUNT_W)
    ) reader (
        .clk(clk),
        .reset(reset),
        .due(due),
        .choose(choose),
        .pick(pick),
        .chosen_words(chosen_words),
        .chosen_length(chosen_length),
        .chosen_strip(chosen_strip),
        .chosen_add(chosen_tagged ? chosen_add : `TAG_NONE),
        .chosen_value(chosen_value),
        .read(read),
        .read_queue(read_queue),
        .word(word),
        .beat_valid(beat_valid),
        .beat(beat),
        .beat_last(beat_last),
        .take(take),
        .length(length),
        .strip(strip),
        .add(add),
        .value(value)
    );

    tag_out #(
        .PORT_W(PORT_W),
        .LENGTH_W(LENGTH_W)
    ) tags (
        .clk(clk),
        .reset(reset),
        .beat_valid(beat_valid),
        .beat(beat),
        .beat_last(beat_last),
        .take(take),
        .length(length),
        .strip(strip),
        .add(add),
        .value(value),
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
