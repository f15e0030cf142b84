// One port's output queues, in one RAM with a region for each: whole frames in, word by word out, one word each a cycle.
//
// A frame is offered in the cycle before its first word comes. If there is room for all of it, this is taken at once, and
// given back word by word. A frame may be read while it is still written, since its words are written without a pause and
// read no faster. All RAMs have a register at their output, so that they can be block RAMs; the scheduler, which needs the
// length of a queue's first frame at once, has it in a register.

`default_nettype none
`include "widths.vh"

module output_queues #(
    parameter BUS_W = 512,
    parameter PRIORITIES = 1,
    parameter WORDS = 512,            // of each queue
    parameter COUNT_W = 9,            // bits of a frame's number of words
    parameter LENGTH_W = `LENGTH_W,   // proofs have shorter frames
    parameter COPY_W = 52             // bits of what goes with a frame
) (
    input  wire                            clk,
    input  wire                            reset,
    // The frame that is decided.
    input  wire                            offer,
    input  wire [`INDEX_W(PRIORITIES)-1:0] offer_queue,
    input  wire [COUNT_W-1:0]              offer_words,
    output wire                            room,         // the queue can take the whole frame; it does if offered
    // The frame on the bus.
    input  wire [`INDEX_W(PRIORITIES)-1:0] write_queue,
    input  wire [LENGTH_W-1:0]             write_length,
    input  wire [COPY_W-1:0]               write_copy,   // what the reader gets with the frame
    input  wire                            write,
    input  wire                            write_first,
    input  wire [BUS_W-1:0]                write_word,
    // The first frame of a queue.
    input  wire [`INDEX_W(PRIORITIES)-1:0] pick,
    output wire [LENGTH_W-1:0]             pick_length,  // 0 if there is one queue, which needs no length to be chosen
    input  wire                            choose,       // the frame is taken over; not in two cycles on end
    output reg  [COPY_W-1:0]               chosen_copy,  // what was written with it, from the next cycle on
    // The next word of a queue, in `word` in the next cycle.
    input  wire                            read,
    input  wire [`INDEX_W(PRIORITIES)-1:0] read_queue,
    output reg  [BUS_W-1:0]                word
);
    localparam QUEUE_I_W = `INDEX_W(PRIORITIES);
    localparam POINTER_W = $clog2(WORDS);
    localparam FREE_W = $clog2(WORDS + 1);
    localparam ADDRESS_W = $clog2(WORDS * PRIORITIES);
    localparam WIDE_W = (COUNT_W > FREE_W) ? COUNT_W : FREE_W;
    localparam WRAPS_EARLY = WORDS != 1 << POINTER_W;
    localparam [POINTER_W-1:0] LAST_WORD = WORDS[POINTER_W-1:0] - 1'b1;
    localparam [FREE_W-1:0] ALL_WORDS = WORDS[FREE_W-1:0];

    // No place is read in the cycle in which it is written, so that no RAM needs logic for that case.
    (* no_rw_check *) reg [BUS_W-1:0] memory[0:WORDS*PRIORITIES-1];
    (* no_rw_check *) reg [COPY_W-1:0] copies[0:WORDS*PRIORITIES-1];

    reg [POINTER_W-1:0] write_at[0:PRIORITIES-1];
    reg [POINTER_W-1:0] read_at[0:PRIORITIES-1];
    reg [POINTER_W-1:0] tail_at[0:PRIORITIES-1];   // of the copies
    reg [POINTER_W-1:0] head_at[0:PRIORITIES-1];
    reg [FREE_W-1:0] free[0:PRIORITIES-1];         // without a word that was read in the cycle before
    reg was_read;
    reg [QUEUE_I_W-1:0] was_read_queue;

    function [POINTER_W-1:0] after(input [POINTER_W-1:0] pointer);
        after = (WRAPS_EARLY && pointer == LAST_WORD) ? {POINTER_W{1'b0}} : pointer + 1'b1;
    endfunction

    // The beginning of a queue's region is chosen, not multiplied: on the way to the RAMs' addresses a multiplier is slow.
    function [ADDRESS_W-1:0] place(input [QUEUE_I_W-1:0] queue, input [POINTER_W-1:0] pointer);
        integer n;
        reg [31:0] address;
        begin
            address = 32'd0;
            for (n = 1; n < PRIORITIES; n = n + 1) if (queue == n[QUEUE_I_W-1:0]) address = n * WORDS;
            address = address + {{(32 - POINTER_W) {1'b0}}, pointer};
            place = address[ADDRESS_W-1:0];
        end
    endfunction

    // What is left when the frame has its words: the word read before comes in as the carry of one sum.
    wire [WIDE_W-1:0] free_before = {{(WIDE_W - FREE_W) {1'b0}}, free[offer_queue]};
    wire [WIDE_W-1:0] last_word = {{(WIDE_W - COUNT_W) {1'b0}}, offer_words} - 1'b1;
    wire is_back = was_read && was_read_queue == offer_queue;
    wire [WIDE_W+1:0] left = {1'b0, free_before, 1'b1} + {1'b1, ~last_word, is_back};
    assign room = !left[WIDE_W+1];
    wire takes_frame = offer && room;
    wire [POINTER_W-1:0] head = head_at[pick];
    wire [POINTER_W-1:0] next_head = after(head);

    // The length of each queue's first frame: that of a frame that comes first, or else read as the one before is chosen.
    generate
        if (PRIORITIES == 1) begin : g_one_queue
            assign pick_length = {LENGTH_W{1'b0}};
        end else begin : g_queues
            (* no_rw_check *) reg [LENGTH_W-1:0] lengths[0:WORDS*PRIORITIES-1];
            reg [LENGTH_W-1:0] first_length[0:PRIORITIES-1];
            reg [LENGTH_W-1:0] next_length;
            reg moves_up;
            reg [QUEUE_I_W-1:0] moving_queue;
            wire takes = write && write_first;
            // A queue whose pointers meet has no frame: one that has as many frames as words takes none.
            wire takes_the_last = next_head == tail_at[pick];
            wire comes_first = takes && (head_at[write_queue] == tail_at[write_queue] ||
                (choose && pick == write_queue && takes_the_last));
            assign pick_length = first_length[pick];

            always @(posedge clk) begin
                if (reset) begin
                    moves_up <= 1'b0;
                end else begin
                    if (takes) lengths[place(write_queue, tail_at[write_queue])] <= write_length;
                    if (choose) begin
                        next_length <= lengths[place(pick, next_head)];
                        moving_queue <= pick;
                    end
                    if (choose || moves_up) moves_up <= choose && !takes_the_last;
                    if (moves_up) first_length[moving_queue] <= next_length;
                    if (comes_first) first_length[write_queue] <= write_length;
                end
            end
        end
    endgenerate

    integer q;
    always @(posedge clk) begin
        if (reset) begin
            for (q = 0; q < PRIORITIES; q = q + 1) begin
                write_at[q] <= 0;
                read_at[q] <= 0;
                tail_at[q] <= 0;
                head_at[q] <= 0;
                free[q] <= ALL_WORDS;
            end
            was_read <= 1'b0;
        end else begin
            if (write) begin
                memory[place(write_queue, write_at[write_queue])] <= write_word;
                write_at[write_queue] <= after(write_at[write_queue]);
                if (write_first) begin
                    copies[place(write_queue, tail_at[write_queue])] <= write_copy;
                    tail_at[write_queue] <= after(tail_at[write_queue]);
                end
            end
            if (choose) begin
                chosen_copy <= copies[place(pick, head)];
                head_at[pick] <= next_head;
            end
            if (read) begin
                word <= memory[place(read_queue, read_at[read_queue])];
                read_at[read_queue] <= after(read_at[read_queue]);
                was_read_queue <= read_queue;
            end
            was_read <= read;
            if (was_read) free[was_read_queue] <= free[was_read_queue] + 1'b1;
            if (takes_frame) free[offer_queue] <= left[FREE_W:1];   // with the word that was read
        end
    end

`ifdef FORMAL
`include "formal/output_queues_properties.vh"
`endif
endmodule

`default_nettype wire
