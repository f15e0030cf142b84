// The register accesses of frame_bench, from a file, in order, each not before its cycle.
//
// An access waits until those before it are over, or, if it `overlaps`, until its channel is free: then reads and writes
// are under way at once, several of each, and a write's data comes before or after its address. `hold` delays what a master
// may delay. A stage has phases: an access waits for its own, and for the end of those before it.

`default_nettype none

module register_player (
    input  wire        clk,
    input  wire        reset,
    input  wire        opening,        // open the files of the stage; reset is high
    input  wire        closing,
    input  wire [7:0]  stage,
    input  wire [31:0] cycle,
    input  wire [31:0] next_cycle,
    input  wire        traffic_ended,
    input  wire [5:0]  phase,
    input  wire [3:0]  hold,           // in the next cycle: 0 takes no answer; 1, 2, 3 begin no araddr, awaddr, wdata
    output reg         waits,          // the next access waits for a later phase or the traffic's end, or there is none
    output reg         is_done,
    output reg  [15:0] axil_awaddr,
    output reg         axil_awvalid,
    input  wire        axil_awready,
    output reg  [31:0] axil_wdata,
    output reg         axil_wvalid,
    input  wire        axil_wready,
    input  wire [1:0]  axil_bresp,
    input  wire        axil_bvalid,
    output reg         axil_bready,
    output reg  [15:0] axil_araddr,
    output reg         axil_arvalid,
    input  wire        axil_arready,
    input  wire [31:0] axil_rdata,
    input  wire [1:0]  axil_rresp,
    input  wire        axil_rvalid,
    output reg         axil_rready,
    output wire [7:0]  broken_rule     // of AXI4-Lite, 0 for none
);
    axi_lite_checker checker_of_answers (
        .clk(clk),
        .reset(reset),
        .awvalid(axil_awvalid),
        .awready(axil_awready),
        .wvalid(axil_wvalid),
        .wready(axil_wready),
        .bresp(axil_bresp),
        .bvalid(axil_bvalid),
        .bready(axil_bready),
        .arvalid(axil_arvalid),
        .arready(axil_arready),
        .rdata(axil_rdata),
        .rresp(axil_rresp),
        .rvalid(axil_rvalid),
        .rready(axil_rready),
        .broken(broken_rule),
        .addresses(),
        .data(),
        .reads()
    );

    localparam ACCESS_BYTES = 12;
    localparam MOST_UNDER_WAY = 8;

    integer access_file;
    integer answer_file;
    integer n_read;
    reg [8*64-1:0] name;
    // First cycle 95:64; phase 56:51; 50: overlaps; 49: not before the traffic ended; 48: read; address 47:32, data 31:0.
    reg [95:0] access;
    reg has_access;
    reg is_left;
    reg [31:0] serial;
    // What is under way, in order: number of the access 127:96, of a read the cycle in which its address was accepted 95:64,
    // address 47:32, data 31:0.
    reg [127:0] reads[0:MOST_UNDER_WAY-1];
    reg [127:0] writes[0:MOST_UNDER_WAY-1];
    reg [3:0] n_reads;
    reg [3:0] n_accepted;  // of the reads under way
    reg [3:0] n_writes;
    reg [2:0] first_read;
    reg [2:0] first_write;
    // Addresses and data that are to be offered.
    reg ar_left;
    reg aw_left;
    reg w_left;
    reg may_begin;
    reg [127:0] ended;
    wire ar_free = !axil_arvalid || axil_arready;
    wire aw_free = !axil_awvalid || axil_awready;
    wire w_free = !axil_wvalid || axil_wready;

    initial clear;

    always @(posedge clk) begin
        if (reset) begin
            clear;
            if (opening) open_files;
            if (closing) close_files;
        end else if (!is_done) begin
            if (axil_arready) axil_arvalid <= 1'b0;
            if (axil_awready) axil_awvalid <= 1'b0;
            if (axil_wready) axil_wvalid <= 1'b0;
            if (axil_arvalid && axil_arready) begin
                reads[(first_read+n_accepted[2:0])%MOST_UNDER_WAY][95:64] = cycle;
                n_accepted = n_accepted + 4'd1;
            end
            if (axil_bvalid && axil_bready && n_writes != 0) begin
                ended = writes[first_write];
                $fwrite(
                    answer_file, "%u", {
                    ended[95:64], ended[127:96], ended[31:0], 14'd0, axil_bresp, ended[47:32], cycle});
                first_write = first_write + 3'd1;
                n_writes = n_writes - 4'd1;
            end
            if (axil_rvalid && axil_rready && n_reads != 0) begin
                ended = reads[first_read];
                $fwrite(
                    answer_file, "%u", {
                    ended[95:64], ended[127:96], axil_rdata, 14'd0, axil_rresp, ended[47:32], cycle});
                first_read = first_read + 3'd1;
                n_reads = n_reads - 4'd1;
                if (n_accepted != 0) n_accepted = n_accepted - 4'd1;
            end
            if (!has_access && is_left) begin
                n_read = $fread(access, access_file);
                has_access = n_read == ACCESS_BYTES;
                is_left = has_access;
            end
            may_begin = access[50] ? (access[48] ? !ar_left && n_reads != MOST_UNDER_WAY :
                !aw_left && !w_left && n_writes != MOST_UNDER_WAY) : n_reads == 0 && n_writes == 0;
            if (has_access && may_begin && (access[49] ? traffic_ended :
                next_cycle >= access[95:64] && access[56:51] <= phase)) begin
                begin_access;
                has_access = 1'b0;
            end
            if (ar_left && ar_free && !hold[1]) begin
                axil_araddr <= reads[(first_read+n_reads[2:0]-3'd1)%MOST_UNDER_WAY][47:32];
                axil_arvalid <= 1'b1;
                ar_left = 1'b0;
            end
            if (aw_left && aw_free && !hold[2]) begin
                axil_awaddr <= writes[(first_write+n_writes[2:0]-3'd1)%MOST_UNDER_WAY][47:32];
                axil_awvalid <= 1'b1;
                aw_left = 1'b0;
            end
            if (w_left && w_free && !hold[3]) begin
                axil_wdata <= writes[(first_write+n_writes[2:0]-3'd1)%MOST_UNDER_WAY][31:0];
                axil_wvalid <= 1'b1;
                w_left = 1'b0;
            end
            axil_bready <= !hold[0];
            axil_rready <= !hold[0];
            is_done <= !has_access && !is_left && n_reads == 0 && n_writes == 0;
            waits <= n_reads == 0 && n_writes == 0 && (has_access ?
                access[49] || access[56:51] > phase : !is_left);
        end
    end

    task automatic begin_access;
        begin
            if (access[48]) begin
                reads[(first_read+n_reads[2:0])%MOST_UNDER_WAY] = {serial, 32'd0, 16'd0, access[47:0]};
                n_reads = n_reads + 4'd1;
                ar_left = 1'b1;
            end else begin
                writes[(first_write+n_writes[2:0])%MOST_UNDER_WAY] = {serial, 32'd0, 16'd0, access[47:0]};
                n_writes = n_writes + 4'd1;
                aw_left = 1'b1;
                w_left = 1'b1;
            end
            serial = serial + 32'd1;
        end
    endtask

    task automatic clear;
        begin
            axil_awvalid <= 1'b0;
            axil_wvalid <= 1'b0;
            axil_arvalid <= 1'b0;
            axil_bready <= 1'b1;
            axil_rready <= 1'b1;
            axil_awaddr <= 16'd0;
            axil_araddr <= 16'd0;
            axil_wdata <= 32'd0;
            has_access = 1'b0;
            is_left = 1'b1;
            serial = 32'd0;
            n_reads = 4'd0;
            n_accepted = 4'd0;
            n_writes = 4'd0;
            first_read = 3'd0;
            first_write = 3'd0;
            ar_left = 1'b0;
            aw_left = 1'b0;
            w_left = 1'b0;
            is_done <= 1'b0;
            waits <= 1'b0;
        end
    endtask

    task automatic open_files;
        begin
            $sformat(name, "accesses_%0d.bin", stage);
            access_file = $fopen(name, "rb");
            $sformat(name, "answers_%0d.bin", stage);
            answer_file = $fopen(name, "wb");
        end
    endtask

    task automatic close_files;
        begin
            $fclose(access_file);
            $fclose(answer_file);
        end
    endtask
endmodule

`default_nettype wire
