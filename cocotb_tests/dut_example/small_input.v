// An input of small_switch: two slots, each of which holds one frame whole.

`default_nettype none

module small_input #(
    parameter BEATS = 192            // of a slot; what is beyond is lost: the frame is too long anyway
) (
    input  wire        clock,
    input  wire        rst_n,
    input  wire [63:0] rx_data,
    input  wire [7:0]  rx_keep,
    input  wire        rx_valid,
    output wire        rx_ready,
    input  wire        rx_last,
    input  wire        rx_error,     // on the last beat
    output wire        head_valid,   // the first frame that came in and was not taken
    output wire [14:0] head_length,
    output wire        head_bad,
    input  wire        head_taken,
    input  wire [10:0] beat_number,  // of the head
    output wire [63:0] beat
);
    reg [63:0] slots[0:2*BEATS-1];
    reg [14:0] length[0:1];
    reg [1:0] bad;
    reg [1:0] full;
    reg write_slot;
    reg read_slot;
    reg [10:0] at;

    assign rx_ready = !full[write_slot];
    assign head_valid = full[read_slot];
    assign head_length = length[read_slot];
    assign head_bad = bad[read_slot];
    assign beat = slots[(read_slot?BEATS : 0)+beat_number];

    // The bytes before the lowest clear bit.
    function [14:0] kept(input [7:0] keep);
        integer i;
        begin
            kept = 15'd8;
            for (i = 7; i >= 0; i = i - 1) if (!keep[i]) kept = i;
        end
    endfunction

    always @(posedge clock) begin
        if (!rst_n) begin
            full <= 2'b00;
            write_slot <= 1'b0;
            read_slot <= 1'b0;
            at <= 11'd0;
        end else begin
            if (rx_valid && rx_ready) begin
                if (at < BEATS) slots[(write_slot?BEATS : 0)+at] <= rx_data;
                at <= rx_last ? 11'd0 : at + 11'd1;
                if (rx_last) begin
                    length[write_slot] <= {1'b0, at, 3'd0} + kept(rx_keep);
                    bad[write_slot] <= rx_error || !rx_keep[0];
                    full[write_slot] <= 1'b1;
                    write_slot <= !write_slot;
                end
            end
            if (head_taken) begin
                full[read_slot] <= 1'b0;
                read_slot <= !read_slot;
            end
        end
    end
endmodule

`default_nettype wire
