// The way out: queues, scheduler and tag out of each port, side by side, and what was decided of the frame on the bus.

`default_nettype none
`include "switch_modes.vh"
`include "widths.vh"

module switch_egress #(
    parameter PORTS = 9,
    parameter PORT_W = 64,
    parameter BUS_W = 512,
    parameter PRIORITIES = 1,
    parameter PAUSE = 0,
    parameter QUEUE_WORDS = 512
) (
    input  wire                                  clk,
    input  wire                                  reset,
    input  wire [PORTS*2-1:0]                    scheduler,
    input  wire [PORTS*PRIORITIES*16-1:0]        quantum,
    input  wire [PORTS*PRIORITIES-1:0]           paused,
    input  wire                                  decided,     // a frame is decided; its first word comes a cycle later
    input  wire [`INDEX_W(PRIORITIES)-1:0]       decided_queue,
    input  wire [`COUNT_W(`LENGTH_W, BUS_W)-1:0] decided_words,
    input  wire [`LENGTH_W-1:0]                  decided_length,
    input  wire [1:0]                            decided_strip,
    input  wire [1:0]                            decided_add,
    input  wire [PORTS-1:0]                      decided_adds_at,
    input  wire [`TAG_VALUE_W-1:0]               decided_value,
    input  wire [PORTS-1:0]                      offer,       // the ports whose queue is asked for room
    output wire [PORTS-1:0]                      room,        // the ports whose queue can take it whole
    input  wire [PORTS-1:0]                      write,       // the ports whose queue takes the word on the bus
    input  wire                                  write_first,
    input  wire [BUS_W-1:0]                      write_word,
    output reg  [PORTS*PORT_W-1:0]               m_axis_tdata,
    output reg  [PORTS*PORT_W/8-1:0]             m_axis_tkeep,
    output wire [PORTS-1:0]                      m_axis_tvalid,
    input  wire [PORTS-1:0]                      m_axis_tready,
    output wire [PORTS-1:0]                      m_axis_tlast
);
    localparam LENGTH_W = `LENGTH_W;
    localparam QUEUE_I_W = `INDEX_W(PRIORITIES);

    reg [QUEUE_I_W-1:0] write_queue;
    reg [LENGTH_W-1:0] write_length;
    reg [LENGTH_W-1:0] write_last;
    reg [1:0] write_strip;
    reg [1:0] write_add;
    reg [PORTS-1:0] write_adds_at;
    reg [`TAG_VALUE_W-1:0] write_value;
    always @(posedge clk) begin
        if (decided) begin
            write_queue <= decided_queue;
            write_length <= decided_length;
            write_last <= decided_length - 1'b1;
            write_strip <= decided_strip;
            write_add <= decided_add;
            write_adds_at <= decided_adds_at;
            write_value <= decided_value;
        end
    end

    wire [PORT_W-1:0] out_data[0:PORTS-1];
    wire [PORT_W/8-1:0] out_keep[0:PORTS-1];
    genvar g;
    generate
        for (g = 0; g < PORTS; g = g + 1) begin : g_egress
            output_port #(
                .PORT_W(PORT_W),
                .BUS_W(BUS_W),
                .PRIORITIES(PRIORITIES),
                .PAUSE(PAUSE),
                .QUEUE_WORDS(QUEUE_WORDS)
            ) out (
                .clk(clk),
                .reset(reset),
                .scheduler(scheduler[g*2+:2]),
                .quantum(quantum[g*PRIORITIES*16+:PRIORITIES*16]),
                .paused(paused[g*PRIORITIES+:PRIORITIES]),
                .offer(offer[g]),
                .offer_queue(decided_queue),
                .offer_words(decided_words),
                .room(room[g]),
                .write_queue(write_queue),
                .write_length(write_length),
                .write_last(write_last),
                .write_strip(write_strip),
                .write_add(write_add),
                .write_tagged(write_adds_at[g]),
                .write_value(write_value),
                .write(write[g]),
                .write_first(write_first),
                .write_word(write_word),
                .m_tdata(out_data[g]),
                .m_tkeep(out_keep[g]),
                .m_tvalid(m_axis_tvalid[g]),
                .m_tready(m_axis_tready[g]),
                .m_tlast(m_axis_tlast[g])
            );
        end
    endgenerate

    // Loops instead of slices for each port: simulators update a wide net for each driver of a part of it. One for tkeep,
    // which changes with frames, not with beats.
    integer d;
    integer k;
    always @* for (d = 0; d < PORTS; d = d + 1) m_axis_tdata[d*PORT_W+:PORT_W] = out_data[d];
    always @* for (k = 0; k < PORTS; k = k + 1) m_axis_tkeep[k*PORT_W/8+:PORT_W/8] = out_keep[k];
endmodule

`default_nettype wire
