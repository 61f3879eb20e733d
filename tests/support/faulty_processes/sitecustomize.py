"""Lets a fault strike the processes that a command starts: Python reads this file first, from PYTHONPATH."""

import json
import os
import sys

if "FACEDEBLUR_FAULT" in os.environ:
    sys.path.insert(0, os.environ["FACEDEBLUR_FAULT_HOOK"])
    import fault_hook

    sys.path.pop(0)
    fault_hook.install(*json.loads(os.environ["FACEDEBLUR_FAULT"]))
