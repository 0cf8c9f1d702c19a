/* The primary metric against a measure of the features. */
let chosenMeasure = "";
let measures = {}; // {better: {measure: word}, values: [{measure: {seed: value}} of each arm]}

/* [[seed, measure, error]] of the seeds that have both. */
function measuredSeeds(index) {
  const { values } = arms[index];
  const measured = measures.values[index][chosenMeasure] || {};
  return Object.keys(measured)
    .filter((seed) => isNumber(measured[seed]) && isNumber(values[seed]))
    .map((seed) => [seed, measured[seed], values[seed]]);
}

function measurePlot(box, target) {
  const list = visible().filter((i) => arms[i].target === target && measuredSeeds(i).length);
  const width = roomIn(box);
  if (list.length < 2) {
    box.hidden = true;
    return;
  }
  const narrow = width < 520;
  const [left, right, top, bottom] = [46, width - (narrow ? 20 : 130), 22, (narrow ? 300 : 360) - 40];
  const points = list.flatMap(measuredSeeds);
  const across = limits(points.map(([, measure]) => measure));
  const range = limits(points.map(([, , error]) => error));
  const x = scale(across, [left, right]);
  const y = scale(range, [bottom, top]);
  const svg = figure(width, bottom + 40, `${data.metric} against ${data.metricNames[chosenMeasure]}`);
  gridRows(svg, ticks(range, 5), y, [left, right]);
  gridColumns(svg, ticks(across, narrow ? 4 : 8), x, [top, bottom]);
  const [better, unit] = [measures.better[chosenMeasure], data.unit === "z" ? ", z-scored" : ""];
  const hint = better ? ` (${better} is better)` : "";
  svg.append(
    write(left, 10, `test ${data.metric}${unit}${targetWords(target)}`, "start", "title"),
    write(right, bottom + 36, data.metricNames[chosenMeasure] + hint, "end", "title"),
  );
  const place = (measure, error) => [clamp(x(measure), left, right), clamp(y(error), top, bottom)];
  const marks = list.flatMap((index) =>
    measuredSeeds(index).map(([seed, measure, error]) => [index, seed, measure, error, ...place(measure, error)]),
  );
  const inside = ([, , measure, error]) =>
    measure >= across[0] && measure <= across[1] && error >= range[0] && error <= range[1];
  svg.append(...marks.map((mark) => measureMark(mark, inside(mark))));
  const spots = list
    .filter((index) => isNumber(arms[index].mean))
    .map((index) => {
      const seeds = measuredSeeds(index);
      return [index, ...place(mean(seeds.map((seed) => seed[1])), mean(seeds.map((seed) => seed[2])))];
    });
  svg.append(...spots.map(([index, atX, atY]) => meanMark(index, atX, atY)));
  const others = marks.map((mark) => mark.slice(-2));
  if (!narrow) svg.append(...armLabels(spots, range, [width, bottom], others));
  box.replaceChildren(svg);
}

/* One seed; hollow at the edge where it lies beyond. */
function measureMark([index, seed, measure, error, x, y], inside) {
  const arm = arms[index];
  const mark = shape("path", {
    class: `${inside ? "ink edged" : "hollow"} k${arm.colour}`,
    d: marker(arm, 3.6),
    transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`,
  });
  const numbers = [
    ["seed", seed],
    [data.metricNames[chosenMeasure], format(measure)],
    [`test ${data.metric}`, format(error)],
  ];
  tellOf(mark, arm.label, numbers);
  return mark;
}

const meanMark = (index, x, y) =>
  shape("path", {
    class: `stroke k${arms[index].colour}`,
    d: `M${x - 8} ${y}h16M${x} ${y - 8}v16`,
    "stroke-width": 2.5,
    "pointer-events": "none",
  });

nearfar.panel("representations", (root, own) => {
  measures = own;
  const names = Object.keys(measures.better);
  [chosenMeasure] = names;
  const boxes = data.targets.map((target) => {
    const box = element("div", { class: "plot" });
    $("representations-plots").append(box);
    return [box, target];
  });
  const again = drawn(() => boxes.forEach(([box, target]) => measurePlot(box, target)));
  const change = (value) => {
    chosenMeasure = value;
    again();
  };
  $("representations-controls").append(
    choice(
      `test ${data.metric} against`,
      names.map((name) => [name, data.metricNames[name]]),
      change,
    ),
    fullRange(),
    element("span", {}, "A mark is a seed, a cross the arm’s mean; a hollow mark lies beyond the edge."),
  );
});
