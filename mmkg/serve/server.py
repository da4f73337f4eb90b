"""A server that listens until it is stopped."""

import asyncio
import errno
import socket
from typing import TYPE_CHECKING, Any

from ..compute.host import settled
from ..errors import InputError, MissingPackageError, UsageError
from .settings import ServeConfig

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from ..result.result import AlignmentResult
    from .served import Served

KEEP_ALIVE = 15  # seconds that an idle connection stays open
HEAD_SECONDS = 20.0  # in which the head of a request must arrive
MOST_HEAD = 1 << 19  # bytes of the head of a request, with what arrives together with it
CONNECTIONS = 512  # at once
NEXT = "give another port, e.g. --port {}"


def check_packages() -> None:
    """Raises MissingPackageError without the packages of the extra ``serve``."""
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingPackageError("a server needs FastAPI and uvicorn: pip install 'mmkg[serve]'") from error


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens at an address.

    Raises:
        UsageError: there is no such address on this machine.
        InputError: the port is in use, or not allowed.
    """
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError):
        raise UsageError(f"--host: there is no address {host!r}; give 127.0.0.1, or 0.0.0.0 for all") from None
    found = socket.socket(family, kind, number)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(CONNECTIONS)
    except (OSError, OverflowError) as error:
        found.close()
        code = getattr(error, "errno", None)
        if code == errno.EADDRINUSE:
            raise InputError(f"port {port} is in use by another program; {NEXT.format(port + 1)}") from None
        if code == errno.EACCES:
            raise InputError(f"port {port} is not allowed for you; {NEXT.format(8000)}") from None
        raise UsageError(f"--host: this machine has no address {host!r} ({error})") from None
    return found


def address_of(config: ServeConfig, found: socket.socket) -> str:
    """The address that people open; with the token if reads need it."""
    host, port = found.getsockname()[:2]
    shown = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)
    shown = "127.0.0.1" if config.local and ":" not in host else f"[{shown}]" if ":" in shown else shown
    return f"http://{shown}:{port}/" + (f"?token={config.token}" if config.closed else "")


def serve(application: "ASGIApp", found: socket.socket) -> None:
    """Answer requests until the process is interrupted; decisions in progress are finished first."""
    import uvicorn

    config = uvicorn.Config(
        application,
        http=_protocol(),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=5,
        limit_concurrency=CONNECTIONS,
    )
    try:
        with settled():  # short answers are computed in this thread
            asyncio.run(uvicorn.Server(config).serve(sockets=[found]))
    except KeyboardInterrupt:
        pass


def served_run(result: "AlignmentResult", folder: str, config: ServeConfig) -> "Served":
    """What a run and its decisions give a server."""
    from ..decisions.store import DecisionStore
    from ..review import RunView
    from .served import Served

    return Served(RunView(result, folder), DecisionStore.of(folder, read_only=config.read_only), config)


def _protocol() -> Any:
    """HTTP by uvicorn's parser, with an end to connections on which the head of a request does not arrive."""
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as Base
    except ImportError:
        from uvicorn.protocols.http.h11_impl import H11Protocol as Base  # type: ignore[assignment]

    class Timed(Base):
        """Closes a connection on which nothing complete has arrived for a while, or a head without an end."""

        _late: asyncio.TimerHandle | None = None
        _head = 0  # bytes since the last whole head

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._watch()

        def data_received(self, data: bytes) -> None:
            self._head = 0 if self._answering else self._head + len(data)
            if self._head > MOST_HEAD:
                self._end()
                return
            super().data_received(data)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop()
            super().connection_lost(exc)

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._head = 0
            self._watch()

        @property
        def _answering(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _watch(self) -> None:
            """Start the time, unless it runs or a request is being answered."""
            if self._answering:
                self._head = 0
                self._stop()
            elif self._late is None:
                self._late = self.loop.call_later(HEAD_SECONDS, self._end)

        def _stop(self) -> None:
            if self._late is not None:
                self._late.cancel()
                self._late = None

        def _end(self) -> None:
            self._stop()
            if not self.transport.is_closing():
                self.transport.close()

    return Timed
