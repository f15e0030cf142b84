// The rules of AXI4-Stream for whoever offers beats, at PORTS streams side by side: Arm IHI 0051, section 2.2.
//
// A beat on offer stays, with all that goes with it, until it is taken; it does not wait for tready to be offered; none is
// offered right after a reset; tvalid is never X, where the simulator knows X. `broken` is the number of the first rule that
// was broken, 0 for none, and `broken_port` says where: cocotb_tests/protocol.py has the sentences. Where PROVES_PROTOCOLS is
// defined, the rules are claims, or with ASSUMED conditions, of the proofs. FORMAL, which a core's own file may define, does
// not turn the checks of a simulation off.

`default_nettype none

module axi_stream_checker #(
    parameter PORTS = 1,
    parameter ASSUMED = 0
) (
    input wire                clk,
    input wire                reset,
    input wire [PORTS*64-1:0] tdata,
    input wire [PORTS*8-1:0]  tkeep,
    input wire [PORTS-1:0]    tvalid,
    input wire [PORTS-1:0]    tready,
    input wire [PORTS-1:0]    tlast,
    input wire [PORTS-1:0]    tuser,
    output reg [7:0]          broken,
    output reg [7:0]          broken_port
);
    localparam [7:0] WITHDRAWN = 8'd1;
    localparam [7:0] DATA_CHANGED = 8'd2;
    localparam [7:0] REST_CHANGED = 8'd3;
    localparam [7:0] AFTER_RESET = 8'd4;
    localparam [7:0] WAITS_FOR_READY = 8'd5;
    localparam [7:0] UNDEFINED = 8'd6;
    // A beat comes in the very cycle in which tready rises by chance. So many times with none that waited: it is no chance.
    localparam [5:0] MOST_CHANCES = 6'd28;

    reg is_first;               // cycle after a reset
    reg [PORTS-1:0] waiting;    // beats that were offered in the cycle before, and not taken
    reg [PORTS*64-1:0] data;
    reg [PORTS*8-1:0] keep;
    reg [PORTS-1:0] last;
    reg [PORTS-1:0] user;

    initial is_first = 1'b0;

    always @(posedge clk) begin
        is_first <= reset;
        waiting <= reset ? {PORTS{1'b0}} : tvalid & ~tready;
        if (!reset && tvalid != 0) begin
            data <= tdata;
            keep <= tkeep;
            last <= tlast;
            user <= tuser;
        end
    end

`ifdef PROVES_PROTOCOLS
    reg started = 1'b0;
    always @(posedge clk) started <= 1'b1;
    genvar g;
    generate
        for (g = 0; g < PORTS; g = g + 1) begin : g_port
            wire stays = !waiting[g] || (tvalid[g] && tdata[64*g+:64] == data[64*g+:64] &&
                tkeep[8*g+:8] == keep[8*g+:8] && tlast[g] == last[g] && tuser[g] == user[g]);
            if (ASSUMED) begin : g_assumed
                always @* if (started && !reset) assume (stays && !(is_first && tvalid[g]));
            end else begin : g_claimed
                always @* begin
                    if (started && !reset) beat_stays_until_it_is_taken: assert (stays);
                    if (started && !reset && is_first) no_beat_right_after_a_reset: assert (!tvalid[g]);
                end
            end
        end
    endgenerate
`else
    integer p;
    reg [PORTS-1:0] was_idle;   // in the cycle before, no beat was offered, and none could have been taken
    reg [5:0] chances[0:PORTS-1];
    initial begin
        broken = 8'd0;
        for (p = 0; p < PORTS; p = p + 1) chances[p] = 6'd0;  // from then on, over all resets
    end

    always @(posedge clk) begin
        was_idle <= ~tvalid & ~tready;
        if (reset) begin
            broken <= 8'd0;
            was_idle <= {PORTS{1'b0}};
        end else if (broken == 8'd0) begin
            if ((^tvalid) === 1'bx) begin
                for (p = 0; p < PORTS; p = p + 1) if (tvalid[p] === 1'bx) found(UNDEFINED, p[7:0]);
            end
            if (is_first && tvalid != 0) begin
                for (p = 0; p < PORTS; p = p + 1) if (tvalid[p]) found(AFTER_RESET, p[7:0]);
            end
            if (waiting != 0) begin
                for (p = 0; p < PORTS; p = p + 1) begin
                    if (waiting[p]) begin
                        chances[p] = 6'd0;
                        if (tvalid[p] !== 1'b1) found(WITHDRAWN, p[7:0]);
                        else if (tdata[64*p+:64] !== data[64*p+:64]) found(DATA_CHANGED, p[7:0]);
                        else if ({tkeep[8*p+:8], tlast[p], tuser[p]} !== {keep[8*p+:8], last[p], user[p]})
                            found(REST_CHANGED, p[7:0]);
                    end
                end
            end
            if ((was_idle & tvalid & tready) != 0) begin
                for (p = 0; p < PORTS; p = p + 1) begin
                    if (was_idle[p] && tvalid[p] && tready[p]) begin
                        chances[p] = chances[p] + 6'd1;
                        if (chances[p] == MOST_CHANCES) found(WAITS_FOR_READY, p[7:0]);
                    end
                end
            end
        end
    end

    task automatic found(input [7:0] rule, input [7:0] at_port);
        begin
            broken <= rule;
            broken_port <= at_port;
        end
    endtask
`endif
endmodule

`default_nettype wire
