"""Tables of the documentation, written from `benchmarks/results/`.

A page holds `<!-- measured: NAME -->`, a table, and `<!-- end -->`. `python -m benchmarks.tables` writes every table.
`--check` changes nothing and fails where a page differs from the results; a test does the same.
"""

import csv
import re
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import _comparison_tables as comparisons
from benchmarks._table_text import RESULTS, ROOT, number, result, spread, table

MARK = re.compile(r"(<!-- measured: (\w+) -->\n)(.*?)(<!-- end -->)", flags=re.DOTALL)
HORIZONS = (96, 192, 336, 720)
PATCHTST = {
    "ETTh1": (0.377, 0.409, 0.431, 0.457),
    "ETTh2": (0.274, 0.348, 0.377, 0.406),
}  # published, no dropped windows
SHORTCUT = "shortcut of small alone"


def _cells(name: str) -> dict[tuple[str, int, str], dict[str, str]]:
    """(dataset, horizon, model) → the row of a benchmark's table."""
    with (RESULTS / name / "table.csv").open(encoding="utf-8", newline="") as file:
        return {(row["dataset"], int(row["horizon"]), row["model"]): row for row in csv.DictReader(file)}


def dlinear() -> str:
    rows = result("dlinear_accuracy")["rows"]
    lines = []
    for data in ("ETTh1", "ETTh2"):
        own = [row for row in rows if row["dataset"] == data]
        lines.append([f"{data}, here", *(spread(row["test_mse"]["mean"], row["test_mse"]["sd"]) for row in own)])
        lines.append([f"{data}, published re-run without dropped windows", *(number(row["published"]) for row in own)])
    return table(["", *map(str, HORIZONS)], lines)


def latent_small() -> str:
    cells = _cells("latent_ett")
    lines = []
    for data in ("ETTh1", "ETTh2"):
        for label, model in (("`small`", "small"), ("its linear shortcut alone", SHORTCUT)):
            own = [cells[data, horizon, model] for horizon in HORIZONS]
            lines.append([f"{data}, {label}", *(number(float(row["MSE"])) for row in own)])
        lines.append([f"{data}, PatchTST, published", *(number(value) for value in PATCHTST[data])])
    return table(["", *map(str, HORIZONS)], lines)


def _models(names: dict[str, str], *, published: bool) -> str:
    cells = _cells("latent_ett")
    lines = []
    for data in ("ETTh1", "ETTh2"):
        for model, label in names.items():
            own = [cells[data, horizon, model] for horizon in HORIZONS]
            lines.append([f"{data}, {label}", *(spread(float(row["MSE"]), float(row["MSE_sd"])) for row in own)])
        if published:
            label = f"{data}, PatchTST, published re-run without dropped windows"
            lines.append([label, *(number(value) for value in PATCHTST[data])])
    return table(["", *map(str, HORIZONS)], lines)


def latent_controls() -> str:
    names = {
        "small": "`small`",
        SHORTCUT: "its linear shortcut alone, same training",
        "dlinear": "`dlinear` (336)",
        "pattn": "`pattn` (336)",
        "patch-transformer": "`patch-transformer` small (336)",
    }
    return _models(names, published=True)


def latent_presets() -> str:
    names = ["transformer", "light", "medium", "heavy", "custom_4x", "custom_8x", "custom_16x", "shortcut alone"]
    return _models({name: f"`{name}`" for name in names}, published=False)


def latent_ablation() -> str:
    cells = _cells("latent_ablation")
    models = list(dict.fromkeys(model for _, _, model in cells))
    lines = []
    for model in models:
        own = [cells[data, 96, model] for data in ("ETTh1", "ETTh2")]
        lines.append([model, *(spread(float(row["MSE"]), float(row["MSE_sd"]), 4) for row in own)])
    return table(["", "ETTh1", "ETTh2"], lines)


def imputation() -> str:
    found = result("latent_imputation_ETTh1")
    head = ["hidden", "MSE", "MAE", "interpolation, MSE", "interpolation, MAE"]
    lines = [
        [
            f"{100 * row['mask']:g} %",
            spread(row["mse"], row["mse_sd"]),
            *(number(row[name]) for name in ("mae", "linear_mse", "linear_mae")),
        ]
        for row in found["rows"]
    ]
    lines.append(["mean", *(number(found["mean"][name]) for name in ("mse", "mae", "linear_mse", "linear_mae"))])
    lines += [
        [f"{name}, published, mean", number(mse), number(mae), "", ""]
        for name, (mse, mae) in found["published"].items()
    ]
    return table(head, lines)


