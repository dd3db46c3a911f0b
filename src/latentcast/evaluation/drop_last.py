"""Reproduce a published flaw: a test loader that drops its last incomplete batch judges fewer windows.

With batches of B it drops the newest `windows % B` windows, which changes the error in either direction. Both figures
together show the difference.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from latentcast.core.errors import Fault, SettingsError
from latentcast.evaluation.forecasts import ForecastBatch, accumulate_errors
from latentcast.evaluation.metrics import Array, Dropped, Errors

NAME = "paper-droplast"


def batch_of(protocol: str | None) -> int | None:
    """`paper-droplast:128` → 128. Raises SettingsError for any other protocol."""
    if protocol is None:
        return None
    name, _, size = protocol.partition(":")
    if name != NAME or not size.isdecimal() or int(size) < 1:
        raise SettingsError(
            Fault("protocol", f"={protocol!r}: wanted {NAME}:B, B being the batch size of the script, as 32")
        )
    return int(size)


@dataclass
class DropLast:
    """Sums the errors that a loader with dropped last batch of `batch` windows would report."""

    batch: int
    windows: int
    naive_error: Array
    constant: NDArray[np.bool_] | None = None
    errors: tuple[Errors, Errors] = field(default_factory=lambda: (Errors(), Errors()))

    @property
    def kept(self) -> int:
        return self.windows - self.windows % self.batch

    def around(self, batches: Iterator[ForecastBatch]) -> Iterator[ForecastBatch]:
        for batch in batches:
            kept = batch.only(batch.index.numbers < self.kept)
            if len(kept.index.numbers):
                accumulate_errors([kept], self.naive_error, self.errors, constant=self.constant)
            yield batch

    def result(self) -> Dropped:
        """Return the figures. Raises SettingsError where no window is left."""
        if not self.kept:
            raise SettingsError(
                f"{NAME}:{self.batch}: such a loader drops all {self.windows} windows; name a smaller batch"
            )
        scaled, original = (errors.result() for errors in self.errors)
        return Dropped(self.batch, self.kept, self.windows - self.kept, scaled, original)
