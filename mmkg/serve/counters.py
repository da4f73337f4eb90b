"""Counts of requests, as text for Prometheus."""

import threading
from collections import Counter

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)  # upper ends of the histogram


class Counters:
    """How many requests there were, how they ended, and how long they took."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._times: Counter[float] = Counter()
        self._spent = 0.0

    def add(self, path: str, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        method = method if method in ("GET", "HEAD", "POST", "OPTIONS") else "other"
        with self._lock:
            self._requests[_part(path), method, status] += 1
            self._times[next((end for end in SECONDS if seconds <= end), float("inf"))] += 1
            self._spent += seconds

    def text(self, **values: float) -> str:
        """All counts in the text format of Prometheus, version 0.0.4.

        Args:
            values: further numbers by name.
        """
        with self._lock:
            requests, times, spent = dict(self._requests), dict(self._times), self._spent
        lines = ["# HELP mmkg_requests_total Requests by part of the server, method and status."]
        lines.append("# TYPE mmkg_requests_total counter")
        for (part, method, status), number in sorted(requests.items()):
            lines.append(f'mmkg_requests_total{{part="{part}",method="{method}",status="{status}"}} {number}')
        lines.append("# HELP mmkg_request_seconds Time of requests.")
        lines.append("# TYPE mmkg_request_seconds histogram")
        total = 0
        for end in (*SECONDS, float("inf")):
            total += times.get(end, 0)
            name = "+Inf" if end == float("inf") else f"{end:g}"
            lines.append(f'mmkg_request_seconds_bucket{{le="{name}"}} {total}')
        lines += [f"mmkg_request_seconds_sum {spent:.6f}", f"mmkg_request_seconds_count {total}"]
        for name, value in values.items():
            lines += [f"# TYPE mmkg_{name} gauge", f"mmkg_{name} {value:g}"]
        return "\n".join(lines) + "\n"


def _part(path: str) -> str:
    """The part of the server that a path belongs to; few, whatever clients send."""
    if path.startswith("/api/v1/"):
        name = path.split("/")[3]
        return name if name.isalpha() and len(name) <= 12 and name in PARTS else "api"
    first = path.split("/")[1] if path.count("/") else ""
    return first if first in ("reconcile", "health", "metrics", "docs") else "page" if path == "/" else "other"


PARTS = {
    "summary",
    "matches",
    "match",
    "trust",
    "map",
    "lists",
    "training",
    "search",
    "candidates",
    "decisions",
    "ask",
    "picture",
    "download",
    "lookup",
    "align",
}
