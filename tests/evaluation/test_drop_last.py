"""A loader that drops its last incomplete batch, beside the honest figure."""

import numpy as np
import pytest

from latentcast.core.errors import SettingsError
from latentcast.evaluation.drop_last import DropLast, batch_of


def test_the_protocol_names_its_batch() -> None:
    assert batch_of(None) is None
    assert batch_of("paper-droplast:128") == 128


@pytest.mark.parametrize("protocol", ["paper-droplast", "paper-droplast:0", "paper-droplast:-4", "drop:8"])
def test_another_protocol_is_refused(protocol: str) -> None:
    with pytest.raises(SettingsError, match="wanted paper-droplast:B"):
        batch_of(protocol)


def test_kept_windows_are_whole_batches() -> None:
    # 10 windows in batches of 4: the last two are dropped
    assert DropLast(4, 10, np.ones((1, 1))).kept == 8
    assert DropLast(5, 10, np.ones((1, 1))).kept == 10


def test_a_batch_larger_than_all_windows_leaves_nothing() -> None:
    with pytest.raises(SettingsError, match="drops all 3 windows"):
        DropLast(4, 3, np.ones((1, 1))).result()
