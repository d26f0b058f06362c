"""The golden set: mouths and poses that between them show all that a figure can do."""

from bunraku.core.media import Pose
from bunraku.node.lipsync.visemes import one_hot, rest

SCENES = {
    "rest": (rest(), Pose()),
    "open": (one_hot("aa"), Pose(yaw=6.0, pitch=2.0, brow_l=0.5, brow_r=0.5)),
    "shut": (one_hot("PP"), Pose(yaw=-4.0, roll=3.0, lid=1.0)),
    "wave": (one_hot("E"), Pose(gesture="wave", gesture_phase=0.5, smile=1.0)),
    "thumb": (one_hot("SS"), Pose(gesture="thumbs_up", gesture_phase=0.4, yaw=3.0)),
    "palms": (one_hot("oh"), Pose(gesture="open_palms", gesture_phase=0.6, yaw=-6.0)),
}
