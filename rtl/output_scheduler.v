// One port's scheduler: which of its queues sends the next frame, by round robin, deficit round robin or strict priority.
//
// `choose` falls in a cycle with `due` in which some queue has a frame that waits, or, with deficit round robin, in the
// cycle in which the turn comes to a queue whose deficit is large enough; every turn before takes a cycle. The list of
// deficit round robin, by which an idle queue starts at its end with a full quantum, is as in Linux (sch_drr).
//
// With PAUSE a queue that is paused is passed over as if it had no frame; it keeps its place on the list and its deficit.

`default_nettype none
`include "widths.vh"

module output_scheduler #(
    parameter PRIORITIES = 1,
    parameter PAUSE = 0,
    parameter LENGTH_W = `LENGTH_W,   // proofs have shorter frames
    parameter WAITING_W = 10          // bits of the number of frames of a queue
) (
    input  wire                            clk,
    input  wire                            reset,
    input  wire [1:0]                      kind,           // as in the register SCHEDULER
    input  wire [PRIORITIES*16-1:0]        quantum,
    input  wire [PRIORITIES-1:0]           paused,         // queues of which no frame is to be chosen
    input  wire                            enter,          // a frame enters a queue; it waits from the next cycle on
    input  wire [`INDEX_W(PRIORITIES)-1:0] enter_queue,
    input  wire                            due,            // the next frame is to be chosen
    output wire [`INDEX_W(PRIORITIES)-1:0] pick,           // the queue whose turn it is
    input  wire [LENGTH_W-1:0]             pick_length,    // the length of its first frame
    output wire                            choose          // it sends
);
    localparam QUEUE_I_W = `INDEX_W(PRIORITIES);
    localparam DEFICIT_W = 17;   // a deficit is less than a quantum and a frame

    reg [WAITING_W-1:0] waiting[0:PRIORITIES-1];
    reg [PRIORITIES-1:0] has_frames;
    wire [PRIORITIES-1:0] may_send;   // has frames and is not paused
    generate
        if (PAUSE == 0) begin : g_no_pause
            assign may_send = has_frames;
        end else begin : g_pause
            assign may_send = has_frames & ~paused;
        end
    endgenerate

    generate
        if (PRIORITIES == 1) begin : g_one_queue
            assign pick = 1'b0;
            assign choose = due && may_send[0];
        end else begin : g_queues
            localparam ROUND_ROBIN = 2'd0;
            localparam DEFICIT = 2'd1;
            localparam [PRIORITIES-1:0] ONE = 1;

            reg [PRIORITIES-1:0] from_pointer;             // for round robin: the queues from the pointer on
            reg [PRIORITIES-1:0] ahead[0:PRIORITIES-1];   // the list: the queues that stand before each queue
            reg [DEFICIT_W-1:0] deficit[0:PRIORITIES-1];

            wire [PRIORITIES-1:0] later = may_send & from_pointer;
            wire [PRIORITIES-1:0] candidates = (later != 0) ? later : may_send;
            reg [PRIORITIES-1:0] listed_first;
            reg [PRIORITIES-1:0] highest;
            integer i;
            integer k;
            always @* begin
                highest = {PRIORITIES{1'b0}};
                for (k = 0; k < PRIORITIES; k = k + 1) begin
                    listed_first[k] = may_send[k] && (may_send & ahead[k]) == 0;
                    if (may_send[k]) highest = ONE << k;
                end
            end
            wire [PRIORITIES-1:0] picked =
                (kind == ROUND_ROBIN) ? candidates & (~candidates + 1'b1) : (kind == DEFICIT) ? listed_first : highest;

            function [QUEUE_I_W-1:0] number(input [PRIORITIES-1:0] one_hot);
                integer n;
                begin
                    number = {QUEUE_I_W{1'b0}};
                    for (n = 0; n < PRIORITIES; n = n + 1) if (one_hot[n]) number = number | n[QUEUE_I_W-1:0];
                end
            endfunction

            assign pick = number(picked);
            wire [DEFICIT_W-1:0] length = {{(DEFICIT_W - LENGTH_W) {1'b0}}, pick_length};
            wire fits = kind != DEFICIT || length <= deficit[pick];
            assign choose = due && may_send != 0 && fits;
            wire turns = due && may_send != 0 && !fits;
            // The queue is not on the list when the frame comes, or leaves it in this cycle.
            wire joins = enter &&
                (!has_frames[enter_queue] || (choose && pick == enter_queue && waiting[pick] == 1));

            always @(posedge clk) begin
                if (reset) begin
                    from_pointer <= {PRIORITIES{1'b1}};
                    for (i = 0; i < PRIORITIES; i = i + 1) ahead[i] <= 0;
                    for (i = 0; i < PRIORITIES; i = i + 1) deficit[i] <= 0;
                end else begin
                    if (choose && kind == ROUND_ROBIN) from_pointer <= ~(picked | (picked - 1'b1));
                    if (choose && kind == DEFICIT) deficit[pick] <= deficit[pick] - length;
                    if (turns) begin
                        deficit[pick] <= deficit[pick] + {1'b0, quantum[pick*16+:16]};
                        for (i = 0; i < PRIORITIES; i = i + 1) ahead[i][pick] <= 1'b0;
                        ahead[pick] <= ~picked;
                    end
                    // After the turn: a queue that joins stands behind the one that went to the end.
                    if (joins) begin
                        deficit[enter_queue] <= {1'b0, quantum[enter_queue*16+:16]};
                        for (i = 0; i < PRIORITIES; i = i + 1) ahead[i][enter_queue] <= 1'b0;
                        ahead[enter_queue] <= ~(ONE << enter_queue);
                    end
                end
            end
        end
    endgenerate

    // Of a queue that one frame enters as another leaves, nothing changes.
    wire stays = enter && choose && enter_queue == pick;
    wire grows = enter && !stays;
    wire shrinks = choose && !stays;
    integer q;
    always @(posedge clk) begin
        if (reset) begin
            for (q = 0; q < PRIORITIES; q = q + 1) waiting[q] <= 0;
            has_frames <= 0;
        end else begin
            if (grows) begin
                waiting[enter_queue] <= waiting[enter_queue] + 1'b1;
                has_frames[enter_queue] <= 1'b1;
            end
            if (shrinks) begin
                waiting[pick] <= waiting[pick] - 1'b1;
                has_frames[pick] <= waiting[pick] != 1;
            end
        end
    end

`ifdef FORMAL
`include "formal/output_scheduler_properties.vh"
`endif
endmodule

`default_nettype wire
