"""Tables that compare: intervals, boards, choices, transfer, ablations."""

import csv
from functools import partial

from benchmarks._table_text import RESULTS, Row, number, result, spread, table

LEVELS = (80, 90)
FAR = 4.0  # points of coverage from the level, from which a figure is in italics
LABELS = {
    "latent-transformer": "`latent-transformer` small",
    "latent-transformer, quantile": "`latent-transformer` small, quantile head",
    "token-transformer": "`token-transformer` small",
}


def coverage() -> str:
    """Coverage of 80 and 90 % intervals and their scores, by model, method and dataset."""
    cells = {(cell["dataset"], cell["model"]): cell for cell in result("coverage")["cells"]}
    datasets = list(dict.fromkeys(data for data, _ in cells))
    lines: list[Row] = []
    for model in dict.fromkeys(model for _, model in cells):
        methods = [
            each for each in ("quantiles", "conformal", "adaptive") if each in cells[datasets[0], model]["methods"]
        ]
        for method in methods:
            label = LABELS.get(model, f"`{model}`") if method == methods[0] else ""
            lines.append([label, method, *(_covered(cells[data, model]["methods"][method]) for data in datasets)])
    return table(["", "", *datasets], lines)


def _covered(found: dict[str, dict[str, dict[str, dict[str, float]]]]) -> str:
    figures = [found["scaled"]["levels"][str(level)] for level in LEVELS]
    shares = [100 * figure["coverage"] for figure in figures]
    texts = [
        f"*{share:.1f}*" if abs(share - level) > FAR else f"{share:.1f}"
        for share, level in zip(shares, LEVELS, strict=True)
    ]
    scores = [f"{figure['score']:.2f}" for figure in figures]
    return f"{', '.join(texts)} ({', '.join(scores)})"


def boards() -> str:
    """The generalist on every board, MASE to the naive forecast, and against classical models."""
    found = result("zero_shot")
    head = [
        "board",
        "windows",
        "generalist",
        "AutoTheta",
        "AutoETS",
        "AutoARIMA",
        "Fracast-0",
        "to the better",
        "80 %",
        "90 %",
    ]
    lines = []
    for board in found["boards"]:
        owa = f" (OWA **{number(board['owa'])}**)" if board.get("owa") is not None else ""
        peers = [
            number(board[name]["ratio"]) if board.get(name) else "–" for name in ("theta", "ets", "arima", "fracast")
        ]
        better = number(found["to_better_of_ets_and_theta"][board["board"]])
        shares = [f"{100 * board[name]:.1f}" for name in ("coverage_80", "coverage_90")]
        lines.append([board["board"] + owa, f"{board['windows']:,}", number(board["ratio"]), *peers, better, *shares])
    return table(head, lines)


def front_door() -> str:
    """What `latentcast forecast` chose on each set."""
    lines = []
    for row in result("front_door")["sets"]:
        scores = row["scores"]
        auto = number(scores["auto"]["MASE"])
        auto += f", OWA {number(scores['auto']['OWA'])}" if "OWA" in scores["auto"] else ""
        others = [number(scores[name]["MASE"]) for name in ("seasonal-naive", "member")]
        lines.append([row["set"], *others, auto, f"{100 * row['overhead']:.1f} %"])
    return table(["", "seasonal-naive", "best member by validation", "auto", "overhead of the choice"], lines)


def token_transfer() -> str:
    """One codec and one Transformer of its codes, on data that they did not learn from."""
    names = ["naive", "seasonal-naive", "zero-shot", "few-shot", "at home"]
    lines = []
    for row in result("token_transfer")["rows"]:
        figures = []
        for name in names:
            value, deviation = row.get(name), row.get(f"{name} sd")
            text = "" if value is None else number(value) if deviation is None else spread(value, deviation)
            figures.append(text)
        seeds = "three seeds" if row["seeds"] == 3 else "one seed"
        lines.append([f"{row['source'].replace('+', ', ')}, {seeds}", row["target"], *figures])
    return table(["trained on", "judged on", *names[:-1], "trained there"], lines)


def _ablation(folder: str, data: str, reference: str) -> str:
    with (RESULTS / folder / data / "ablation.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    head = [data, "MSE", "MAE", f"MSE less that of {reference}, equal seeds, 95 %", "training s", "learned weights"]
    lines = []
    for row in rows:
        apart = f"{float(row['apart']):+.4f} ± {float(row['apart_half_interval']):.4f}".replace("0.", ".", 2)
        lines.append(
            [
                row["variant"],
                spread(float(row["MSE"]), float(row["MSE_sd"]), 4),
                number(float(row["MAE"]), 4),
                "–" if row["variant"] == reference else apart.replace("-", "−"),
                f"{float(row['training_seconds']):.3g}",
                f"{int(row['trainable']):,}",
            ]
        )
    return table(head, lines)


timellm_etth1 = partial(_ablation, "timellm_ablation", "ETTh1", "language model")
timellm_etth2 = partial(_ablation, "timellm_ablation", "ETTh2", "language model")
extensions_etth1 = partial(_ablation, "extensions_ablation", "ETTh1", "plain patches")
extensions_etth2 = partial(_ablation, "extensions_ablation", "ETTh2", "plain patches")


def wavelet() -> str:
    """Milliseconds of patches of wavelet bands, forward and backward."""
    names = {
        "patch": "plain patches",
        "fused": "fused",
        "convolution": "a strided convolution with the same filters",
        "ptwt": "ptwt → patches → linear",
        "one by one": "one by one (`fused=false`)",
    }
    times = result("wavelet")["milliseconds"]
    lines = [[label, f"{times[name]:.2f}", f"{times[name] / times['patch']:.1f}"] for name, label in names.items()]
    return table(["side", "ms", "over plain patches"], lines)