def speed() -> str:
    step = result("dlinear_step")["ms_per_step"]
    ours = step["latentcast"]["median"]
    lines = []
    for side, what in (
        ("neuralforecast", "DLinear training step, 224 windows of 336 → 96, each in its library's loop"),
        ("neuralforecast, 1 series a batch", "the same, where neuralforecast draws all windows from one series"),
    ):
        theirs = step[side]["median"]
        lines.append([what, f"{ours:.1f} ms", f"neuralforecast {theirs:.1f} ms", f"{theirs / ours:.1f}x"])
    supply = result("window_supply")["cases"][0]
    rates = {side: found["median"] for side, found in supply["windows_per_second"].items()}
    loader = max(rate for side, rate in rates.items() if side != "latentcast")
    ratio = f"{rates['latentcast'] / loader:.1f}x"
    lines.append(
        ["windows supplied per second", f"{rates['latentcast']:,.0f}", f"torch DataLoader {loader:,.0f}", ratio]
    )
    for case in result("startup")["cases"]:
        if case["what"] in ("latentcast --help", "import latentcast"):
            lines.append([f"`{case['what']}`", f"{case['seconds']['median']:.2f} s", "", ""])
    return table(["", "here", "other", "ratio"], lines)


def gaps() -> str:
    lines = [
        [
            f"`{row['model']}`",
            number(row["complete"]),
            f"**{number(row['mask'])}** ({100 * row['rise']:+.0f} %)",
            number(row["interpolate"]),
            number(row["ffill"]),
        ]
        for row in result("gaps")["rows"]
    ]
    return table(["", "complete", "masked", "interpolated", "filled forward"], lines)


def token_codec() -> str:
    lines = []
    for row in result("token_codec_ETTh1")["rows"]:
        mse = spread(row["mse"], row["mse_sd"], 4) if "mse_sd" in row else number(row["mse"], 4)
        lines.append(
            [str(row["factor"]), mse, number(row["mae"]), f"{row['perplexity']:.0f}", f"{100 * row['used']:.0f} %"]
        )
    return table(["steps a code", "MSE", "MAE", "perplexity", "codes in use"], lines)


def token_accuracy() -> str:
    rows = result("token_accuracy")["rows"]
    lines = []
    for data in ("ETTh1", "ETTh2"):
        own = [row for row in rows if row["dataset"] == data]
        lines.append([f"**{data}, fine-tuned on values**", *(spread(row["mse"], row["sd"]) for row in own)])
        lines.append(["asked: at most", *(number(row["asked"]) for row in own)])
        for label, name in (
            ("through the roll-out", "expected mse"),
            ("by queries", "queries mse"),
            ("the codes' Transformer alone", "language mse"),
        ):
            lines.append([label, *("–" if row.get(name) is None else number(row[name]) for row in own)])
    return table(["", *map(str, HORIZONS)], lines)


CLOSED = ("ridge", "random features", "solved + patch", "solved + latent", "seasonal-naive", "naive")


def ridge() -> str:
    cells = {
        (cell["data"], cell["horizon"]): cell for cell in result("ridge_accuracy")["cells"] if cell["grid"] == "default"
    }
    lines = []
    for data in ("ETTh1", "ETTh2", "ETTm1", "weather"):
        own = [cells[data, horizon] for horizon in HORIZONS]
        lines.append([data, *(f"{number(cell['mse'])} / {number(cell['published'])}" for cell in own)])
    return table(["", *map(str, HORIZONS)], lines)


