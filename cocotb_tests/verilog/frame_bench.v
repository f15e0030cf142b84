// Whole frames through a switch core: frames, idles, stalls and register accesses come from files, and every copy,
// event, register write and answer goes to files. cocotb raises `go` and wakes once, at `done`.
//
// The core is in the module core_under_test, which dut_adapter.py writes from the core's file.
//
// A run has stages, each of which begins with a reset; a stage that is cut short puts the reset into the traffic. The
// files of stage S, of 32-bit words, are described in batch_files.py. Sources and outputs follow tables of bits by the cycle:
// a source may begin to offer a beat, and an output is ready, in the cycles that its column of `pattern` has set.
//
// A stage whose frames are held has phases: the core is quiet, the register accesses of the phase are done, its frames pass.
// In some phases no output is ready until all has come in that finds room, so that every queue is known to hold what it holds.

`default_nettype none

module frame_bench #(
    parameter PORTS = 9,
    parameter HAS_EVENTS = 1,           // the core says when it decides a frame, and how
    parameter QUIET_CYCLES = 64,        // after all has come out: what comes then is too much
    parameter SETTLE_CYCLES = 1000      // after all has come in: it is where it waits
) (
    // cocotb sees these alone: all other signals stay Verilator's to optimize.
    input  wire       given_clk  /* verilator public_flat_rw */,
    input  wire       go  /* verilator public_flat_rw */,
    input  wire [7:0] n_stages  /* verilator public_flat_rw */,
    output reg        done  /* verilator public_flat_rw */
);
    localparam MOST_ROWS = 1 << 17;     // of a pattern
    localparam RESET_CYCLES = 3;
    localparam START_CYCLES = 3;        // in which all parts see that there is a new phase

    // Icarus Verilog has a clock of the bench's own: cocotb's wakes twice in each cycle, an eighth of a run's time.
`ifdef __ICARUS__
    reg clk;
    initial clk = 1'b0;
    always #1 clk = !clk;
