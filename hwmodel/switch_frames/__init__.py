"""Frames through the switch's decision alone: where each goes, with what tags, or why it is dropped.

No queues and no time, but for policers, which take the frames' timestamps. docs/switch_frames.md says what comes out.
"""

from hwmodel.switch_frames.capture import open_capture, port_files, switch_capture
from hwmodel.switch_frames.decide import AUTO, FrameSwitch
from hwmodel.switch_frames.outcomes import FrameCopy, SwitchedFrame, forward_frames
