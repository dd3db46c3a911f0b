"""Where the server listens, who may ask, and how much one request may ask for."""

import ipaddress

from pydantic import Field, SecretStr, model_validator

from latentcast.core.settings import Settings

TOKEN = "LATENTCAST_TOKEN"  # the environment variable that holds the bearer token
SHORTEST_TOKEN = 16


class Limits(Settings):
    """What one request may ask for, and how many requests wait.

    rows, columns, series   of a table, after it is unpacked
    bytes                   of a request's body
    unpacked_bytes          of an upload after decompression
    horizon                 steps to forecast
    values                  numbers in one answer: series times steps times columns
    levels                  levels and quantiles together
    paths                   sampled futures of each series
    seconds                 from the first byte of a body to its answer
    parse_seconds           processor seconds of the process that reads an upload
    parse_bytes             memory of that process
    waiting                 requests that wait for a model at a time; more are asked to come again
    together                requests of one pass through a network; 1: each by itself
    """

    rows: int = Field(default=200_000, ge=1)
    columns: int = Field(default=1_000, ge=1)
    series: int = Field(default=10_000, ge=1)
    bytes: int = Field(default=32 * 1024**2, ge=1024)
    unpacked_bytes: int = Field(default=256 * 1024**2, ge=1024)
    horizon: int = Field(default=2_000, ge=1)
    values: int = Field(default=5_000_000, ge=1)
    levels: int = Field(default=20, ge=1)
    paths: int = Field(default=1_000, ge=2)
    seconds: float = Field(default=30.0, gt=0)
    parse_seconds: int = Field(default=15, ge=1)
    parse_bytes: int = Field(default=1024**3, ge=64 * 1024**2)
    waiting: int = Field(default=256, ge=1)
    together: int = Field(default=64, ge=1)


class ServeSettings(Settings):
    """How the server runs.

    host, port   where it listens
    hosts        further names that a request's Host header may hold, as those of a proxy
    token        bearer token that every request needs, /health excepted; required unless the host is loopback
    workbench    whether the page and the jobs are there
    threads      threads that torch computes with
    limits       what one request may ask for
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    hosts: tuple[str, ...] = ()
    token: SecretStr | None = None
    workbench: bool = False
    threads: int = Field(default=1, ge=1)
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _only_loopback_is_open(self) -> "ServeSettings":
        if self.token is None and not is_loopback(self.host):
            raise ValueError(
                f"host={self.host}: other machines reach this address; set a token of at least {SHORTEST_TOKEN}"
                f" characters in the environment variable {TOKEN}, or listen at 127.0.0.1"
            )
        if self.token is not None and len(self.token.get_secret_value()) < SHORTEST_TOKEN:
            raise ValueError(f"{TOKEN} is too short: wanted at least {SHORTEST_TOKEN} characters")
        return self

    @property
    def accepted_hosts(self) -> frozenset[str]:
        """Names that a Host header may hold, without ports, in lower case."""
        own = () if self.host in ("0.0.0.0", "::") else (self.host,)
        return frozenset(name.lower().strip("[]") for name in ("localhost", "127.0.0.1", "::1", *own, *self.hosts))


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
