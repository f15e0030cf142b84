// The way out: queues, scheduler and tag out of each port, side by side. Wiring only.

`default_nettype none
`include "switch_modes.vh"

module switch_egress #(
    parameter PORTS = 9,
    parameter PORT_W = 64,
    parameter BUS_W = 512,
    parameter PRIORITIES = 1,
    parameter QUEUE_I_W = 1,
    parameter QUEUE_WORDS = 512,
    parameter LENGTH_W = 14,
    parameter COUNT_W = 9
) (
    input  wire                           clk,
    input  wire                           reset,
    input  wire [PORTS*2-1:0]             scheduler,
    input  wire [PORTS*PRIORITIES*16-1:0] quantum,
    input  wire [QUEUE_I_W-1:0]           write_queue, // the frame on the bus
    input  wire [COUNT_W-1:0]             write_words,
    input  wire [LENGTH_W-1:0]            write_length,
    input  wire [1:0]                     write_strip,
    input  wire [1:0]                     write_add,
    input  wire [PORTS-1:0]               write_adds_at,
    input  wire [`TAG_VALUE_W-1:0]        write_value,
    output wire [PORTS-1:0]               room,        // the ports whose queue can take it whole
    input  wire [PORTS-1:0]               write,       // the ports whose queue takes this word
    input  wire                           write_first,
    input  wire [BUS_W-1:0]               write_word,
    output reg  [PORTS*PORT_W-1:0]        m_axis_tdata,
    output reg  [PORTS*PORT_W/8-1:0]      m_axis_tkeep,
    output wire [PORTS-1:0]               m_axis_tvalid,
    input  wire [PORTS-1:0]               m_axis_tready,
    output wire [PORTS-1:0]               m_axis_tlast
);
    wire [PORT_W-1:0] out_data[0:PORTS-1];
    wire [PORT_W/8-1:0] out_keep[0:PORTS-1];
    genvar g;
    generate
        for (g = 0; g < PORTS; g = g + 1) begin : g_egress
            output_port #(
                .PORT_W(PORT_W),
                .BUS_W(BUS_W),
                .PRIORITIES(PRIORITIES),
                .QUEUE_I_W(QUEUE_I_W),
                .QUEUE_WORDS(QUEUE_WORDS),
                .LENGTH_W(LENGTH_W),
                .COUNT_W(COUNT_W)
            ) out (
                .clk(clk),
                .reset(reset),
                .scheduler(scheduler[g*2+:2]),
                .quantum(quantum[g*PRIORITIES*16+:PRIORITIES*16]),
                .write_queue(write_queue),
                .write_words(write_words),
                .write_length(write_length),
                .write_strip(write_strip),
                .write_add(write_add),
                .write_tagged(write_adds_at[g]),
                .write_value(write_value),
                .room(room[g]),
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

    // One loop instead of a slice for each port: simulators update a wide net for each driver of a part of it.
    integer p;
    always @* begin
        for (p = 0; p < PORTS; p = p + 1) begin
            m_axis_tdata[p*PORT_W+:PORT_W] = out_data[p];
            m_axis_tkeep[p*PORT_W/8+:PORT_W/8] = out_keep[p];
        end
    end
endmodule

`default_nettype wire
