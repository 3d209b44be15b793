"""OpenVINO without its reports: imported before ``openvino`` is, it keeps it from sending any.

OpenVINO sends an event to its makers when it is imported, unless its package for that is missing.
"""

import sys

sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