def solved_grid() -> str:
    """What validation picked of the closed forms, beside the best published figure and ridge alone."""
    cells = {(cell["data"], cell["horizon"]): cell for cell in result("solved_grid")["cells"]}
    lines = []
    for data in ("ETTh1", "ETTh2", "ETTm1", "weather"):
        for horizon in HORIZONS:
            cell = cells.get((data, horizon))
            if cell is None:
                continue
            mse, published = number(cell["mse"]), number(cell["published"])
            reached = round(cell["mse"], 3) <= cell["published"]
            features = [error for label, error in cell["test_mse"].items() if label.startswith("random features")]
            lines.append(
                [
                    f"{data}, {horizon}",
                    number(cell["test_mse"]["ridge"]),
                    ", ".join(map(number, features)),
                    number(cell["test_mse"]["ensemble"]),
                    cell["pick"].rstrip(" 0123456789"),
                    f"**{mse}**" if reached else mse,
                    published if reached else f"**{published}**",
                ]
            )
    return table(
        ["", "ridge", "random features", "ensemble", "validation picks", "MSE of the pick", "published"], lines
    )


def best_of_each_kind() -> str:
    """Lowest test error of the trained models, what validation picks of the closed forms, and the published figures."""
    trained = {name: row for name, row in _cells("leaderboard").items() if name[2] not in CLOSED and row["MSE"]}
    cells = {(cell["data"], cell["horizon"]): cell for cell in result("solved_grid")["cells"]}
    lines = []
    for (data, horizon), cell in sorted(cells.items()):
        own = {
            model: float(row["MSE"]) for (at, ahead, model), row in trained.items() if (at, ahead) == (data, horizon)
        }
        best = min(own, key=lambda model: own[model]) if own else ""
        numbers = [own.get(best), cell["mse"], cell["published"]]
        lowest = min(round(each, 3) for each in numbers if each is not None)
        shown = [
            "–" if each is None else f"**{number(each)}**" if round(each, 3) == lowest else number(each)
            for each in numbers
        ]
        pick = cell["pick"].rstrip(" 0123456789")
        label = f"{data}, {horizon}"
        lines.append(
            [label, best or "–", shown[0], pick, shown[1], shown[2], f"{cell['mse'] - cell['published']:+.3f}"]
        )
    return table(["", "best trained model", "", "closed form, by validation", "", "best published", "apart"], lines)


def linear_parts() -> str:
    cells = _cells("linear_parts")
    labels = list(dict.fromkeys(model for _, _, model in cells))
    data = list(dict.fromkeys(name for name, _, _ in cells))
    best = {name: min(float(cells[name, 96, label]["MSE"]) for label in labels) for name in data}
    lines = []
    for label in labels:
        errors = [float(cells[name, 96, label]["MSE"]) for name in data]
        marked = [
            f"**{number(error)}**" if error == best[name] else number(error)
            for name, error in zip(data, errors, strict=True)
        ]
        lines.append([label, *marked])
    return table(["", *data], lines)


TABLES: dict[str, Callable[[], str]] = {
    "boards": comparisons.boards,
    "coverage": comparisons.coverage,
    "dlinear": dlinear,
    "extensions_ETTh1": comparisons.extensions_etth1,
    "extensions_ETTh2": comparisons.extensions_etth2,
    "front_door": comparisons.front_door,
    "gaps": gaps,
    "imputation": imputation,
    "latent_ablation": latent_ablation,
    "latent_controls": latent_controls,
    "latent_presets": latent_presets,
    "latent_small": latent_small,
    "linear_parts": linear_parts,
    "ridge": ridge,
    "solved_grid": solved_grid,
    "best_of_each_kind": best_of_each_kind,
    "speed": speed,
    "timellm_ETTh1": comparisons.timellm_etth1,
    "timellm_ETTh2": comparisons.timellm_etth2,
    "token_accuracy": token_accuracy,
    "token_codec": token_codec,
    "token_transfer": comparisons.token_transfer,
    "wavelet": comparisons.wavelet,
}


def written(text: str) -> str:
    """The page with every table between marks written from the results."""
    return MARK.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n{found[4]}", text)


def pages() -> dict[Path, str]:
    """Pages with marks, and what they should say."""
    texts = {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").rglob("*.md"))}
    return {path: written(text) for path, text in texts.items() if MARK.search(text)}


def main() -> None:
    stale = [path for path, text in pages().items() if path.read_text(encoding="utf-8") != text]
    for path in stale:
        print(path.relative_to(ROOT))
        if "--check" not in sys.argv[1:]:
            path.write_text(written(path.read_text(encoding="utf-8")), encoding="utf-8")
    if stale and "--check" in sys.argv[1:]:
        sys.exit("these pages differ from benchmarks/results; write them by: python -m benchmarks.tables")


if __name__ == "__main__":
    main()
