#!/usr/bin/env bash
# holidays 0.109: years outside of what a country class covers give no holiday, and no error or warning.
# Germany begins with 1991 (start_year), so 1985 to 1990 have none: a daily German series of those years gets a
# holiday feature of zeros. The end is 2100 for all countries tried. The class tells its range (start_year, end_year).
# Seen: DE 1990: 0, DE 1991: 10, US 1949: 9, CN 1949: 0, CN 1950: 7, US 2100: 15, US 2101: 0; start_year of DE 1991.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet holidays==0.109
"$folder/venv/bin/python" -W error - <<'PY'
import holidays

years = [("DE", 1990), ("DE", 1991), ("US", 1949), ("CN", 1949), ("CN", 1950), ("US", 2100), ("US", 2101)]
seen = [(code, year, len(holidays.country_holidays(code, years=year))) for code, year in years]
first = holidays.country_holidays("DE").start_year
print("holidays", holidays.__version__, seen, "Germany begins with", first)
assert holidays.__version__ == "0.109"
assert [count for _, _, count in seen] == [0, 10, 9, 0, 7, 15, 0] and first == 1991, seen
PY
