// Whole frames through the switch core: frames, idles, stalls and register accesses come from files, and every copy,
// event, register write and answer goes to files. cocotb raises `go` and wakes once, at `done`.
//
// A run has stages, each of which begins with a reset; a stage that is cut short puts the reset into the traffic. The
// files of stage S, of 32-bit words, are described in batch_files.py. Sources and outputs follow tables of bits by the cycle:
// a source may begin to offer a beat, and an output is ready, in the cycles that its column of `pattern` has set.

`default_nettype none

module frame_bench #(
    parameter PORTS = 9,
    parameter BUS_W = 512,
    parameter PRIORITIES = 1,
    parameter INGRESS_BYTES = 16384,
    parameter QUEUE_BYTES = 32768,
    parameter MAX_FRAME_BYTES = 1514,
    parameter MAC_ENTRIES = 64,
    parameter VLAN_ENTRIES = 32,
    parameter LIST_ENTRIES = 16
) (
    // cocotb sees these alone: all other signals stay Verilator's to optimize.
    input  wire       clk  /* verilator public_flat_rw */,
    input  wire       go  /* verilator public_flat_rw */,
    input  wire [7:0] n_stages  /* verilator public_flat_rw */,
    output reg        done  /* verilator public_flat_rw */
);
    localparam PORT_W = 64;
    localparam FRAME_BEATS = 2048;      // room for a frame of 16 KiB
    localparam PATTERN_ROWS = 4096;
    localparam RESET_CYCLES = 3;
    localparam QUIET_CYCLES = 64;       // after all has come out: what comes then is too much
    localparam [PORTS-1:0] ALL_PORTS = {PORTS{1'b1}};

    reg reset;
    reg [PORTS*PORT_W-1:0] s_axis_tdata;
    reg [PORTS*PORT_W/8-1:0] s_axis_tkeep;
    reg [PORTS-1:0] s_axis_tvalid;
    wire [PORTS-1:0] s_axis_tready;
    reg [PORTS-1:0] s_axis_tlast;
    reg [PORTS-1:0] s_axis_tuser;
    wire [PORTS*PORT_W-1:0] m_axis_tdata;
    wire [PORTS*PORT_W/8-1:0] m_axis_tkeep;
    wire [PORTS-1:0] m_axis_tvalid;
    reg [PORTS-1:0] m_axis_tready;
    wire [PORTS-1:0] m_axis_tlast;
    wire [PORTS-1:0] m_axis_tuser;
    reg [15:0] axil_address;
    reg [31:0] axil_wdata;
    reg axil_awvalid;
    reg axil_wvalid;
    reg axil_arvalid;
    wire axil_awready;
    wire axil_wready;
    wire axil_arready;
    wire axil_bvalid;
    wire axil_rvalid;
    wire [1:0] axil_bresp;
    wire [1:0] axil_rresp;
    wire [31:0] axil_rdata;
    wire event_valid;
    wire [4:0] event_port;
    wire [7:0] event_reason;
    wire [PORTS-1:0] event_ports;
    wire [PORTS-1:0] event_full;
    wire write_valid;
    wire [15:0] write_address;
    wire [31:0] write_data;

    eth_switch_core #(
        .PORTS(PORTS),
        .PORT_W(PORT_W),
        .BUS_W(BUS_W),
        .PRIORITIES(PRIORITIES),
        .INGRESS_BYTES(INGRESS_BYTES),
        .QUEUE_BYTES(QUEUE_BYTES),
        .MAX_FRAME_BYTES(MAX_FRAME_BYTES),
        .MAC_ENTRIES(MAC_ENTRIES),
        .VLAN_ENTRIES(VLAN_ENTRIES),
        .LIST_ENTRIES(LIST_ENTRIES)
    ) core (
        .clk(clk),
        .reset(reset),
        .s_axis_tdata(s_axis_tdata),
        .s_axis_tkeep(s_axis_tkeep),
        .s_axis_tvalid(s_axis_tvalid),
        .s_axis_tready(s_axis_tready),
        .s_axis_tlast(s_axis_tlast),
        .s_axis_tuser(s_axis_tuser),
        .m_axis_tdata(m_axis_tdata),
        .m_axis_tkeep(m_axis_tkeep),
        .m_axis_tvalid(m_axis_tvalid),
        .m_axis_tready(m_axis_tready),
        .m_axis_tlast(m_axis_tlast),
        .m_axis_tuser(m_axis_tuser),
        .s_axil_awaddr(axil_address),
        .s_axil_awvalid(axil_awvalid),
        .s_axil_awready(axil_awready),
        .s_axil_wdata(axil_wdata),
        .s_axil_wstrb(4'hF),
        .s_axil_wvalid(axil_wvalid),
        .s_axil_wready(axil_wready),
        .s_axil_bresp(axil_bresp),
        .s_axil_bvalid(axil_bvalid),
        .s_axil_bready(1'b1),
        .s_axil_araddr(axil_address),
        .s_axil_arvalid(axil_arvalid),
        .s_axil_arready(axil_arready),
        .s_axil_rdata(axil_rdata),
        .s_axil_rresp(axil_rresp),
        .s_axil_rvalid(axil_rvalid),
        .s_axil_rready(1'b1),
        .event_valid(event_valid),
        .event_port(event_port),
        .event_reason(event_reason),
        .event_ports(event_ports),
        .event_full(event_full),
        .write_valid(write_valid),
        .write_address(write_address),
        .write_data(write_data)
    );

    // ---- The stages ----
    localparam IDLE = 3'd0;
    localparam RESET = 3'd1;
    localparam TRAFFIC = 3'd2;
    localparam QUIET = 3'd3;
    localparam READING = 3'd4;
    localparam CLOSING = 3'd5;
    reg [2:0] state;
    wire in_stage = state == TRAFFIC || state == QUIET || state == READING;
    reg [7:0] stage;
    reg [31:0] cycle;           // 0 is the first rising edge with reset low
    reg [31:0] wait_cycles;
    reg [31:0] last_cycle;      // a stage that is not over then ends there
    reg is_cut;                 // as it is meant to
    reg saw_x;
    reg failed;
    reg [31:0] ended_at;
    wire [31:0] next_cycle = reset ? 32'd0 : cycle + 32'd1;

    integer settings_file;
    integer frame_file[0:PORTS-1];
    integer beat_file[0:PORTS-1];
    integer access_file;
    integer answer_file;
    integer event_file;
    integer write_file;
    integer accepted_file;
    integer copy_file;
    integer end_file;
    integer n_read;
    integer i;
    reg [8*64-1:0] name;

    // ---- The sources ----
    reg [63:0] buffer[0:PORTS*FRAME_BEATS-1];
    reg [63:0] pattern[0:PATTERN_ROWS-1];   // ready of output P in bit P, leave of source P in bit 32 + P
    reg [63:0] frame_head;                  // first cycle 63:32, beats 31:16, tkeep 15:8 and tuser 0 of the last beat
    reg [31:0] not_before[0:PORTS-1];
    reg [15:0] beats[0:PORTS-1];
    reg [15:0] at[0:PORTS-1];
    reg [7:0] last_keep[0:PORTS-1];
    reg last_user[0:PORTS-1];
    reg [31:0] first_accepted[0:PORTS-1];
    reg [PORTS-1:0] began;                  // the first beat of the frame was accepted
    reg [PORTS-1:0] finished;               // no frames are left
    reg [PORTS-1:0] leave;
    reg [PORTS-1:0] moving;
    reg [PORTS-1:0] accepting;
    reg [PORTS*PORT_W-1:0] next_tdata;
    reg [PORTS*PORT_W/8-1:0] next_tkeep;
    reg [PORTS-1:0] next_tvalid;
    reg [PORTS-1:0] next_tlast;
    reg [PORTS-1:0] next_tuser;
    reg [31:0] undecided;                   // frames accepted and not decided yet

    // ---- The outputs ----
    reg [PORTS-1:0] firing;
    reg [PORTS-1:0] started;                // of a copy, a beat was taken already
    reg [31:0] first_beat[0:PORTS-1];
    reg [15:0] beats_taken[0:PORTS-1];
    reg [63:0] beat;
    reg [31:0] copies_due;

    // ---- The registers ----
    reg [95:0] access;                      // first cycle 95:64; 49: not before the traffic ended; 48: read; address 47:32, data 31:0
    reg has_access;
    reg accesses_left;
    reg under_way;

    always @(posedge clk) begin
        if (in_stage && (cycle == last_cycle || saw_x)) begin
            leave_stage(!is_cut || saw_x);
        end else begin
            case (state)
                IDLE: if (go && !done) begin_stage(8'd0);
                RESET: begin
                    wait_cycles <= wait_cycles - 1;
                    if (wait_cycles == 0) begin
                        reset <= 1'b0;
                        state <= TRAFFIC;
                    end
                end
                TRAFFIC: begin
                    if (finished == ALL_PORTS && undecided == 0 && copies_due == 0 && began == 0 && !under_way &&
                        (has_access ? access[49] : !accesses_left)) begin
                        state <= QUIET;
                        wait_cycles <= QUIET_CYCLES;
                    end
                end
                QUIET: begin
                    wait_cycles <= wait_cycles - 1;
                    if (wait_cycles == 0) state <= READING;
                end
                READING: if (!has_access && !accesses_left && !under_way) leave_stage(1'b0);
                default: end_stage;
            endcase
        end
    end

    // With reset high nothing is written any more when the files are closed, a cycle later.
    task leave_stage(input is_failed);
        begin
            reset <= 1'b1;
            state <= CLOSING;
            failed <= is_failed;
            ended_at <= cycle;
        end
    endtask

    task begin_stage(input [7:0] number);
        begin
            stage <= number;
            state <= RESET;
            wait_cycles <= RESET_CYCLES;
            saw_x <= 1'b0;
            $sformat(name, "settings_%0d.bin", number);
            settings_file = $fopen(name, "rb");
            n_read = $fread(last_cycle, settings_file);
            n_read = $fread(frame_head, settings_file);
            is_cut = frame_head[0];
            n_read = $fread(pattern, settings_file);
            $fclose(settings_file);
            $sformat(name, "accesses_%0d.bin", number);
            access_file = $fopen(name, "rb");
            $sformat(name, "answers_%0d.bin", number);
            answer_file = $fopen(name, "wb");
            $sformat(name, "events_%0d.bin", number);
            event_file = $fopen(name, "wb");
            $sformat(name, "writes_%0d.bin", number);
            write_file = $fopen(name, "wb");
            $sformat(name, "accepted_%0d.bin", number);
            accepted_file = $fopen(name, "wb");
            $sformat(name, "copies_%0d.bin", number);
            copy_file = $fopen(name, "wb");
            for (i = 0; i < PORTS; i = i + 1) begin
                $sformat(name, "frames_%0d_%0d.bin", number, i);
                frame_file[i] = $fopen(name, "rb");
                $sformat(name, "beats_%0d_%0d.bin", number, i);
                beat_file[i] = $fopen(name, "wb");
            end
        end
    endtask

    task end_stage;
        begin
            $sformat(name, "end_%0d.bin", stage);
            end_file = $fopen(name, "wb");
            $fwrite(end_file, "%u", {30'd0, saw_x, failed, ended_at});
            $fclose(end_file);
            $fclose(access_file);
            $fclose(answer_file);
            $fclose(event_file);
            $fclose(write_file);
            $fclose(accepted_file);
            $fclose(copy_file);
            for (i = 0; i < PORTS; i = i + 1) begin
                $fclose(frame_file[i]);
                $fclose(beat_file[i]);
            end
            if (stage + 8'd1 == n_stages) begin
                state <= IDLE;
                done <= 1'b1;
            end else begin
                begin_stage(stage + 8'd1);
            end
        end
    endtask

    initial begin
        done = 1'b0;
        state = IDLE;
        reset = 1'b1;
        saw_x = 1'b0;
        cycle = 32'd0;
        last_cycle = 32'd0;
        idle_sources;
        idle_registers;
    end

    always @(posedge clk) cycle <= next_cycle;

    // A source may change its beat if it offers none or the one that it offers is accepted in this cycle.
    always @(posedge clk) begin
        if (reset) begin
            idle_sources;
        end else begin
            accepting = s_axis_tvalid & s_axis_tready;
            if ((^s_axis_tready) === 1'bx) saw_x <= 1'b1;
            moving = (~s_axis_tvalid | s_axis_tready) & ~(finished & ~s_axis_tvalid);
            if (moving != 0) begin
                next_tdata = s_axis_tdata;
                next_tkeep = s_axis_tkeep;
                next_tvalid = s_axis_tvalid;
                next_tlast = s_axis_tlast;
                next_tuser = s_axis_tuser;
                leave = pattern[next_cycle%PATTERN_ROWS][32+:PORTS];
                for (i = 0; i < PORTS; i = i + 1) if (moving[i]) move_source;
                s_axis_tdata <= next_tdata;
                s_axis_tkeep <= next_tkeep;
                s_axis_tvalid <= next_tvalid;
                s_axis_tlast <= next_tlast;
                s_axis_tuser <= next_tuser;
            end
        end
    end

    // The source of port `i`.
    task move_source;
        begin
            if (accepting[i]) begin
                if (!began[i]) first_accepted[i] = cycle;
                began[i] = !s_axis_tlast[i];
                if (s_axis_tlast[i]) begin
                    $fwrite(accepted_file, "%u", {cycle, first_accepted[i], i});
                    undecided = undecided + 1;
                end
            end
            next_tvalid[i] = 1'b0;
            if (at[i] == beats[i] && !finished[i]) begin
                n_read = $fread(frame_head, frame_file[i]);
                if (n_read == 8) begin
                    at[i] = 16'd0;
                    not_before[i] = frame_head[63:32];
                    beats[i] = frame_head[31:16];
                    last_keep[i] = frame_head[15:8];
                    last_user[i] = frame_head[0];
                    n_read = $fread(buffer, frame_file[i], i * FRAME_BEATS, beats[i]);
                end else begin
                    finished[i] = 1'b1;
                end
            end
            if (!finished[i] && leave[i] && next_cycle >= not_before[i]) begin
                next_tvalid[i] = 1'b1;
                next_tdata[i*64+:64] = buffer[i*FRAME_BEATS+at[i]];
                at[i] = at[i] + 16'd1;
                if (at[i] == beats[i]) begin
                    next_tlast[i] = 1'b1;
                    next_tuser[i] = last_user[i];
                    next_tkeep[i*8+:8] = last_keep[i];
                end else begin
                    // tuser matters on the last beat alone, so that it is set on every third of the others.
                    next_tlast[i] = 1'b0;
                    next_tuser[i] = at[i] % 3 == 2;
                    next_tkeep[i*8+:8] = 8'hFF;
                end
            end
        end
    endtask

    task idle_sources;
        begin
            s_axis_tdata <= {PORTS * PORT_W{1'b0}};
            s_axis_tkeep <= {PORTS * PORT_W / 8{1'b0}};
            s_axis_tvalid <= {PORTS{1'b0}};
            s_axis_tlast <= {PORTS{1'b0}};
            s_axis_tuser <= {PORTS{1'b0}};
            finished = {PORTS{1'b0}};
            began = {PORTS{1'b0}};
            undecided = 32'd0;
            for (i = 0; i < PORTS; i = i + 1) begin
                at[i] = 16'd0;
                beats[i] = 16'd0;
            end
        end
    endtask

    integer o;
    always @(posedge clk) begin
        m_axis_tready <= pattern[next_cycle%PATTERN_ROWS][PORTS-1:0];
        if (reset) begin
            started = {PORTS{1'b0}};
            copies_due = 32'd0;
            for (o = 0; o < PORTS; o = o + 1) beats_taken[o] = 16'd0;
        end else begin
            if ((^{m_axis_tvalid, event_valid, write_valid}) === 1'bx) saw_x <= 1'b1;
            firing = m_axis_tvalid & m_axis_tready;
            if (firing != 0) for (o = 0; o < PORTS; o = o + 1) if (firing[o]) take_beat;
            if (event_valid) begin
                $fwrite(
                    event_file, "%u", {
                    {(32 - PORTS) {1'b0}}, event_full, {(32 - PORTS) {1'b0}}, event_ports, 16'd0, event_reason, 3'd0,
                        event_port, cycle});
                if ((^{event_port, event_reason, event_ports, event_full}) === 1'bx) saw_x <= 1'b1;
                undecided = undecided - 1;
                if (event_ports != 0) begin
                    for (o = 0; o < PORTS; o = o + 1) begin
                        if (event_ports[o] && !event_full[o]) copies_due = copies_due + 1;
                    end
                end
            end
            if (write_valid) $fwrite(write_file, "%u", {write_data, 16'd0, write_address, cycle});
        end
    end

    // The output of port `o`.
    task take_beat;
        begin
            beat = m_axis_tdata[o*64+:64];
            $fwrite(beat_file[o], "%u", beat);
            if ((^beat) === 1'bx) saw_x <= 1'b1;
            if (!started[o]) first_beat[o] = cycle;
            started[o] = 1'b1;
            beats_taken[o] = beats_taken[o] + 16'd1;
            if (m_axis_tlast[o] !== 1'b0) begin
                if (m_axis_tlast[o] === 1'bx) saw_x <= 1'b1;
                $fwrite(
                    copy_file, "%u", {
                    cycle, first_beat[o], beats_taken[o], 7'd0, m_axis_tuser[o], m_axis_tkeep[o*8+:8], o});
                started[o] = 1'b0;
                beats_taken[o] = 16'd0;
                copies_due = copies_due - 1;
            end else if (m_axis_tkeep[o*8+:8] !== 8'hFF) begin
                saw_x <= 1'b1;
            end
        end
    endtask

    // One access at a time, in the order of the file.
    integer a_read;
    always @(posedge clk) begin
        if (reset) begin
            idle_registers;
        end else begin
            if (axil_awvalid && axil_awready) axil_awvalid <= 1'b0;
            if (axil_wvalid && axil_wready) axil_wvalid <= 1'b0;
            if (axil_arvalid && axil_arready) axil_arvalid <= 1'b0;
            if (axil_bvalid || axil_rvalid) begin
                under_way = 1'b0;
                $fwrite(
                    answer_file, "%u", {
                    access[48] ? axil_rdata : access[31:0], 14'd0, access[48] ? axil_rresp : axil_bresp,
                        access[47:32], cycle});
                if (access[48] && (^axil_rdata) === 1'bx) saw_x <= 1'b1;
            end
            if (!has_access && !under_way && accesses_left) begin
                a_read = $fread(access, access_file);
                has_access = a_read == 12;
                accesses_left = has_access;
            end
            if (has_access && !under_way && (access[49] ? state == READING : next_cycle >= access[95:64])) begin
                axil_address <= access[47:32];
                axil_wdata <= access[31:0];
                axil_awvalid <= !access[48];
                axil_wvalid <= !access[48];
                axil_arvalid <= access[48];
                under_way = 1'b1;
                has_access = 1'b0;
            end
        end
    end

    task idle_registers;
        begin
            axil_awvalid <= 1'b0;
            axil_wvalid <= 1'b0;
            axil_arvalid <= 1'b0;
            axil_address <= 16'd0;
            axil_wdata <= 32'd0;
            has_access = 1'b0;
            accesses_left = 1'b1;
            under_way = 1'b0;
        end
    endtask
endmodule

`default_nettype wire
