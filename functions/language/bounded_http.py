"""A `requests` session in which one time limit holds for a whole exchange, whatever the server does.

A timeout of `requests` bounds each wait by itself: a server that sends one byte every 29 seconds never meets a timeout
of 30. Here a limit bounds everything together: looking up the name, connecting, the TLS handshake, sending, and each
byte of headers and body.

It holds by construction. `time_limit` notes the limit for the calling thread, and the sockets of the session set their
timeout to what is left of it before each single operation. So no request byte is sent after the limit, and no thread
waits past it. The lookup of a name can not be interrupted; it runs in a thread of its own, which is waited for no
longer than the limit. A connection that met its limit is reset, so that the system does not deliver later what is
still in its buffers.

Outside `time_limit` the session behaves like any other. Proxies are bounded too, except SOCKS proxies and proxies that
are themselves reached by https: with those, only the timeouts of `requests` hold.
"""

import contextlib
import os
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import allowed_gai_family
from urllib3.util.ssl_ import create_urllib3_context, resolve_cert_reqs

MAX_IDLE_S = 50.0
"""A connection that was unused for longer is not used again.

Servers commonly close idle connections after 60 seconds or more. A request that is sent while that happens may or may
not have been carried out, and a submission of that kind counts as one that may be billed.
"""

MAX_LOOKUP_S = 30.0
"""A lookup of a name that takes longer is taken for lost: the next exchange starts one of its own."""

_RESET_ON_CLOSE = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
"""`SO_LINGER`, on, with no time: closing resets the connection and discards what is not sent yet."""

P = ParamSpec("P")
T = TypeVar("T")


class Exchange:
    """One request and its reply, under a time limit.

    `is_bounded` says whether a connection of this module took part; only then `has_sent` is known: whether any byte of
    the request may have left this machine.
    """

    def __init__(self, ends_at: float) -> None:
        self._ends_at = ends_at
        self.is_bounded = False
        self.has_sent = False

    @property
    def left_s(self) -> float:
        """The seconds that are left; zero or less once the limit is over."""
        return self._ends_at - time.monotonic()


_of_thread = threading.local()


def _current() -> Exchange | None:
    exchange: Exchange | None = getattr(_of_thread, "exchange", None)
    return exchange


@contextlib.contextmanager
def time_limit(ends_at: float) -> Iterator[Exchange]:
    """Bound the one exchange that the calling thread makes inside, its body included.

    `ends_at` is a time of `time.monotonic`. What meets the limit raises an error of `requests`, `urllib3` or the
    system, as any timeout does.
    """
    _of_thread.exchange = exchange = Exchange(ends_at)
    try:
        yield exchange
    finally:
        _of_thread.exchange = None


def bounded_session() -> requests.Session:
    """Return a session for all threads of the worker, whose exchanges `time_limit` bounds."""
    session = _Session()
    adapter = BoundedAdapter(pool_connections=4, pool_maxsize=64)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class _NoCookies(RequestsCookieJar):
    """Keeps nothing: the service sets no cookies, and those of a page in between are nobody's business."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        return


class _Session(requests.Session):
    def __init__(self) -> None:
        super().__init__()
        self.cookies = _NoCookies()

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        # Even where redirects are not followed, `requests` reads the whole body of one and takes its address apart.
        return None


class BoundedAdapter(HTTPAdapter):
    """The transport of a bounded session."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _POOLS
        return manager

    def send(self, *args: Any, **options: Any) -> requests.Response:
        exchange = _current()
        if exchange is not None:
            exchange.is_bounded = True
        return super().send(*args, **options)


# --- Sockets: each operation within what is left ---

if TYPE_CHECKING:
    _Socket = socket.socket
else:
    _Socket = object


