// What is proven of axi_lite_registers: the handshakes of all five channels, and one answer to each request.

    reg f_started = 1'b0;
    reg f_was_reset;
    reg [2:0] f_addresses;     // requests accepted that are not answered yet, by channel
    reg [2:0] f_data;
    reg [2:0] f_reads;
    reg [15:2] f_awaddr, f_araddr;   // what was accepted last
    reg [31:0] f_wdata;
    reg [3:0] f_wstrb;
    reg f_performed;                 // a write was carried out in the cycle before, and what its answer is to be
    reg f_write_is_good;
    reg f_write_hit;                 // some block has the address, as it was decided
    reg [1:0] f_read_age;            // cycles since the read was accepted, 3 at most
    reg f_read_is_mapped;
    reg f_read_is_elsewhere;

    wire f_takes_address = s_axil_awvalid && s_axil_awready;
    wire f_takes_data = s_axil_wvalid && s_axil_wready;
    wire f_takes_read = s_axil_arvalid && s_axil_arready;
    wire f_answers_write = s_axil_bvalid && s_axil_bready;
    wire f_answers_read = s_axil_rvalid && s_axil_rready;

    // The rules of AXI4-Lite as in each simulation.
    wire [7:0] f_checked_addresses, f_checked_data, f_checked_reads;
    axi_lite_checker protocol (
        .clk(clk),
        .reset(reset),
        .awvalid(s_axil_awvalid),
        .awready(s_axil_awready),
        .wvalid(s_axil_wvalid),
        .wready(s_axil_wready),
        .bresp(s_axil_bresp),
        .bvalid(s_axil_bvalid),
        .bready(s_axil_bready),
        .arvalid(s_axil_arvalid),
        .arready(s_axil_arready),
        .rdata(s_axil_rdata),
        .rresp(s_axil_rresp),
        .rvalid(s_axil_rvalid),
        .rready(s_axil_rready),
        .addresses(f_checked_addresses),
        .data(f_checked_data),
        .reads(f_checked_reads)
    );

    always @(posedge clk) begin
        f_started <= 1'b1;
        f_was_reset <= reset;
        f_performed <= performs && !reset;
        if (decides) f_write_hit <= write_hit;
        f_write_is_good <= f_write_hit && f_wstrb == 4'hF;
        if (reset) begin
            f_addresses <= 0;
            f_data <= 0;
            f_reads <= 0;
            f_read_age <= 0;
        end else begin
            f_addresses <= f_addresses + f_takes_address - f_answers_write;
            f_data <= f_data + f_takes_data - f_answers_write;
            f_reads <= f_reads + f_takes_read - f_answers_read;
            if (f_takes_address) f_awaddr <= s_axil_awaddr;
            if (f_takes_data) {f_wdata, f_wstrb} <= {s_axil_wdata, s_axil_wstrb};
            if (f_takes_read) f_araddr <= s_axil_araddr;
            if (f_takes_read) f_read_age <= 2'd1;
            else if (f_read_age != 0 && f_read_age != 2'd3) f_read_age <= f_read_age + 1'b1;
            if (read_valid) {f_read_is_mapped, f_read_is_elsewhere} <= {own_hit || read_hit, !own_hit && read_hit};
        end
    end

    always @* begin
        if (!f_started) assume (reset);
        if (reset) nothing_is_taken_in_reset: assert (!s_axil_awready && !s_axil_wready && !s_axil_arready);
        if (f_started && f_was_reset) nothing_is_answered_after_reset: assert (!s_axil_bvalid && !s_axil_rvalid);
        if (f_started && !reset) begin
            one_answer_a_write: assert (f_addresses == has_address + s_axil_bvalid);
            one_answer_a_datum: assert (f_data == has_data + s_axil_bvalid);
            one_answer_a_read: assert (f_reads == reading + answering + s_axil_rvalid && f_reads <= 1);
            written_once: assert (s_axil_bvalid || !f_performed);
            if (f_performed) told_if_written: assert (s_axil_bresp == (f_write_is_good ? 2'b00 : 2'b10));
            if (write_valid) writes_what_was_asked: assert (
                f_addresses == 1 && f_data == 1 && write_address == f_awaddr && write_data == f_wdata &&
                f_wstrb == 4'hF && f_write_hit);
            write_is_carried_out: assert (!has_address || !has_data || s_axil_bvalid || performs || decides);
            if (read_valid) reads_what_was_asked: assert (f_reads == 1 && read_address == f_araddr);
            read_is_answered_in_three_cycles: assert (
                f_reads == 0 || (f_read_age == 1 && reading) || (f_read_age == 2 && answering) ||
                (f_read_age == 3 && s_axil_rvalid));
            if (s_axil_rvalid) told_if_read: assert (s_axil_rresp == (f_read_is_mapped ? 2'b00 : 2'b10));
            if (s_axil_rvalid && !f_read_is_mapped) unmapped_reads_zero: assert (s_axil_rdata == 0);

`ifdef INDUCTION
            assert (f_checked_addresses == f_addresses && f_checked_data == f_data && f_checked_reads == f_reads);
            if (has_address) assert (write_address == f_awaddr);
            if (performs) assert (has_address && has_data && !s_axil_bvalid && write_valid == (f_write_hit && f_wstrb == 4'hF));
            else assert (!write_valid);
            if (has_data) assert (write_data == f_wdata && strobes == f_wstrb);
            if (reading) assert (read_address == f_araddr);
            if (answering) assert (read_address == f_araddr);
            if (answering && answers_own) assert (f_araddr < 7);
            if (answering) assert (answers == f_read_is_mapped && answers_own == (answers && !f_read_is_elsewhere));
`endif
        end
    end

    // Its data is what the block that has it gives in the cycle after it is asked.
    reg [31:0] f_given;
    reg f_was_answering;
    always @(posedge clk) begin
        f_was_answering <= answering && !reset;
        f_given <= read_data;
    end
    always @* if (f_started && !reset && f_was_answering && f_read_is_elsewhere)
        reads_what_is_there: assert (s_axil_rdata == f_given);

    // What the core is, as docs/registers.md says: its first seven words.
    reg [31:0] f_core;
    always @* begin
        case (f_araddr)
            0: f_core = "HWSC";
            1: f_core = 1;
            2: f_core = PORTS | PRIORITIES << 8 | BUS_W << 16;
            3: f_core = MAC_ENTRIES | VLAN_ENTRIES << 16;
            4: f_core = LIST_ENTRIES | MAX_FRAME_BYTES << 16;
            5: f_core = INGRESS_BYTES;
            6: f_core = QUEUE_BYTES;
            default: f_core = 0;
        endcase
    end
    always @* if (f_started && !reset && f_was_answering && f_read_is_mapped && !f_read_is_elsewhere)
        reads_what_the_core_is: assert (s_axil_rdata == f_core && f_araddr < 7);

    // Runs that the proof is about: each is reached.
    always @* if (f_started && !reset) begin
        good_write_is_answered: cover (s_axil_bvalid && f_performed && s_axil_bresp == 2'b00);
        bad_write_is_answered: cover (s_axil_bvalid && f_performed && s_axil_bresp == 2'b10);
        data_wait_for_an_address: cover (has_data && !has_address && s_axil_bvalid);
        answers_wait_together: cover (s_axil_bvalid && s_axil_rvalid && !s_axil_bready && !s_axil_rready && f_read_is_elsewhere);
        own_word_is_read_as_another_is_written: cover (write_valid && f_was_answering && f_read_is_mapped && !f_read_is_elsewhere);
    end
