"""OpenCV without its stubs, which know neither element types nor optional maps.

Results are ``Any`` here and get their types where they land.
"""

from __future__ import annotations

from typing import Any

import cv2 as _cv2

cv2: Any = _cv2