class _Bounded(_Socket):
    """The operations of a socket that can wait, each with what is left of the limit as its timeout.

    Python applies a socket's timeout to all of a `sendall`, a TLS record or a handshake together.
    """

    _own_timeout_s: float | None = None

    def settimeout(self, value: float | None, /) -> None:
        self._own_timeout_s = value
        super().settimeout(value)

    def recv(self, *args: Any) -> bytes:
        return self._within_limit(super().recv, *args)

    def recv_into(self, *args: Any) -> int:
        return self._within_limit(super().recv_into, *args)

    def send(self, *args: Any) -> int:
        return self._within_limit(super().send, *args)

    def sendall(self, *args: Any) -> None:
        return self._within_limit(super().sendall, *args)

    def _within_limit(self, operation: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        try:
            exchange = _current()
            if exchange is not None:
                left_s, own_s = exchange.left_s, self._own_timeout_s
                if left_s <= 0:
                    raise TimeoutError("the time limit of the exchange is over")
                super().settimeout(left_s if own_s is None else min(left_s, own_s))
            return operation(*args, **options)
        except TimeoutError:
            with contextlib.suppress(OSError):
                self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            raise


class _PlainSocket(_Bounded, socket.socket):
    pass


class _TlsSocket(_Bounded, ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:
        self._within_limit(super().do_handshake, block)


# --- Connections ---


class _Connection(HTTPConnection):
    _is_connecting = False
    _used_at = 0.0

    @property
    def is_connected(self) -> bool:
        return time.monotonic() - self._used_at <= MAX_IDLE_S and super().is_connected

    def connect(self) -> None:
        self._is_connecting = True
        try:
            super().connect()
        finally:
            self._is_connecting = False

    def send(self, data: Any) -> None:
        exchange = _current()
        # What is sent while connecting asks a proxy for a tunnel: nothing of the request itself.
        if exchange is not None and not self._is_connecting:
            if self.sock is None:
                self.connect()
            if exchange.left_s <= 0 and not exchange.has_sent:
                raise ConnectTimeoutError(self, "Connecting took all of the time limit; nothing was sent.")
            exchange.has_sent = True
        self._used_at = time.monotonic()
        super().send(data)

    def _new_conn(self) -> socket.socket:
        try:
            sock = self._open()
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"Connecting to {self.host} took too long.") from error
        except (OSError, UnicodeError) as error:
            raise NewConnectionError(self, f"Failed to connect to {self.host}: {error}") from error
        sys.audit("http.client.connect", self, self.host, self.port)
        return sock

    def _open(self) -> socket.socket:
        """Return a socket that is connected to the first address of the host that accepts."""
        failure: OSError | None = None
        for address in _addresses(self._dns_host.strip("[]"), self.port):
            sock = _PlainSocket(address.family, address.kind, address.protocol)
            try:
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                sock.settimeout(_at_most(self.timeout))
                sock.connect(address.address)
            except OSError as error:
                failure = error
                sock.close()
            else:
                return sock
        raise failure or OSError("the name has no address")


class _TlsConnection(_Connection, HTTPSConnection):
    def connect(self) -> None:
        if self.ssl_context is None:
            self.ssl_context = self._context()
        super().connect()

    def _context(self) -> ssl.SSLContext:
        """Return the context that urllib3 would make, with sockets that keep the limit."""
        context = create_urllib3_context(
            ssl_minimum_version=self.ssl_minimum_version,
            ssl_maximum_version=self.ssl_maximum_version,
            cert_reqs=resolve_cert_reqs(self.cert_reqs),
        )
        context.sslsocket_class = _TlsSocket
        if not (self.ca_certs or self.ca_cert_dir or self.ca_cert_data):
            context.load_default_certs()
        return context


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS = {"http": _Pool, "https": _TlsPool}


def _at_most(timeout_s: Any) -> float | None:
    """Return a timeout, cut to what is left of the limit of this thread."""
    own_s = None if timeout_s is None else float(timeout_s)
    exchange = _current()
    if exchange is None:
        return own_s
    if exchange.left_s <= 0:
        raise TimeoutError("the time limit of the exchange is over")
    return exchange.left_s if own_s is None else min(own_s, exchange.left_s)


# --- Names ---


class _Address(NamedTuple):
    family: int
    kind: int
    protocol: int
    name: str
    address: Any


class _Lookup(NamedTuple):
    started: float
    found: "Future[list[_Address]]"


_lookups: dict[tuple[str, int], _Lookup] = {}
_lookups_lock = threading.Lock()


def _addresses(host: str, port: int) -> list[_Address]:
    """Return the addresses of a host; TimeoutError once the limit of this thread is over."""
    limit_s = _at_most(None)
    if limit_s is None:
        return _look_up(host, port)
    return _shared_lookup(host, port).result(limit_s)


def _shared_lookup(host: str, port: int) -> "Future[list[_Address]]":
    """Return a lookup in a thread of its own, which all who want the same name at the same time share.

    So a resolver that hangs costs a thread for each name and `MAX_LOOKUP_S`, not for each request.
    """
    now, key = time.monotonic(), (host, port)
    with _lookups_lock:
        running = _lookups.get(key)
        if running is not None and now - running.started < MAX_LOOKUP_S:
            return running.found
        lookup = _lookups[key] = _Lookup(now, Future())

    def run() -> None:
        try:
            found = _look_up(host, port)
        except BaseException as error:
            _delete_record(key, lookup)
            lookup.found.set_exception(error)
        else:
            _delete_record(key, lookup)
            lookup.found.set_result(found)

    threading.Thread(target=run, name="name lookup", daemon=True).start()
    return lookup.found


def _delete_record(key: tuple[str, int], lookup: _Lookup) -> None:
    with _lookups_lock:
        if _lookups.get(key) is lookup:
            del _lookups[key]


def _look_up(host: str, port: int) -> list[_Address]:
    return [_Address(*found) for found in socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM)]
