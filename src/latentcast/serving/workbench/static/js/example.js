// Made-up sales of three shops: a trend, a week, a year, and a few days without a figure.
export function example() {
  const rows = ["day,shop,sold"];
  let seed = 7;
  const noise = () => { seed = (seed * 16807) % 2147483647; return seed / 2147483647 - 0.5; };
  const begin = Date.UTC(2024, 0, 1);
  ["North", "Harbour", "Old town"].forEach((shop, number) => {
    for (let day = 0; day < 520; day += 1) {
      if (day % 97 === 40 + number) continue;
      const date = new Date(begin + day * 86_400_000);
      const weekend = [0, 6].includes(date.getUTCDay()) ? 34 - 9 * number : 0;
      const value = 90 + 25 * number + 0.06 * day + weekend + 14 * Math.sin((2 * Math.PI * day) / 365) + 16 * noise();
      rows.push(`${date.toISOString().slice(0, 10)},${shop},${value.toFixed(1)}`);
    }
  });
  return new File([rows.join("\n")], "shops.csv", { type: "text/csv" });
}
