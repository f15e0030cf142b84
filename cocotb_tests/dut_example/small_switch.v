// A small switch, as unlike eth_switch_core as may be: frames wait at the inputs alone, one frame at a time is dealt
// with, its copies leave one after the other, byte by byte inside. It loses nothing. Port 0 is the uplink, 1 the PF,
// K + 2 the VF K.

`default_nettype none

module small_switch #(
    parameter PORTS = 3,            // 2 to 4
    parameter MAX_BYTES = 1514      // longest frame without tags and FCS
) (
    input  wire                clock,
    input  wire                rst_n,
    input  wire [PORTS*64-1:0] rx_data,
    input  wire [PORTS*8-1:0]  rx_keep,
    input  wire [PORTS-1:0]    rx_valid,
    output wire [PORTS-1:0]    rx_ready,
    input  wire [PORTS-1:0]    rx_last,
    input  wire [PORTS-1:0]    rx_error,
    output wire [PORTS*64-1:0] tx_data,
    output wire [PORTS*8-1:0]  tx_keep,
    output wire [PORTS-1:0]    tx_valid,
    input  wire [PORTS-1:0]    tx_ready,
    output wire [PORTS-1:0]    tx_last,
    input  wire                cfg_strobe,
    input  wire                cfg_write,
    input  wire [7:0]          cfg_address,
    input  wire [31:0]         cfg_wdata,
    output wire [31:0]         cfg_rdata
);
    localparam PORT_I_W = 2;
    localparam TAGS_BYTES = 10;     // a VN-Tag and a C-TAG
    localparam SLOT_BEATS = (MAX_BYTES + TAGS_BYTES + 7) / 8;
    localparam ADDRESSES = 15'd12;  // bytes before the tags

    // ---- The inputs ----
    wire [PORTS-1:0] head_valid;
    wire [PORTS*15-1:0] head_length;
    wire [PORTS-1:0] head_bad;
    wire [PORTS-1:0] head_taken;
    wire [PORTS*64-1:0] head_beat;
    wire [10:0] beat_number;
    genvar p;
    generate
        for (p = 0; p < PORTS; p = p + 1) begin : g_inputs
            small_input #(
                .BEATS(SLOT_BEATS)
            ) queue (
                .clock(clock),
                .rst_n(rst_n),
                .rx_data(rx_data[64*p+:64]),
                .rx_keep(rx_keep[8*p+:8]),
                .rx_valid(rx_valid[p]),
                .rx_ready(rx_ready[p]),
                .rx_last(rx_last[p]),
                .rx_error(rx_error[p]),
                .head_valid(head_valid[p]),
                .head_length(head_length[15*p+:15]),
                .head_bad(head_bad[p]),
                .head_taken(head_taken[p]),
                .beat_number(beat_number),
                .beat(head_beat[64*p+:64])
            );
        end
    endgenerate

    // ---- One frame at a time ----
    localparam PICK = 3'd0;         // an input, in turn
    localparam LOAD = 3'd1;         // three beats of its header
    localparam DECIDE = 3'd2;
    localparam NEXT_COPY = 3'd3;
    localparam FILL = 3'd4;         // a beat, by one byte
    localparam SEND = 3'd5;
    localparam DONE = 3'd6;
    reg [2:0] state;
    reg [PORT_I_W-1:0] from;
    reg [PORT_I_W-1:0] by;
    reg [1:0] n_loaded;
    reg [191:0] header;
    reg [PORTS-1:0] to_do;
    reg [2:0] strip;
    reg add;
    reg [14:0] at;                  // byte of the copy
    reg [63:0] beat;
    reg [7:0] keep;
    reg last;

    wire [PORTS-1:0] to;
    wire [2:0] decided_strip;
    wire decided_add;
    wire [14:0] length = head_length[15*from+:15];
    wire [14:0] added = add ? 15'd6 : 15'd0;
    wire [14:0] copy_length = length - strip + added;
    wire in_tag = at >= ADDRESSES && at < ADDRESSES + added;
    wire [14:0] taken = at < ADDRESSES ? at : at - added + strip;
    wire [63:0] source_beat = head_beat[64*from+:64];
    wire [PORTS*12-1:0] vif;
    wire [47:0] vn_tag = {vif[12*from+:8], 4'd0, vif[12*from+8+:4], 16'h0000, 16'h2689};
    wire [7:0] tag_byte = vn_tag[8*(at-ADDRESSES)+:8];
    assign beat_number = (state == LOAD) ? {9'd0, n_loaded} : taken[13:3];
    assign head_taken = (state == DONE) ? {{PORTS - 1{1'b0}}, 1'b1} << from : {PORTS{1'b0}};
    assign tx_data = {PORTS{beat}};
    assign tx_keep = {PORTS{keep}};
    assign tx_last = {PORTS{last}};
    assign tx_valid = (state == SEND) ? {{PORTS - 1{1'b0}}, 1'b1} << by : {PORTS{1'b0}};
    wire beat_gone = state == SEND && tx_ready[by];

    reg [PORT_I_W-1:0] next_from;
    reg [PORT_I_W-1:0] next_by;
    integer i;
    always @* begin
        next_from = from;
        for (i = PORTS; i >= 1; i = i - 1) if (head_valid[(from+i)%PORTS]) next_from = (from + i) % PORTS;
        next_by = 0;
        for (i = PORTS - 1; i >= 0; i = i - 1) if (to_do[i]) next_by = i;
    end

    always @(posedge clock) begin
        if (!rst_n) begin
            state <= PICK;
            from <= 0;
        end else begin
            case (state)
                PICK: begin
                    n_loaded <= 2'd0;
                    from <= next_from;
                    if (head_valid != 0) state <= LOAD;
                end
                LOAD: begin
                    header[64*n_loaded+:64] <= source_beat;
                    n_loaded <= n_loaded + 2'd1;
                    if (n_loaded == 2'd2) state <= DECIDE;
                end
                DECIDE: begin
                    to_do <= to;
                    strip <= decided_strip;
                    add <= decided_add;
                    state <= NEXT_COPY;
                end
                NEXT_COPY: begin
                    by <= next_by;
                    at <= 15'd0;
                    beat <= 64'd0;
                    keep <= 8'd0;
                    state <= (to_do == 0) ? DONE : FILL;
                end
                FILL: begin
                    beat[8*at[2:0]+:8] <= in_tag ? tag_byte : source_beat[8*taken[2:0]+:8];
                    keep[at[2:0]] <= 1'b1;
                    at <= at + 15'd1;
                    last <= at + 15'd1 == copy_length;
                    if (at[2:0] == 3'd7 || at + 15'd1 == copy_length) state <= SEND;
                end
                SEND:
                if (beat_gone) begin
                    beat <= 64'd0;
                    keep <= 8'd0;
                    state <= last ? NEXT_COPY : FILL;
                    if (last) to_do[by] <= 1'b0;
                end
                default: state <= PICK;
            endcase
        end
    end

    // ---- Settings and decision ----
    wire mode_vn;
    wire [PORTS-1:0] enable;
    wire [PORTS-1:0] spoof_check;
    wire [PORTS-1:0] take_broadcast;
    wire [PORTS-1:0] take_multicast;
    wire [PORTS*14-1:0] longest;
    wire [PORTS*48-1:0] address;

    small_registers #(
        .PORTS(PORTS),
        .PORT_I_W(PORT_I_W)
    ) registers (
        .clock(clock),
        .rst_n(rst_n),
        .cfg_strobe(cfg_strobe),
        .cfg_write(cfg_write),
        .cfg_address(cfg_address),
        .cfg_wdata(cfg_wdata),
        .cfg_rdata(cfg_rdata),
        .decided(state == DECIDE),
        .dropped(to == 0),
        .from(from),
        .sent(beat_gone && last),
        .by(by),
        .mode_vn(mode_vn),
        .enable(enable),
        .spoof_check(spoof_check),
        .take_broadcast(take_broadcast),
        .take_multicast(take_multicast),
        .longest(longest),
        .address(address),
        .vif(vif)
    );

    small_decision #(
        .PORTS(PORTS),
        .PORT_I_W(PORT_I_W)
    ) decision (
        .mode_vn(mode_vn),
        .enable(enable),
        .spoof_check(spoof_check),
        .take_broadcast(take_broadcast),
        .take_multicast(take_multicast),
        .longest(longest),
        .address(address),
        .vif(vif),
        .from(from),
        .length(length),
        .bad(head_bad[from]),
        .header(header),
        .to(to),
        .strip(decided_strip),
        .add_vn_tag(decided_add)
    );
endmodule

`default_nettype wire
