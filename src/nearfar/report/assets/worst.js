/* Cards of the rows with the largest errors. */
const MOST = 12;

/* [{row, prediction, error, seeds}] of one arm, over the seeds in whose test part the row is. */
const testCache = new Map();
keptOfTarget(() => testCache.clear());
function testErrors(index) {
  if (!testCache.has(index)) {
    const sums = new Map();
    Object.keys(data.predictions.arms[index] || {}).forEach((seed) => {
      const letters = partsOf(index, seed);
      predictionsOf(index, seed).forEach((value, row) => {
        const truth = data.rows.truth[row];
        if (letters[row] !== "t" || !isNumber(value) || !isNumber(truth)) return;
        const entry = sums.get(row) || { row, prediction: 0, error: 0, seeds: 0 };
        entry.prediction += value;
        entry.error += Math.abs(value - truth);
        entry.seeds += 1;
        sums.set(row, entry);
      });
    });
    sums.forEach((entry) => {
      entry.prediction /= entry.seeds;
      entry.error /= entry.seeds;
    });
    testCache.set(index, sums);
  }
  return testCache.get(index);
}

function hardest(list) {
  const rows = new Map();
  list.forEach((index) =>
    testErrors(index).forEach((entry, row) => {
      const total = rows.get(row) || { row, prediction: 0, error: 0, count: 0 };
      total.prediction += entry.prediction;
      total.error += entry.error;
      total.count += 1;
      rows.set(row, total);
    }),
  );
  return [...rows.values()]
    .filter(({ count }) => count === list.length)
    .map((total) => ({
      ...total,
      prediction: total.prediction / total.count,
      error: total.error / total.count,
    }))
    .sort((a, b) => b.error - a.error)
    .slice(0, MOST);
}

function strip(row, list) {
  const predictions = list.map((index) => [index, testErrors(index).get(row)]).filter(([, entry]) => entry);
  const truths = data.rows.truth.filter(isNumber);
  const values = predictions.map(([, entry]) => entry.prediction);
  const x = scale([Math.min(...truths, ...values), Math.max(...truths, ...values)], [5, 195]);
  const truth = x(data.rows.truth[row]);
  const svg = shape(
    "svg",
    { class: "strip", viewBox: "0 0 200 22", role: "img", "aria-label": "truth and predictions" },
    shape("path", { class: "axis", d: "M2 11H198" }),
    shape("path", { d: `M${truth} 2V20`, stroke: "var(--ink)", "stroke-width": 2.5 }),
  );
  predictions.forEach(([index, entry]) =>
    svg.append(
      shape(
        "path",
        {
          class: `ink k${arms[index].colour}`,
          d: marker(arms[index], 4),
          opacity: 0.85,
          transform: `translate(${x(entry.prediction).toFixed(1)} 11)`,
        },
        shape("title", {}, `${arms[index].label}: ${format(entry.prediction)}`),
      ),
    ),
  );
  return svg;
}

nearfar.panel("worst", (root) => {
  const predicted = arms.map((_, index) => index).filter((index) => testErrors(index).size);
  if (!predicted.length) {
    root.hidden = true;
    return;
  }
  let chosen = "shown";
  $("worst-controls").append(
    choice(
      "of",
      [
        ["shown", "the arms shown, controls aside"],
        ...predicted.map((index) => [String(index), arms[index].label]),
      ],
      (value) => {
        chosen = value;
        again();
      },
    ),
  );
  const again = drawn(() => {
    const shownArms = predicted.filter(shown);
    const list = chosen === "shown" ? learned(shownArms) : [Number(chosen)];
    const rows = list.length ? hardest(list) : [];
    $("worst-cards").replaceChildren(
      ...rows.map(({ row, prediction, error }) =>
        card(
          row,
          [
            ["true", formatTruth(data.rows.truth[row])],
            ["predicted", format(prediction)],
            ["error", format(error)],
          ],
          strip(row, [...new Set([...shownArms, ...list])]),
        ),
      ),
    );
  });
});
