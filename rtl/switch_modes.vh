// What the blocks of the decision share: modes as in the register MODE, types of tags, and codes of what a tag changes.
`ifndef SWITCH_MODES_VH
`define SWITCH_MODES_VH

`define MODE_VEB 2'd0
`define MODE_VEPA 2'd1
`define MODE_VN_TAG 2'd2
`define MODE_E_TAG 2'd3

`define TYPE_C_TAG 16'h8100
`define TYPE_S_TAG 16'h88A8
`define TYPE_VN_TAG 16'h8926
`define TYPE_E_TAG 16'h893F
`define TYPE_MAC_CONTROL 16'h8808

// Which tag is added to a copy, or taken off it: 0, 4, 6 or 8 bytes. The tag of a mode has the number of the mode.
`define TAG_NONE 2'd0
`define TAG_C 2'd1
`define TAG_VN 2'd2
`define TAG_E 2'd3

// What a tag that is added says: TCI of a C-TAG; VIF; or PCP, DEI and E-CID.
`define TAG_VALUE_W 24

`endif
