// The sources of frame_bench: each port's frames from its file, a beat at a time.
//
// A source may change what it offers if it offers nothing or its beat is accepted in this cycle; it begins to offer a beat
// in the first cycle in which it is allowed to leave, a frame's first beat not before the frame's own cycle. A frame that
// must not be late is dropped if that cycle has passed when the frame before is through: a wire does not wait.

`default_nettype none

module frame_sources #(
    parameter PORTS = 9
) (
    input  wire                clk,
    input  wire                reset,
    input  wire                opening,      // open the files of the stage; reset is high
    input  wire                closing,
    input  wire [7:0]          stage,
    input  wire [31:0]         cycle,
    input  wire [31:0]         next_cycle,
    input  wire [PORTS-1:0]    leave,        // in the next cycle
    output reg  [PORTS*64-1:0] s_axis_tdata,
    output reg  [PORTS*8-1:0]  s_axis_tkeep,
    output reg  [PORTS-1:0]    s_axis_tvalid,
    input  wire [PORTS-1:0]    s_axis_tready,
    output reg  [PORTS-1:0]    s_axis_tlast,
    output reg  [PORTS-1:0]    s_axis_tuser,
    output reg  [31:0]         n_accepted,   // frames
    output reg                 is_done       // all files are at their end
);
    localparam FRAME_BEATS = 2048;           // room for a frame of 16 KiB
    localparam HEAD_BYTES = 8;

    integer frame_file[0:PORTS-1];
    integer accepted_file;
    integer dropped_file;
    integer n_read;
    integer i;
    reg [8*64-1:0] name;

    reg [63:0] buffer[0:PORTS*FRAME_BEATS-1];
    // First cycle 63:32, beats 31:16, tkeep 15:8 of the last beat; 1: not later than its cycle; tuser 0 of the last beat.
    reg [63:0] head;
    reg [31:0] not_before[0:PORTS-1];
    reg [15:0] left[0:PORTS-1];              // beats of the frame that are not offered yet
    integer at[0:PORTS-1];                   // the first of them, in the buffer
    reg [7:0] last_keep[0:PORTS-1];
    reg last_user[0:PORTS-1];
    reg [31:0] first_accepted[0:PORTS-1];
    reg [PORTS-1:0] began;                   // the first beat of the frame was accepted
    reg [PORTS-1:0] finished;                // no frames are left
    reg is_late;
    reg [PORTS-1:0] moving;
    reg [PORTS-1:0] accepting;
    reg [PORTS*64-1:0] next_tdata;
    reg [PORTS*8-1:0] next_tkeep;
    reg [PORTS-1:0] next_tvalid;
    reg [PORTS-1:0] next_tlast;
    reg [PORTS-1:0] next_tuser;

    initial clear;

    always @(posedge clk) begin
        if (reset) begin
            clear;
            if (opening) open_files;
            if (closing) close_files;
        end else begin
            accepting = s_axis_tvalid & s_axis_tready;
            moving = (~s_axis_tvalid | s_axis_tready) & ~(finished & ~s_axis_tvalid);
            if (moving != 0) begin
                // All ports in one assignment: simulators update a wide register for each assignment to a part of it.
                next_tdata = s_axis_tdata;
                next_tkeep = s_axis_tkeep;
                next_tvalid = s_axis_tvalid;
                next_tlast = s_axis_tlast;
                next_tuser = s_axis_tuser;
                // No task: Icarus Verilog starts a thread for each call, here for each beat.
                for (i = 0; i < PORTS; i = i + 1) begin
                    if (moving[i]) begin
                        if (accepting[i]) begin
                            if (!began[i]) first_accepted[i] = cycle;
                            began[i] = !s_axis_tlast[i];
                            if (s_axis_tlast[i]) begin
                                $fwrite(accepted_file, "%u", {cycle, first_accepted[i], i});
                                n_accepted = n_accepted + 1;
                            end
                        end
                        next_tvalid[i] = 1'b0;
                        if (left[i] == 16'd0 && !finished[i]) load;
                        if (!finished[i] && leave[i] && next_cycle >= not_before[i]) begin
                            next_tvalid[i] = 1'b1;
                            next_tdata[i*64+:64] = buffer[at[i]];
                            at[i] = at[i] + 1;
                            left[i] = left[i] - 16'd1;
                            next_tlast[i] = left[i] == 16'd0;
                            if (next_tlast[i]) begin
                                next_tuser[i] = last_user[i];
                                next_tkeep[i*8+:8] = last_keep[i];
                            end else begin
                                // tuser matters on the last beat alone, so that it is set on every other one before.
                                next_tuser[i] = left[i][0];
                                next_tkeep[i*8+:8] = 8'hFF;
                            end
                        end
                    end
                end
                s_axis_tdata <= next_tdata;
                s_axis_tkeep <= next_tkeep;
                s_axis_tvalid <= next_tvalid;
                s_axis_tlast <= next_tlast;
                s_axis_tuser <= next_tuser;
            end
            is_done <= (&finished) && began == 0;
        end
    end

    // Read the next frame of port `i` that is not dropped.
    task automatic load;
        begin
            is_late = 1'b1;
            while (is_late) begin
                is_late = 1'b0;
                n_read = $fread(head, frame_file[i]);
                if (n_read == HEAD_BYTES) begin
                    at[i] = i * FRAME_BEATS;
                    not_before[i] = head[63:32];
                    left[i] = head[31:16];
                    last_keep[i] = head[15:8];
                    last_user[i] = head[0];
                    n_read = $fread(buffer, frame_file[i], at[i], left[i]);
                    is_late = head[1] && next_cycle > not_before[i];
                    if (is_late) $fwrite(dropped_file, "%u", {not_before[i], i});
                end else begin
                    finished[i] = 1'b1;
                end
            end
        end
    endtask

    task automatic clear;
        begin
            s_axis_tdata <= {PORTS * 64{1'b0}};
            s_axis_tkeep <= {PORTS * 8{1'b0}};
            s_axis_tvalid <= {PORTS{1'b0}};
            s_axis_tlast <= {PORTS{1'b0}};
            s_axis_tuser <= {PORTS{1'b0}};
            n_accepted = 32'd0;
            is_done <= 1'b0;
            finished = {PORTS{1'b0}};
            began = {PORTS{1'b0}};
            for (i = 0; i < PORTS; i = i + 1) left[i] = 16'd0;
        end
    endtask

    task automatic open_files;
        begin
            $sformat(name, "accepted_%0d.bin", stage);
            accepted_file = $fopen(name, "wb");
            $sformat(name, "dropped_%0d.bin", stage);
            dropped_file = $fopen(name, "wb");
            for (i = 0; i < PORTS; i = i + 1) begin
                $sformat(name, "frames_%0d_%0d.bin", stage, i);
                frame_file[i] = $fopen(name, "rb");
            end
        end
    endtask

    task automatic close_files;
        begin
            $fclose(accepted_file);
            $fclose(dropped_file);
            for (i = 0; i < PORTS; i = i + 1) $fclose(frame_file[i]);
        end
    endtask
endmodule

`default_nettype wire
