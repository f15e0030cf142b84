// Parameters out of bounds do not elaborate: each violation asks for a module whose name says what is wrong.

`default_nettype none

module parameter_check #(
    parameter PORTS = 9,
    parameter PORT_W = 64,
    parameter BUS_W = 512,
    parameter PRIORITIES = 1,
    parameter INGRESS_BYTES = 16384,
    parameter QUEUE_BYTES = 32768,
    parameter MAX_FRAME_BYTES = 1514,
    parameter MAC_ENTRIES = 64,
    parameter VLAN_ENTRIES = 32,
    parameter LIST_ENTRIES = 16,
    parameter POOL_FILTERS = 0,
    parameter PAUSE = 0,
    parameter PRIVATE_VLANS = 0,
    parameter STORE_BYTES = 1526
) ();
    localparam BUS_BYTES = BUS_W / 8;
    localparam LONGEST_WORDS = (STORE_BYTES + BUS_BYTES - 1) / BUS_BYTES;

    generate
        if (PORTS < 2 || PORTS > 17) begin : g_ports
            PORTS_must_be_2_to_17 stop ();
        end
        if (PORT_W != 64) begin : g_port_w
            PORT_W_must_be_64 stop ();
        end
        if (BUS_W != 64 && BUS_W != 128 && BUS_W != 256 && BUS_W != 512) begin : g_bus_w
            BUS_W_must_be_64_128_256_or_512 stop ();
        end
        if (PRIORITIES != 1 && PRIORITIES != 2 && PRIORITIES != 4 && PRIORITIES != 8) begin : g_priorities
            PRIORITIES_must_be_1_2_4_or_8 stop ();
        end
        if (MAX_FRAME_BYTES < 60 || MAX_FRAME_BYTES > 9724) begin : g_max_frame
            MAX_FRAME_BYTES_must_be_60_to_9724 stop ();
        end
        if (INGRESS_BYTES / BUS_BYTES < LONGEST_WORDS + 1) begin : g_ingress
            INGRESS_BYTES_must_hold_the_longest_frame_and_one_more_word stop ();
        end
        if (QUEUE_BYTES / BUS_BYTES < LONGEST_WORDS) begin : g_queue
            QUEUE_BYTES_must_hold_the_longest_frame stop ();
        end
        if (MAC_ENTRIES < 1 || MAC_ENTRIES > 1024) begin : g_mac
            MAC_ENTRIES_must_be_1_to_1024 stop ();
        end
        if (VLAN_ENTRIES < 1 || VLAN_ENTRIES > 256) begin : g_vlan
            VLAN_ENTRIES_must_be_1_to_256 stop ();
        end
        if (LIST_ENTRIES < 1 || LIST_ENTRIES > 256) begin : g_list
            LIST_ENTRIES_must_be_1_to_256 stop ();
        end
        if (POOL_FILTERS != 0 && POOL_FILTERS != 1) begin : g_pool_filters
            POOL_FILTERS_must_be_0_or_1 stop ();
        end
        if (PAUSE != 0 && PAUSE != 1) begin : g_pause
            PAUSE_must_be_0_or_1 stop ();
        end
        if (PRIVATE_VLANS != 0 && PRIVATE_VLANS != 1) begin : g_private_vlans
            PRIVATE_VLANS_must_be_0_or_1 stop ();
        end
    endgenerate
endmodule

`default_nettype wire
