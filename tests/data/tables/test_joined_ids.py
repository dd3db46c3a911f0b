"""Several id columns as one."""

import pandas as pd
import pytest

from latentcast.core.errors import DataError
from latentcast.data.settings import DataSettings
from latentcast.data.tables.ids import first_rows, is_text, join_ids

SETTINGS = DataSettings(id=("shop", "item"))
TABLE = pd.DataFrame({"shop": ["a", "a", "b", None], "item": [1, 2, 1, 1], "y": [1.0, 2.0, 3.0, 4.0]})


def test_each_pair_is_one_series_and_a_row_without_a_part_has_no_id() -> None:
    joined = join_ids(TABLE, SETTINGS)
    names = joined[SETTINGS.id_name].tolist()
    assert len(set(names[:3])) == 3
    assert all("a" in name and ("1" in name or "2" in name) for name in names[:2])
    assert pd.isna(names[3])
    assert joined["y"].tolist() == [1, 2, 3, 4]


def test_the_parts_of_a_joined_id_can_be_looked_up() -> None:
    first = first_rows(pd.concat([TABLE.iloc[:3], TABLE.iloc[:3]]), SETTINGS)
    assert len(first) == 3
    assert first["item"].tolist() == [1, 2, 1]
    assert first.index.tolist() == join_ids(TABLE, SETTINGS)[SETTINGS.id_name].tolist()[:3]


def test_a_missing_id_column_is_named_with_those_that_are_there() -> None:
    with pytest.raises(DataError, match="no id column item; there are shop, y"):
        join_ids(TABLE.drop(columns="item"), SETTINGS)


def test_one_id_column_changes_nothing() -> None:
    assert join_ids(TABLE, DataSettings(id="shop")) is TABLE


def test_text_is_text_and_numbers_are_not() -> None:
    assert is_text(pd.Series(["a", "b"]))
    assert not is_text(pd.Series([1.0, 2.0]))
