// The sources of frame_bench: each port's frames from its file, a beat at a time.
//
// A source may change what it offers if it offers nothing or its beat is accepted in this cycle; it begins to offer a beat
// in the first cycle in which it is allowed to leave, a frame's first beat not before the frame's own cycle. A frame that
// must not be late is dropped if that cycle has passed when the frame before is through: a wire does not wait. A frame of a later phase of
// the stage waits for that.

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
    input  wire [5:0]          phase,
    input  wire [PORTS-1:0]    leave,        // in the next cycle
    output reg  [PORTS*64-1:0] s_axis_tdata,
    output reg  [PORTS*8-1:0]  s_axis_tkeep,
    output reg  [PORTS-1:0]    s_axis_tvalid,
    input  wire [PORTS-1:0]    s_axis_tready,
    output reg  [PORTS-1:0]    s_axis_tlast,
    output reg  [PORTS-1:0]    s_axis_tuser,
    output reg  [31:0]         n_accepted,   // frames
    output reg                 is_done       // all files are at their end, or at a later phase
);
    localparam FRAME_BEATS = 2048;           // room for a frame of 16 KiB
    localparam HEAD_BYTES = 8;

    integer frame_file[0:PORTS-1];
    integer accepted_file;
    integer dropped_file;
    integer n_read;
    // Without a sign, for which Icarus Verilog compares bit by bit.
    reg [31:0] i;
    reg [31:0] place;
    reg [8*64-1:0] name;

    reg [63:0] buffer[0:PORTS*FRAME_BEATS-1];
    // First cycle 63:32, beats 31:16, tkeep 15:8 of the last beat; phase 7:2; 1: not later than its cycle; tuser 0 of the
    // last beat.
    reg [63:0] head;
    reg [31:0] not_before[0:PORTS-1];
    reg [5:0] of_phase[0:PORTS-1];
    reg [31:0] at[0:PORTS-1];                // the first beat that is not offered yet, in the buffer
    reg [31:0] stop[0:PORTS-1];              // the place behind the last one
    reg [7:0] last_keep[0:PORTS-1];
    reg last_user[0:PORTS-1];
    reg [PORTS-1:0] starting;                // the first beat of a frame is accepted
    reg [PORTS-1:0] ending;                  // the last one is
    reg [PORTS-1:0] began;                   // the first one was, the last one was not
    reg [PORTS-1:0] finished;                // no frames are left
    reg [PORTS-1:0] loaded;                  // beats of a frame are not offered yet
    reg [PORTS-1:0] early;                   // it is not the frame's cycle yet
    reg [PORTS-1:0] later;                   // nor its phase
    reg [PORTS-1:0] through;                 // a new one is due
    reg [PORTS-1:0] offering;                // the next beat is offered from the next cycle on
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
            starting = accepting & ~began;
            ending = accepting & s_axis_tlast;
            began = (began | accepting) & ~ending;
            if ((starting | ending) != 0) begin
                $fwrite(accepted_file, "%u", {{(32 - PORTS) {1'b0}}, ending, {(32 - PORTS) {1'b0}}, starting, cycle});
            end
            moving = (~s_axis_tvalid | s_axis_tready) & ~(finished & ~s_axis_tvalid);
            if (moving != 0) begin
                // All ports in one assignment: simulators update a wide register for each assignment to a part of it.
                next_tdata = s_axis_tdata;
                next_tkeep = s_axis_tkeep;
                next_tuser = s_axis_tuser;
                through = moving & ~loaded;
                if (through != 0) begin
                    for (i = 0; i < PORTS; i = i + 1) begin
                        if (through[i]) begin
                            if (accepting[i]) n_accepted = n_accepted + 1;
                            if (!finished[i]) load;
                        end
                    end
                end
                if (later != 0) begin
                    for (i = 0; i < PORTS; i = i + 1) if (of_phase[i] <= phase) later[i] = 1'b0;
                end
                if (early != 0) begin
                    for (i = 0; i < PORTS; i = i + 1) if (next_cycle >= not_before[i]) early[i] = 1'b0;
                end
                offering = moving & loaded & leave & ~early & ~later;
                next_tvalid = (s_axis_tvalid & ~moving) | offering;
                next_tlast = s_axis_tlast & ~offering;
                // Each beat of each port: as little as can be, and no task, for which Icarus Verilog starts a thread.
                for (i = 0; i < PORTS; i = i + 1) begin
                    if (offering[i]) begin
                        place = at[i];
                        next_tdata[i*64+:64] = buffer[place];
                        // tuser matters on the last beat alone, so that it is set on every other one before.
                        next_tuser[i] = ~place[0];
                        place = place + 1;
                        at[i] = place;
                        if (place == stop[i]) begin
                            loaded[i] = 1'b0;
                            next_tlast[i] = 1'b1;
                            next_tuser[i] = last_user[i];
                            next_tkeep[i*8+:8] = last_keep[i];
                        end
                    end
                end
                s_axis_tdata <= next_tdata;
                s_axis_tkeep <= next_tkeep;
                s_axis_tvalid <= next_tvalid;
                s_axis_tlast <= next_tlast;
                s_axis_tuser <= next_tuser;
            end
            is_done <= (&(finished | later)) && began == 0;
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
                    stop[i] = at[i] + head[31:16];
                    not_before[i] = head[63:32];
                    next_tkeep[i*8+:8] = 8'hFF;
                    last_keep[i] = head[15:8];
                    last_user[i] = head[0];
                    n_read = $fread(buffer, frame_file[i], at[i], head[31:16]);
                    loaded[i] = 1'b1;
                    early[i] = next_cycle < not_before[i];
                    of_phase[i] = head[7:2];
                    later[i] = head[7:2] > phase;
                    is_late = head[1] && next_cycle > not_before[i];
                    if (is_late) $fwrite(dropped_file, "%u", {not_before[i], i});
                end else begin
                    finished[i] = 1'b1;
                    loaded[i] = 1'b0;
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
            loaded = {PORTS{1'b0}};
            early = {PORTS{1'b0}};
            later = {PORTS{1'b0}};
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
