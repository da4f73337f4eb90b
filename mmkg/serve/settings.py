"""Settings of a server, safe by default."""

import ipaddress
import secrets
from dataclasses import dataclass, field

from ..errors import UsageError

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class ServeConfig:
    """Settings of a server.

    Args:
        host: address that it listens on; others than those of this machine need the token for every request.
        port: port, 0 = any free one.
        token: secret that writes need, and reads too if ``closed``; by default a random one.
        given: whether a user chose the token, which then is needed for reads, too.
        read_only: whether decisions can only be read.
        max_body: largest body of a request in bytes; of a picture that is sent, ``max_picture``.
        max_picture: largest body with a picture in bytes.
        reads, writes: requests per second of one client, and twice as many at once.
        seconds: time that one request may take, and the time in which its body must arrive.

    Raises:
        UsageError: a port out of range, or a token that is too short or no printable ASCII.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    given: bool = False
    read_only: bool = False
    max_body: int = 1 << 20
    max_picture: int = 12 << 20
    reads: float = 3000.0
    writes: float = 500.0
    seconds: float = 60.0

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise UsageError(f"--port must be in 0..65535, got {self.port}")
        if len(self.token) < 8 or not self.token.isascii() or not self.token.isprintable() or " " in self.token:
            raise UsageError("--token must have eight or more letters of ASCII without spaces")

    @property
    def local(self) -> bool:
        """Whether only this machine can reach the server."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def closed(self) -> bool:
        """Whether reads need the token."""
        return self.given or not self.local

    def is_own(self, host: str) -> bool:
        """Whether the ``Host`` of a request may name this server; else another site has pointed its name here."""
        if not self.local:
            return True  # each request has the token
        return hostname(host) in (*LOCAL_NAMES, self.host)


def hostname(host: str) -> str:
    """The name in a ``Host`` header, in lower case, without port and brackets."""
    name = host.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.rpartition(":")[0] if name.count(":") == 1 else name
