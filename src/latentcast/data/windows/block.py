"""An array of steps from which windows are copied as whole rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Block:
    """A [steps, width] array from which windows of one length are copied as whole rows.

    A window of `length` consecutive steps is one contiguous run of length · width numbers, so that the overlapping
    view [steps - length + 1, length · width] costs nothing and a batch is one gather of its rows. numpy does it on one
    thread: the copy is too short to be worth waking others, and waiting for them on a busy machine takes milliseconds.
    """

    def __init__(self, array: NDArray[Any], length: int) -> None:
        self.array = array = np.ascontiguousarray(array)
        steps, self.width = array.shape
        self.length = length
        rows = max(steps - length + 1, 0)
        shape, strides = (rows, length * self.width), (array.strides[0], array.itemsize)
        self.rows = np.lib.stride_tricks.as_strided(array, shape, strides, writeable=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return Block, (self.array, self.length)

    def gather(self, starts: NDArray[np.int64]) -> NDArray[Any]:
        """[windows] first steps → [windows, length, width], a copy."""
        return self.rows[starts].reshape(-1, self.length, self.width)
