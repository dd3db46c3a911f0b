"""Small files in the layouts of GIFT-Eval and fev are read, cut as their rules say, forecast and scored."""

import csv
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.accuracy import leaderboards
from benchmarks.accuracy._public_layouts import Cut, cuts, gift_steps, letter, read_fev, read_gift, season_of
from latentcast.core.errors import DataError

WAVE = 10 + 3 * np.sin(2 * np.pi * np.arange(240) / 24)


def gift_folder(folder: Path, values: list[object], freq: str, *, stream: bool = True) -> Path:
    folder.mkdir(parents=True)
    table = pa.table(
        {
            "item_id": [f"T{number}" for number in range(len(values))],
            "start": [np.datetime64("2024-01-01", "s")] * len(values),
            "freq": [freq] * len(values),
            "target": values,
        }
    )
    opener = pa.ipc.new_stream if stream else pa.ipc.new_file
    with opener(str(folder / "data-00000-of-00001.arrow"), table.schema) as writer:
        writer.write_table(table)
    return folder


def test_frequencies_have_the_leaderboards_seasons() -> None:
    seasons = {"T": 1440, "H": 24, "M": 12, "W": 1}
    assert letter("15T") == letter("15min") == (15, "T")
    assert letter("W-SUN") == (1, "W")
    assert [season_of(freq, seasons) for freq in ("15T", "h", "ME", "5H", "W-SUN")] == [96, 24, 12, 1, 1]


@pytest.mark.parametrize("stream", [True, False])
def test_a_folder_of_gift_eval_is_cut_as_its_rules_say(tmp_path: Path, stream: bool) -> None:
    two = [[1.0, 2.0, None, 4.0] * 60, [5.0] * 240]
    items = read_gift(gift_folder(tmp_path / "loop", [two], "D", stream=stream))
    assert items[0].values.shape == (2, 240)
    assert np.isnan(items[0].values[0, 2])
    horizon, windows = gift_steps("loop", items, "short")
    assert (horizon, windows) == (30, 1)  # a tenth of 240 steps holds one window of 30
    found = list(cuts(items, horizon, 2))
    assert [cut.name for cut in found] == ["T0_dim0", "T0_dim0", "T0_dim1", "T0_dim1"]
    assert [len(cut.past) for cut in found] == [180, 210, 180, 210]
    assert gift_steps("m4_weekly", read_gift(gift_folder(tmp_path / "m4", [WAVE.tolist()], "W")), "short") == (13, 1)


def test_scores_are_those_of_the_formulas() -> None:
    cut = Cut("a", np.array([1.0, 2.0, 4.0, 7.0]), np.array([8.0, 12.0]))  # mean step 2
    quantiles = np.repeat(np.array([[[9.0], [10.0]]]), 9, 2)
    found = leaderboards.scores([cut], quantiles, 1)
    assert found["eval_metrics/MASE[0.5]"] == pytest.approx(1.5 / 2)
    assert found["eval_metrics/MAE[0.5]"] == pytest.approx(1.5)
    expected = np.mean([2 * (1 - level) * 1 + 2 * level * 2 for level in leaderboards.ASKED]) / 20
    assert found["eval_metrics/mean_weighted_sum_quantile_loss"] == pytest.approx(expected)


def test_results_and_predictions_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, out = gift_folder(tmp_path / "waves", [WAVE.tolist(), (2 * WAVE).tolist()], "H"), tmp_path / "all.csv"
    monkeypatch.setattr(sys, "argv", ["leaderboards", "gift", str(folder), "--out", str(out)])
    leaderboards.main()
    leaderboards.main()
    rows = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
    assert [row["dataset"] for row in rows] == ["waves/H/short"] * 2
    assert float(rows[0]["eval_metrics/mean_weighted_sum_quantile_loss"]) < 0.05  # the wave goes on
    table, made = tmp_path / "data.parquet", tmp_path / "made.parquet"
    pq.write_table(pa.table({"id": ["a"], "timestamp": [[1, 2]], "target": [WAVE.tolist()]}), table)
    how = ["fev", str(table), "--freq", "h", "--horizon", "24", "--windows", "2", "--out", str(made)]
    monkeypatch.setattr(sys, "argv", ["leaderboards", *how])
    leaderboards.main()
    found = pq.read_table(made)
    assert found.column_names == ["id", "predictions", *[str(level) for level in leaderboards.ASKED]]
    np.testing.assert_allclose(np.array(found["predictions"].to_pylist()[1]), WAVE[-24:], atol=0.5)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no \.arrow file"):
        read_gift(tmp_path)
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "table.parquet")
    with pytest.raises(DataError, match="lacks the columns target"):
        read_fev(tmp_path / "table.parquet", "D")
