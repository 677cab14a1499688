"""How the service is reached and what it takes on. Reads this machine's names; writes nothing."""

import ipaddress
import socket
from dataclasses import dataclass, field

from retrieval.device import count_cores
from retrieval.errors import UsageError

HOST, PORT, CONCURRENCY = "127.0.0.1", 8642, 64

MOST_TOKEN = 1000
_LEAST_TOKEN = 16
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """`host` and `port` are what is bound to; port 0 is any that is free.

    `token` is asked of every client; None, which only a loopback `host` may have, lets every program on this
    machine in. `names` are further names that a client may call this host by. `concurrency` requests are
    worked on at once, and as many for photos, by `workers` threads each and one that searches; what comes
    beyond is turned away. A request must have arrived `seconds` after its first byte. `own_names`, in lower
    case, are what this machine calls itself; None looks them up where other machines can reach it.
    """

    host: str = HOST
    port: int = PORT
    token: str | None = field(default=None, repr=False)
    names: tuple[str, ...] = ()
    concurrency: int = CONCURRENCY
    workers: int = field(default_factory=count_cores)
    seconds: float = 6.0
    own_names: frozenset[str] | None = None

    def __post_init__(self) -> None:
        """Refuse what would let strangers in; look up what this machine calls itself.

        Raises:
            UsageError: another host than loopback without a token, a token that can be guessed or cannot be
                sent, or a name with a port.
        """
        for name in self.names:
            if ":" in name and not _is_address(name):
                raise UsageError(f"found --name {name}, expected a name without a port")
        if self.token is None:
            if not is_loopback(self.host):
                raise UsageError(
                    f"found --host {self.host} without a token, expected one where other machines can reach "
                    "the service; set RETRIEVE_TOKEN (or --token) to a long random text"
                )
        elif not _LEAST_TOKEN <= len(self.token) <= MOST_TOKEN:
            raise UsageError(
                f"found a token of {len(self.token)} characters, expected {_LEAST_TOKEN} to {MOST_TOKEN}; "
                "`openssl rand -hex 16` prints one"
            )
        elif not (self.token.isascii() and self.token.isprintable() and self.token == self.token.strip()):
            raise UsageError(
                "found a token with other characters than printable ASCII, or with a space at an end, "
                "expected what a program can send; `openssl rand -hex 16` prints one"
            )
        if self.own_names is None and not is_loopback(self.host):
            # Not when somebody asks: DNS may take seconds, in which nobody else would be answered.
            names = frozenset({socket.gethostname().lower(), socket.getfqdn().lower()})
            object.__setattr__(self, "own_names", names)

    def answers_to(self, name: str) -> bool:
        """Whether a client may call this host by `name`, which has no port; in any case (RFC 9110, 4.2.3).

        A web page elsewhere can make its own name lead here (DNS rebinding), but not an address.
        """
        name = _plain(name)
        if name in _LOOPBACK_NAMES or name in {_plain(known) for known in (self.host, *self.names)}:
            return True
        return name in (self.own_names or ()) or (not is_loopback(self.host) and _is_address(name))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    return host.lower() == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _plain(name: str) -> str:
    return name.lower().removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