`else
    wire clk = given_clk;
`endif

    // ---- The stages ----
    localparam IDLE = 3'd0;
    localparam OPENING = 3'd1;
    localparam RESET = 3'd2;
    localparam TRAFFIC = 3'd3;
    localparam QUIET = 3'd4;
    localparam READING = 3'd5;
    localparam CLOSING = 3'd6;
    localparam STARTING = 3'd7;
    reg [2:0] state;
    reg [7:0] stage;
    reg reset;
    reg [31:0] cycle;                   // 0 is the first rising edge with reset low
    reg [31:0] wait_cycles;
    reg [31:0] last_cycle;              // a stage that is not over then ends there
    reg is_cut;                         // as it is meant to
    reg [7:0] reset_cycles;             // of the core, just before cycle 0; 0: as many as there are
    reg holds_frames;                   // until the accesses of their phase are over
    reg [5:0] phase;
    reg [5:0] last_phase;
    reg [63:0] stalled_phases;
    reg failed;
    reg ended_by_x;
    reg [15:0] ended_by_rule;           // of a protocol, and the port
    reg [31:0] ended_at;
    wire opening = state == OPENING;
    // The bench needs more cycles between two stages, in which the core goes on without frames and accesses.
    wire core_reset = reset && (state == IDLE || state == RESET && (reset_cycles == 0 || wait_cycles < reset_cycles));
    wire closing = state == CLOSING;
    wire traffic_ended = state == READING;
    wire in_stage = state == TRAFFIC || state == QUIET || state == STARTING || state == READING;
    wire [31:0] next_cycle = reset ? 32'd0 : cycle + 32'd1;
    wire holding;
    wire [31:0] held_cycles;            // of the stage
    wire [31:0] phase_begin;            // the cycles of the phase's frames count from here
    wire is_settled;
    wire is_stuck;
    wire is_late = cycle - held_cycles == last_cycle || is_stuck;

    // Ready of output P in bit P, leave of source P in bit 32 + P, by the cycle. Bit 24: no answer of a register is taken;
    // 25, 26, 27: no read, no write address, no write data begins to be offered.
    reg [63:0] pattern[0:MOST_ROWS-1];
    reg [31:0] last_row;                // of the stage's pattern, of a power of two
    wire [63:0] next_pattern = pattern[next_cycle&last_row];
    reg [PORTS-1:0] m_axis_tready;
    wire stalls = stalled_phases[phase] && !is_settled;
    always @(posedge clk) m_axis_tready <= stalls ? {PORTS{1'b0}} : next_pattern[PORTS-1:0];
    always @(posedge clk) cycle <= next_cycle;

    wire [31:0] n_accepted;
    wire [31:0] n_decided;
    wire [31:0] n_due;
    wire sources_done;
    wire streams_saw_x;
    wire [7:0] lite_rule;
    wire [7:0] stream_rule;
    wire [7:0] stream_port;
    wire [15:0] rule = stream_rule != 0 ? {stream_port, stream_rule} : {8'd0, lite_rule};
    wire is_wrong = streams_saw_x || rule[7:0] != 8'd0;
    wire registers_wait;
    wire registers_done;
    wire all_decided = !HAS_EVENTS || (n_accepted == n_decided && n_due == 0);

    stage_clock #(
        .SETTLE_CYCLES(SETTLE_CYCLES)
    ) stage_clock (
        .clk(clk),
        .reset(reset),
        .holds_frames(holds_frames),
        .is_starting(state == STARTING),
        .in_traffic(state == TRAFFIC),
        .registers_wait(registers_wait),
        .takes_in((s_axis_tvalid & s_axis_tready) != 0),
        .gives_out((m_axis_tvalid & m_axis_tready) != 0),
        .answers(axil_rvalid && axil_rready || axil_bvalid && axil_bready),
        .next_cycle(next_cycle),
        .holding(holding),
        .held_cycles(held_cycles),
        .phase_begin(phase_begin),
        .is_settled(is_settled),
        .is_stuck(is_stuck)
    );

    integer settings_file;
    integer end_file;
    integer n_read;
    reg [63:0] setting;
    reg [8*64-1:0] name;

    initial begin
        done = 1'b0;
        state = IDLE;
        reset = 1'b1;
        cycle = 32'd0;
        last_cycle = 32'd0;
        last_row = 32'd0;
        phase = 6'd0;
        stalled_phases = 64'd0;
    end

    always @(posedge clk) begin
        if (in_stage && (is_late || is_wrong)) begin
            leave_stage(!is_cut || is_wrong || is_stuck);
        end else begin
            case (state)
                IDLE:
                if (go && !done) begin
                    stage <= 8'd0;
                    state <= OPENING;
                end
                OPENING: begin
                    read_settings;
                    state <= RESET;
                    wait_cycles <= RESET_CYCLES;
                end
                RESET: begin
                    wait_cycles <= wait_cycles - 1;
                    if (wait_cycles == 0) begin
                        reset <= 1'b0;
                        state <= TRAFFIC;
                    end
                end
                TRAFFIC:
                if (sources_done && all_decided && registers_wait && !stalls) begin
                    state <= QUIET;
                    wait_cycles <= QUIET_CYCLES;
                end
                QUIET: begin
                    // Of a core that does not say what it decides, a beat is the sign that more may come.
                    wait_cycles <= (!HAS_EVENTS && m_axis_tvalid != 0) ? QUIET_CYCLES : wait_cycles - 1;
                    if (wait_cycles == 0 && phase == last_phase) begin
                        state <= READING;
                    end else if (wait_cycles == 0) begin
                        phase <= phase + 6'd1;
                        state <= STARTING;
                        wait_cycles <= START_CYCLES;
                    end
                end
                STARTING: begin
                    wait_cycles <= wait_cycles - 1;
                    if (wait_cycles == 0) state <= TRAFFIC;
                end
                READING: if (registers_done) leave_stage(1'b0);
                default: begin
                    write_end;
                    stage <= stage + 8'd1;
                    state <= (stage + 8'd1 == n_stages) ? IDLE : OPENING;
                    done <= stage + 8'd1 == n_stages;
                end
            endcase
        end
    end

    // With reset high nothing is written any more when the files are closed, a cycle later.
    task automatic leave_stage(input is_failed);
        begin
            reset <= 1'b1;
            state <= CLOSING;
            failed <= is_failed;
            ended_by_x <= streams_saw_x;
            ended_by_rule <= rule;
            ended_at <= cycle;
        end
    endtask

    task automatic read_settings;
        begin
            $sformat(name, "settings_%0d.bin", stage);
            settings_file = $fopen(name, "rb");
            n_read = $fread(last_cycle, settings_file);
            n_read = $fread(setting, settings_file);
            is_cut = setting[0];
            holds_frames = setting[1];
            reset_cycles = setting[15:8];
            last_phase = setting[21:16];
            phase <= 6'd0;
            last_row = setting[63:32];
            n_read = $fread(stalled_phases, settings_file);
            n_read = $fread(pattern, settings_file);
            $fclose(settings_file);
        end
    endtask

    task automatic write_end;
        begin
            $sformat(name, "end_%0d.bin", stage);
            end_file = $fopen(name, "wb");
            $fwrite(end_file, "%u", {ended_by_rule, 14'd0, ended_by_x, failed, ended_at});
            $fclose(end_file);
        end
    endtask

    // ---- The core and what is around it ----
    wire [PORTS*64-1:0] s_axis_tdata;
    wire [PORTS*8-1:0] s_axis_tkeep;
    wire [PORTS-1:0] s_axis_tvalid;
    wire [PORTS-1:0] s_axis_tready;
    wire [PORTS-1:0] s_axis_tlast;
    wire [PORTS-1:0] s_axis_tuser;
    wire [PORTS*64-1:0] m_axis_tdata;
    wire [PORTS*8-1:0] m_axis_tkeep;
    wire [PORTS-1:0] m_axis_tvalid;
    wire [PORTS-1:0] m_axis_tlast;
    wire [PORTS-1:0] m_axis_tuser;
    wire [15:0] axil_awaddr, axil_araddr;
    wire [31:0] axil_wdata, axil_rdata;
    wire axil_awvalid, axil_wvalid, axil_arvalid, axil_bready, axil_rready;
    wire axil_awready, axil_wready, axil_arready, axil_bvalid, axil_rvalid;
    wire [1:0] axil_bresp, axil_rresp;
    wire event_valid;
    wire [4:0] event_port;
    wire [7:0] event_reason;
    wire [PORTS-1:0] event_ports;
    wire [PORTS-1:0] event_full;
    wire write_valid;
    wire [15:0] write_address;
    wire [31:0] write_data;

    frame_sources #(
        .PORTS(PORTS)
    ) sources (
        .clk(clk),
        .reset(reset),
        .opening(opening),
        .closing(closing),
        .stage(stage),
        .cycle(cycle),
        .next_cycle(next_cycle - phase_begin),
        .phase(phase),
        .leave(holding ? {PORTS{1'b0}} : next_pattern[32+:PORTS]),
        .s_axis_tdata(s_axis_tdata),
        .s_axis_tkeep(s_axis_tkeep),
        .s_axis_tvalid(s_axis_tvalid),
        .s_axis_tready(s_axis_tready),
        .s_axis_tlast(s_axis_tlast),
        .s_axis_tuser(s_axis_tuser),
        .n_accepted(n_accepted),
        .is_done(sources_done)
    );

    register_player registers (
        .clk(clk),
        .reset(reset),
        .opening(opening),
        .closing(closing),
        .stage(stage),
        .cycle(cycle),
        .next_cycle(next_cycle),
        .phase(phase),
        .traffic_ended(traffic_ended),
        .hold(next_pattern[27:24]),
        .waits(registers_wait),
        .is_done(registers_done),
        .axil_awaddr(axil_awaddr),
        .axil_araddr(axil_araddr),
        .axil_wdata(axil_wdata),
        .axil_awvalid(axil_awvalid),
        .axil_awready(axil_awready),
        .axil_wvalid(axil_wvalid),
        .axil_wready(axil_wready),
        .axil_bresp(axil_bresp),
        .axil_bvalid(axil_bvalid),
        .axil_bready(axil_bready),
        .axil_arvalid(axil_arvalid),
        .axil_arready(axil_arready),
        .axil_rdata(axil_rdata),
        .axil_rresp(axil_rresp),
        .axil_rvalid(axil_rvalid),
        .axil_rready(axil_rready),
        .broken_rule(lite_rule)
    );

    core_under_test #(
        .PORTS(PORTS)
    ) core (
        .clk(clk),
        .reset(core_reset),
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
        .axil_awaddr(axil_awaddr),
        .axil_araddr(axil_araddr),
        .axil_awvalid(axil_awvalid),
        .axil_awready(axil_awready),
        .axil_wdata(axil_wdata),
        .axil_wvalid(axil_wvalid),
        .axil_wready(axil_wready),
        .axil_bresp(axil_bresp),
        .axil_bvalid(axil_bvalid),
        .axil_bready(axil_bready),
        .axil_arvalid(axil_arvalid),
        .axil_arready(axil_arready),
        .axil_rdata(axil_rdata),
        .axil_rresp(axil_rresp),
        .axil_rvalid(axil_rvalid),
        .axil_rready(axil_rready),
        .event_valid(event_valid),
        .event_port(event_port),
        .event_reason(event_reason),
        .event_ports(event_ports),
        .event_full(event_full),
        .write_valid(write_valid),
        .write_address(write_address),
        .write_data(write_data)
    );

    core_recorder #(
        .PORTS(PORTS)
    ) recorder (
        .clk(clk),
        .reset(reset),
        .opening(opening),
        .closing(closing),
        .stage(stage),
        .cycle(cycle),
        .s_axis_tready(s_axis_tready),
        .m_axis_tdata(m_axis_tdata),
        .m_axis_tkeep(m_axis_tkeep),
        .m_axis_tvalid(m_axis_tvalid),
        .m_axis_tready(m_axis_tready),
        .m_axis_tlast(m_axis_tlast),
        .m_axis_tuser(m_axis_tuser),
        .event_valid(event_valid),
        .event_port(event_port),
        .event_reason(event_reason),
        .event_ports(event_ports),
        .event_full(event_full),
        .write_valid(write_valid),
        .write_address(write_address),
        .write_data(write_data),
        .n_decided(n_decided),
        .n_due(n_due),
        .saw_x(streams_saw_x),
        .broken_rule(stream_rule),
        .broken_port(stream_port)
    );
endmodule

`default_nettype wire
