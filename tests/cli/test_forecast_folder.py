"""The folder that `forecast` writes into when none is named."""

from pathlib import Path

import pytest

from latentcast.cli.forecast import folder_of


@pytest.mark.parametrize(
    ("data", "folder"),
    [
        ("ETTh1", "forecast-ETTh1"),
        ("sales.csv", "forecast-sales"),
        ("below/my sales.csv.gz", "forecast-my sales"),
        ("https://host/a/b.parquet?version=1.2", "forecast-b"),
        ("folder/", "forecast-folder"),
        (".csv", "forecast-csv"),
        ("..", "forecast-data"),
    ],
)
def test_each_file_has_a_folder_of_its_own(data: str, folder: str) -> None:
    assert folder_of(data) == Path(folder)
