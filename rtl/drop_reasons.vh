// Generated from hwmodel/forwarding/drop_reason.py by rtl/generate_registers.py: do not edit.
`ifndef DROP_REASONS_VH
`define DROP_REASONS_VH
`define DROP_NONE 8'd0
`define DROP_PORT_DISABLED 8'd1
`define DROP_BAD_FRAME 8'd2
`define DROP_RUNT 8'd3
`define DROP_OVERSIZE 8'd4
`define DROP_BAD_SOURCE 8'd5
`define DROP_CONTROL_FRAME 8'd6
`define DROP_SPOOFED_MAC 8'd7
`define DROP_FORBIDDEN_TAG 8'd8
`define DROP_VLAN_ADMIT 8'd9
`define DROP_VLAN_MEMBER 8'd10
`define DROP_ACL_DENY 8'd11
`define DROP_RATE_LIMITED 8'd12
`define DROP_SAME_PORT 8'd13
`define DROP_NO_DESTINATION 8'd14
`define DROP_UNKNOWN_UNICAST 8'd15
`define DROP_VNTAG_MISSING 8'd16
`define DROP_VNTAG_VERSION 8'd17
`define DROP_VNTAG_DIRECTION 8'd18
`define DROP_VNTAG_UNKNOWN_VIF 8'd19
`define DROP_ETAG_MISSING 8'd20
`define DROP_ETAG_UNKNOWN_ECID 8'd21
`define DROP_STAG_UNKNOWN 8'd22
`define DROP_QUEUE_FULL 8'd23
`define DROP_TX_RING_FULL 8'd24
`define DROP_RX_BUFFER_FULL 8'd25
`define DROP_NO_DESCRIPTOR 8'd26
`define DROP_LINK_DOWN 8'd27
`define DROP_FUNCTION_RESET 8'd28
`define DROP_PVLAN 8'd29
`define DROP_PORT_SECURITY 8'd30
`endif
