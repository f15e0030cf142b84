// The rules of AXI4-Lite for whoever answers: Arm IHI 0022, sections A3.2, A3.3 and B1.
//
// An answer stays until it is taken, comes after its request (that to a write, after address and data), and there is one
// for each. `broken` is the number of the first rule that was broken, 0 for none: cocotb_tests/protocol.py has the sentences.
// Where PROVES_PROTOCOLS is defined, the rules are claims of the proofs; FORMAL, which a core's own file may define, does not
// turn the checks of a simulation off.

`default_nettype none

module axi_lite_checker (
    input wire        clk,
    input wire        reset,
    input wire        awvalid,
    input wire        awready,
    input wire        wvalid,
    input wire        wready,
    input wire [1:0]  bresp,
    input wire        bvalid,
    input wire        bready,
    input wire        arvalid,
    input wire        arready,
    input wire [31:0] rdata,
    input wire [1:0]  rresp,
    input wire        rvalid,
    input wire        rready,
    output reg [7:0]  broken,
    // Requests that were taken and are not answered.
    output reg [7:0]  addresses,
    output reg [7:0]  data,
    output reg [7:0]  reads
);
    localparam [7:0] WRITE_WITHDRAWN = 8'd16;
    localparam [7:0] WRITE_CHANGED = 8'd17;
    localparam [7:0] WRITE_UNASKED = 8'd18;
    localparam [7:0] READ_WITHDRAWN = 8'd19;
    localparam [7:0] READ_CHANGED = 8'd20;
    localparam [7:0] READ_UNASKED = 8'd21;
    localparam [7:0] UNDEFINED = 8'd22;

    reg write_waits;
    reg read_waits;
    reg [1:0] write_answer;
    reg [33:0] read_answer;

    always @(posedge clk) begin
        write_waits <= !reset && bvalid && !bready;
        write_answer <= bresp;
        read_waits <= !reset && rvalid && !rready;
        read_answer <= {rresp, rdata};
        if (reset) begin
            addresses <= 8'd0;
            data <= 8'd0;
            reads <= 8'd0;
        end else begin
            addresses <= addresses + (awvalid && awready) - (bvalid && bready);
            data <= data + (wvalid && wready) - (bvalid && bready);
            reads <= reads + (arvalid && arready) - (rvalid && rready);
        end
    end

`ifdef PROVES_PROTOCOLS
    reg started = 1'b0;
    always @(posedge clk) started <= 1'b1;
    always @* if (started && !reset) begin
        write_answer_waits: assert (!write_waits || (bvalid && bresp == write_answer));
        read_answer_waits: assert (!read_waits || (rvalid && {rresp, rdata} == read_answer));
        write_answer_was_asked_for: assert (!bvalid || (addresses != 0 && data != 0));
        read_answer_was_asked_for: assert (!rvalid || reads != 0);
    end
`else
    initial broken = 8'd0;

    always @(posedge clk) begin
        if (reset) begin
            broken <= 8'd0;
        end else if (broken == 8'd0) begin
            if (write_waits && bvalid !== 1'b1) broken <= WRITE_WITHDRAWN;
            else if (write_waits && bresp !== write_answer) broken <= WRITE_CHANGED;
            else if (bvalid === 1'b1 && (addresses == 8'd0 || data == 8'd0)) broken <= WRITE_UNASKED;
            else if (read_waits && rvalid !== 1'b1) broken <= READ_WITHDRAWN;
            else if (read_waits && {rresp, rdata} !== read_answer) broken <= READ_CHANGED;
            else if (rvalid === 1'b1 && reads == 8'd0) broken <= READ_UNASKED;
            else if ((^{awready, wready, arready, bvalid, rvalid}) === 1'bx) broken <= UNDEFINED;
            else if (bvalid && (^bresp) === 1'bx || rvalid && (^{rresp, rdata}) === 1'bx) broken <= UNDEFINED;
        end
    end
`endif
endmodule

`default_nettype wire
