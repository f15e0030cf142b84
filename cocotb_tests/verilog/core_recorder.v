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

    localparam KEEP_W = (PORTS / 4 + 1) * 32;   // in a record: more than 8 bits for each port

    integer beat_file;
    integer event_file;
    integer write_file;
    // Counters of loops have no sign, for which Icarus Verilog compares bit by bit.
    reg [31:0] o;
    reg [31:0] b;
    reg [8*64-1:0] name;

    reg [PORTS-1:0] firing;
    reg [PORTS-1:0] ending;                   // the last beat of a copy is taken
    reg [PORTS-1:0] finding_room;             // a copy is due
    wire [PORTS-1:0] is_full;                 // tkeep has all bytes
    reg [7:0] keep;
    reg [63:0] mask;                          // of the bytes of a beat that are in the frame

    genvar g;
    generate
        for (g = 0; g < PORTS; g = g + 1) begin : g_full
            assign is_full[g] = &m_axis_tkeep[g*8+:8];
        end
    endgenerate

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
                // All ports in one record, and no loop over them for each beat: of those there are many.
                $fwrite(
                    beat_file, "%u", {
                    m_axis_tdata, {(KEEP_W - 8 * PORTS) {1'b0}}, m_axis_tkeep, {(32 - PORTS) {1'b0}}, m_axis_tuser,
                        {(32 - PORTS) {1'b0}}, m_axis_tlast, {(32 - PORTS) {1'b0}}, firing, cycle});
                if ((firing & ~m_axis_tlast & ~is_full) != 0) saw_x <= 1'b1;
                if ((^{m_axis_tdata, m_axis_tkeep, m_axis_tlast, m_axis_tuser}) === 1'bx) look_for_x;
            end
            ending = firing & m_axis_tlast;
            finding_room = event_ports & ~event_full & {PORTS{event_valid}};
            if (ending != 0 || finding_room != 0) begin
                for (o = 0; o < PORTS; o = o + 1) begin
                    if (ending[o] != finding_room[o]) n_due = ending[o] ? n_due - 1 : n_due + 1;
                end
            end
            if (event_valid) take_event;
            if (write_valid) take_write;
        end
    end

    // There is X at an output: it may be where nothing is, or in bytes that are not in the frame.
    task automatic look_for_x;
        begin
            for (o = 0; o < PORTS; o = o + 1) begin
                if (firing[o]) begin
                    keep = m_axis_tkeep[o*8+:8];
                    for (b = 0; b < 8; b = b + 1) mask[8*b+:8] = {8{keep[b]}};
                    if ((^(m_axis_tdata[o*64+:64] & mask)) === 1'bx) saw_x <= 1'b1;
                    if ((^{keep, m_axis_tlast[o]}) === 1'bx) saw_x <= 1'b1;
                    if (m_axis_tlast[o] && m_axis_tuser[o] === 1'bx) saw_x <= 1'b1;
                end
            end
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
            n_decided = 32'd0;
            n_due = 32'd0;
            saw_x <= 1'b0;
        end
    endtask

    task automatic open_files;
        begin
            $sformat(name, "events_%0d.bin", stage);
            event_file = $fopen(name, "wb");
            $sformat(name, "writes_%0d.bin", stage);
            write_file = $fopen(name, "wb");
            $sformat(name, "beats_%0d.bin", stage);
            beat_file = $fopen(name, "wb");
        end
    endtask

    task automatic close_files;
        begin
            $fclose(event_file);
            $fclose(write_file);
            $fclose(beat_file);
        end
    endtask
endmodule

`default_nettype wire
