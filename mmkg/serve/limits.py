"""How many requests a client may send in a second."""

import time
from collections import OrderedDict

MOST_CLIENTS = 10_000  # whose requests are counted; of more, the longest unseen are forgotten


class Rates:
    """A bucket for each client: it fills with ``rate`` requests per second, up to twice as many.

    Args:
        rate: requests per second.
    """

    def __init__(self, rate: float) -> None:
        self.rate, self.most = rate, 2 * rate
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str, now: float | None = None) -> float:
        """Seconds until the next request is allowed; 0 = this one is, and is counted."""
        now = time.monotonic() if now is None else now
        left, last = self._left.pop(client, (self.most, now))
        left = min(self.most, left + (now - last) * self.rate)
        allowed = left >= 1
        self._left[client] = (left - 1 if allowed else left, now)
        if len(self._left) > MOST_CLIENTS:
            self._left.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self.rate
