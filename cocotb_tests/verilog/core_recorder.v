// What frame_bench writes down of the core: beats and copies that leave, decisions, register writes that take effect.

`default_nettype none

module core_recorder #(
    parameter PORTS = 9
) (
    input  wire                clk,
    input  wire                reset,
    input  wire                opening,       // open the files of the stage; reset is high
    input  wire                closing,
    input  wire [7:0]          stage,
    input  wire [31:0]         cycle,
    input  wire [PORTS-1:0]    s_axis_tready,
    input  wire [PORTS*64-1:0] m_axis_tdata,
    input  wire [PORTS*8-1:0]  m_axis_tkeep,
    input  wire [PORTS-1:0]    m_axis_tvalid,
    input  wire [PORTS-1:0]    m_axis_tready,
    input  wire [PORTS-1:0]    m_axis_tlast,
    input  wire [PORTS-1:0]    m_axis_tuser,
    input  wire                event_valid,
    input  wire [4:0]          event_port,
    input  wire [7:0]          event_reason,
    input  wire [PORTS-1:0]    event_ports,
    input  wire [PORTS-1:0]    event_full,
    input  wire                write_valid,
    input  wire [15:0]         write_address,
    input  wire [31:0]         write_data,
    output reg  [31:0]         n_decided,     // frames
    output reg  [31:0]         n_due,         // copies that found room and have not left
    output reg                 saw_x,         // or tkeep with a gap: what must not be at an output
    output wire [7:0]          broken_rule,   // of AXI4-Stream, 0 for none
    output wire [7:0]          broken_port
);
    axi_stream_checker #(
        .PORTS(PORTS)
    ) checker_of_outputs (
        .clk(clk),
        .reset(reset),
        .tdata(m_axis_tdata),
        .tkeep(m_axis_tkeep),
        .tvalid(m_axis_tvalid),
        .tready(m_axis_tready),
        .tlast(m_axis_tlast),
        .tuser(m_axis_tuser),
        .broken(broken_rule),
        .broken_port(broken_port)
    );

    integer beat_file[0:PORTS-1];
    integer event_file;
    integer write_file;
    integer copy_file;
    integer o;
    integer b;
    reg [8*64-1:0] name;

    reg [PORTS-1:0] firing;
    reg [PORTS-1:0] started;                  // of a copy, a beat was taken already
    reg [31:0] first_beat[0:PORTS-1];
    reg [15:0] beats_taken[0:PORTS-1];
    reg [63:0] beat;
    reg [7:0] keep;
    reg [63:0] mask;                          // of the bytes of a last beat that are in the frame

    initial clear;

    always @(posedge clk) begin
        if (reset) begin
            clear;
            if (opening) open_files;
            if (closing) close_files;
        end else begin
            if ((^{s_axis_tready, event_valid, write_valid}) === 1'bx) saw_x <= 1'b1;
            firing = m_axis_tvalid & m_axis_tready;
            if (firing != 0) begin
                // No task: Icarus Verilog starts a thread for each call, here for each beat.
                for (o = 0; o < PORTS; o = o + 1) begin
                    if (firing[o]) begin
                        beat = m_axis_tdata[o*64+:64];
                        keep = m_axis_tkeep[o*8+:8];
                        $fwrite(beat_file[o], "%u", beat);
                        if (!started[o]) first_beat[o] = cycle;
                        beats_taken[o] = beats_taken[o] + 16'd1;
                        started[o] = m_axis_tlast[o] === 1'b0;
                        if (started[o]) begin
                            if (keep !== 8'hFF || (^beat) === 1'bx) saw_x <= 1'b1;
                        end else begin
                            take_last;
                        end
                    end
                end
            end
            if (event_valid) take_event;
            if (write_valid) take_write;
        end
    end

    // The last beat of a copy, of output `o`.
    task automatic take_last;
        begin
            for (b = 0; b < 8; b = b + 1) mask[8*b+:8] = {8{keep[b]}};
            if ((^(beat & mask)) === 1'bx) saw_x <= 1'b1;
            if ((^{m_axis_tlast[o], m_axis_tuser[o], keep}) === 1'bx) saw_x <= 1'b1;
            $fwrite(copy_file, "%u", {cycle, first_beat[o], beats_taken[o], 7'd0, m_axis_tuser[o], keep, o});
            beats_taken[o] = 16'd0;
            n_due = n_due - 1;
        end
    endtask

    task automatic take_event;
        begin
            $fwrite(
                event_file, "%u", {
                {(32 - PORTS) {1'b0}}, event_full, {(32 - PORTS) {1'b0}}, event_ports, 16'd0, event_reason, 3'd0,
                    event_port, cycle});
            if ((^{event_port, event_reason, event_ports, event_full}) === 1'bx) saw_x <= 1'b1;
            n_decided = n_decided + 1;
            if (event_ports != 0) begin
                for (o = 0; o < PORTS; o = o + 1) if (event_ports[o] && !event_full[o]) n_due = n_due + 1;
            end
        end
    endtask

    task automatic take_write;
        begin
            $fwrite(write_file, "%u", {write_data, 16'd0, write_address, cycle});
            if ((^{write_address, write_data}) === 1'bx) saw_x <= 1'b1;
        end
    endtask

    task automatic clear;
        begin
            started = {PORTS{1'b0}};
            n_decided = 32'd0;
            n_due = 32'd0;
            saw_x <= 1'b0;
            for (o = 0; o < PORTS; o = o + 1) beats_taken[o] = 16'd0;
        end
    endtask

    task automatic open_files;
        begin
            $sformat(name, "events_%0d.bin", stage);
            event_file = $fopen(name, "wb");
            $sformat(name, "writes_%0d.bin", stage);
            write_file = $fopen(name, "wb");
            $sformat(name, "copies_%0d.bin", stage);
            copy_file = $fopen(name, "wb");
            for (o = 0; o < PORTS; o = o + 1) begin
                $sformat(name, "beats_%0d_%0d.bin", stage, o);
                beat_file[o] = $fopen(name, "wb");
            end
        end
    endtask

    task automatic close_files;
        begin
            $fclose(event_file);
            $fclose(write_file);
            $fclose(copy_file);
            for (o = 0; o < PORTS; o = o + 1) $fclose(beat_file[o]);
        end
    endtask
endmodule

`default_nettype wire
