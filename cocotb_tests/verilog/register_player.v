// The register accesses of frame_bench, from a file: one at a time, in order, each not before its cycle.

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
    output reg         waits,          // the next access waits for the end of the traffic, or there is none
    output reg         is_done,
    output reg  [15:0] axil_address,
    output reg  [31:0] axil_wdata,
    output reg         axil_awvalid,
    input  wire        axil_awready,
    output reg         axil_wvalid,
    input  wire        axil_wready,
    input  wire [1:0]  axil_bresp,
    input  wire        axil_bvalid,
    output reg         axil_arvalid,
    input  wire        axil_arready,
    input  wire [31:0] axil_rdata,
    input  wire [1:0]  axil_rresp,
    input  wire        axil_rvalid,
    output reg         saw_x           // where the core drives a handshake or an answer
);
    localparam ACCESS_BYTES = 12;

    integer access_file;
    integer answer_file;
    integer n_read;
    reg [8*64-1:0] name;
    reg [95:0] access;      // first cycle 95:64; 49: not before the traffic ended; 48: read; address 47:32, data 31:0
    reg has_access;
    reg is_left;
    reg under_way;

    initial clear;

    always @(posedge clk) begin
        if (reset) begin
            clear;
            if (opening) open_files;
            if (closing) close_files;
        end else begin
            if ((^{axil_awready, axil_wready, axil_arready, axil_bvalid, axil_rvalid}) === 1'bx) saw_x <= 1'b1;
            if (axil_bvalid && (^axil_bresp) === 1'bx) saw_x <= 1'b1;
            if (axil_rvalid && (^{axil_rresp, axil_rdata}) === 1'bx) saw_x <= 1'b1;
            if (axil_awvalid && axil_awready) axil_awvalid <= 1'b0;
            if (axil_wvalid && axil_wready) axil_wvalid <= 1'b0;
            if (axil_arvalid && axil_arready) axil_arvalid <= 1'b0;
            if (axil_bvalid || axil_rvalid) begin
                under_way = 1'b0;
                if (access[48]) $fwrite(answer_file, "%u", {axil_rdata, 14'd0, axil_rresp, access[47:32], cycle});
                else $fwrite(answer_file, "%u", {access[31:0], 14'd0, axil_bresp, access[47:32], cycle});
            end
            if (!has_access && !under_way && is_left) begin
                n_read = $fread(access, access_file);
                has_access = n_read == ACCESS_BYTES;
                is_left = has_access;
            end
            if (has_access && !under_way && (access[49] ? traffic_ended : next_cycle >= access[95:64])) begin
                axil_address <= access[47:32];
                axil_wdata <= access[31:0];
                axil_awvalid <= !access[48];
                axil_wvalid <= !access[48];
                axil_arvalid <= access[48];
                under_way = 1'b1;
                has_access = 1'b0;
            end
            is_done <= !has_access && !is_left && !under_way;
            waits <= !under_way && (has_access ? access[49] : !is_left);
        end
    end

    task automatic clear;
        begin
            axil_awvalid <= 1'b0;
            axil_wvalid <= 1'b0;
            axil_arvalid <= 1'b0;
            axil_address <= 16'd0;
            axil_wdata <= 32'd0;
            has_access = 1'b0;
            is_left = 1'b1;
            under_way = 1'b0;
            is_done <= 1'b0;
            waits <= 1'b0;
            saw_x <= 1'b0;
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
