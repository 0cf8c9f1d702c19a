/* Every seed of every arm: the metric itself, and its difference to the baseline. */
const ROW = 34;
const SIGNS = { better: "▲", worse: "▼", same: "≈", undecided: "?", withheld: "✕" };

/* Limits set by what is learned; intervals may widen them, but not by much. */
function seedRange(list, { pick, summary, zero }) {
  const scaled = learned(list);
  const points = scaled
    .flatMap((i) => [...Object.values(pick(i)), summary(i)[0]])
    .concat(isNumber(zero) ? [zero] : []);
  const core = limits(points);
  const wide = limits(points.concat(scaled.flatMap((i) => summary(i).slice(1))));
  const reach = (core[1] - core[0]) * (state.full ? 99 : 0.6);
  return [Math.max(wide[0], core[0] - reach), Math.min(wide[1], core[1] + reach)];
}

/* Rows are the arms of one target. ``pick``: values by seed; ``summary``: [mean, low, high]; ``right``: a word. */
function seedPlot(box, { target, title, note, pick, summary, zero, labels, right, signed }) {
  const list = visible().filter((index) => arms[index].target === target);
  const width = roomIn(box);
  if (!list.length) {
    box.hidden = true;
    return;
  }
  const above = labels && width < 520;
  const longest = Math.max(...list.map((i) => arms[i].label.length));
  const left = !labels || above ? 10 : clamp(8 * longest + 18, 90, Math.min(300, width * 0.42));
  const most = above ? 32 : Math.floor((left - 18) / 8);
  const words = Math.max(...list.map((i) => right(i).length));
  const edge = width - (above ? 12 : clamp(6.5 * words + 14, 116, 160));
  const [top, row] = [8, above ? ROW + 16 : ROW];
  const bottom = top + row * list.length;
  const range = seedRange(list, { pick, summary, zero });
  const x = scale(range, [left, edge]);
  const svg = figure(width, bottom + 44, `${title} by arm and seed`);
  gridColumns(svg, ticks(range, width < 520 ? 4 : 6), x, [top, bottom]);
  if (isNumber(zero)) svg.append(shape("path", { class: "reference", d: `M${x(zero)} ${top}V${bottom}` }));
  svg.append(write((left + edge) / 2, bottom + 37, title, "middle", "title"));
  const spots = [];
  list.forEach((index, place) => {
    const { label } = arms[index];
    const y = top + row * place + (above ? 33 : row / 2);
    const short = shortened(label, most);
    if (labels)
      svg.append(
        above ? write(0, y - 17, short, "start", "strong") : write(left - 14, y + 5, short, "end", "strong"),
      );
    svg.append(armRow(index, y, { x, range, values: pick(index), summary: summary(index), signed }, spots));
    const word = right(index);
    const kind = { "▲": "good", "▼": "bad" }[word[0]];
    svg.append(
      above ? write(width, y - 17, word, "end", kind) : write(edge + 12, y + 4, word, "start", kind),
    );
  });
  const follow = shape("polyline", { class: "follow" });
  svg.append(follow);
  box.replaceChildren(svg);
  followSeeds(svg, follow, spots, width, note, signed);
}

/* At most so many letters of a label: its begin, and its end, which tells conditions apart. */
function shortened(label, most) {
  if (label.length <= most) return label;
  const end = Math.floor(most * 0.4);
  return `${label.slice(0, most - end - 1).trimEnd()}…${label.slice(-end).trimStart()}`;
}

/* Interval, mean and seeds of one arm; an arrow at the edge for what lies beyond the scale. */
function armRow(index, y, { x, range, values, summary: [middle, low, high], signed }, spots) {
  const arm = arms[index];
  const group = shape("g", { class: `k${arm.colour}` });
  const inside = (value) => value >= range[0] && value <= range[1];
  const at = (value) => x(clamp(value, ...range));
  if (isNumber(low) && isNumber(high) && low < range[1] && high > range[0]) {
    group.append(shape("path", { class: "stroke interval", d: `M${at(low)} ${y}H${at(high)}` }));
  }
  const away = isNumber(middle) && !inside(middle);
  if (away) group.append(...edgeArrow(middle, at(middle), y, middle > range[1] ? 1 : -1, signed));
  else if (isNumber(middle))
    group.append(
      shape("path", { class: "stroke", d: `M${at(middle).toFixed(1)} ${y - 11}v22`, "stroke-width": 3 }),
    );
  const seeds = Object.keys(values).filter((seed) => isNumber(values[seed]));
  const step = Math.min(5, 18 / Math.max(1, seeds.length - 1));
  const solid = isNumber(middle) || arm.status === "done";
  seeds.forEach((seed, order) => {
    const value = values[seed];
    const spot = {
      index,
      seed,
      value,
      away,
      x: at(value),
      y: away ? y : y + (order - (seeds.length - 1) / 2) * step,
    };
    spots.push(spot);
    if (away) return;
    const place = `translate(${spot.x.toFixed(1)} ${spot.y.toFixed(1)})`;
    const side = value > range[1] ? 1 : -1;
    group.append(
      inside(value)
        ? shape("path", { class: solid ? "ink edged" : "hollow", d: marker(arm, 3.8), transform: place })
        : shape("path", { class: "ink", d: `M0 0l${-6 * side}-3.5v7z`, transform: place }),
    );
  });
  return group;
}

function edgeArrow(value, x, y, side, signed) {
  const text = format(value, signed);
  return [
    shape("path", { class: "ink", d: `M${x} ${y}l${-9 * side}-5.5v11z` }),
    write(x - 14 * side, y + 4, text, side > 0 ? "end" : "start", "value"),
  ];
}

function followSeeds(svg, follow, spots, width, note, signed) {
  const clear = () => {
    follow.setAttribute("points", "");
    hideTip();
  };
  svg.addEventListener("pointerleave", clear);
  svg.addEventListener("pointermove", (event) => {
    const [x, y] = pointerIn(svg, width, event);
    const distance = (spot) => Math.hypot(spot.x - x, spot.y - y);
    const best = spots.reduce((near, spot) => (near && distance(near) <= distance(spot) ? near : spot), null);
    if (!best || distance(best) > 14) {
      clear();
      return;
    }
    const line = spots.filter((spot) => spot.seed === best.seed && !spot.away);
    follow.setAttribute("points", line.map((spot) => `${spot.x},${spot.y}`).join(" "));
    const numbers = [
      ["seed", best.seed],
      [note, format(best.value, signed)],
    ];
    showTip(event, element("div", { class: "name" }, arms[best.index].label), pairs(numbers));
  });
}

/* Seed by seed, the arm's value less that of the arm it is compared with. */
function differences(index) {
  const other = arms.find((arm) => arm.label === arms[index].against);
  if (!other) return {};
  const both = Object.entries(arms[index].values).filter(
    ([seed, value]) => isNumber(value) && isNumber(other.values[seed]),
  );
  return Object.fromEntries(both.map(([seed, value]) => [seed, value - other.values[seed]]));
}

/* The metric itself and, where anything is compared, its difference to the baseline. */
function seedPair(target) {
  const [plot, difference] = [element("div", { class: "plot" }), element("div", { class: "plot" })];
  $("seeds-plots").append(element("div", { class: "pair" }, plot, difference));
  const mine = arms.filter((arm) => arm.target === target);
  difference.hidden = !mine.some((arm) => arm.verdict);
  const unit = data.unit === "z" ? ", z-scored" : data.unit ? `, ${data.unit}` : "";
  const bases = arms.flatMap((arm, i) => (arm.target === target && arm.baseline ? [i] : []));
  drawn(() =>
    seedPlot(plot, {
      target,
      title: `test ${data.metric}${unit} (${data.higherIsBetter ? "higher" : "lower"} is better)${targetWords(target)}`,
      note: `test ${data.metric}`,
      labels: true,
      zero: bases.length === 1 && shown(bases[0]) ? arms[bases[0]].mean : null,
      pick: (i) => arms[i].values,
      summary: (i) => [arms[i].mean, arms[i].low, arms[i].high],
      right: (i) => (arms[i].status === "done" ? "" : arms[i].status),
    }),
  );
  if (difference.hidden) return;
  const others = new Set(mine.map((arm) => arm.against).filter(Boolean));
  const against = others.size === 1 ? [...others][0] : "its baseline";
  const word = (i) =>
    arms[i].verdict
      ? `${SIGNS[arms[i].verdict] || ""} ${arms[i].verdictName}`
      : arms[i].baseline
        ? "baseline"
        : "";
  drawn(() =>
    seedPlot(difference, {
      target,
      title: `difference to ${against}`,
      note: "difference",
      signed: true,
      labels: innerWidth <= 760,
      zero: 0,
      pick: differences,
      summary: (i) => arms[i].difference,
      right: word,
    }),
  );
}

nearfar.panel("seeds", (root) => {
  if (!arms.some((arm) => Object.keys(arm.values).length)) {
    root.hidden = true;
    return;
  }
  $("seeds-controls").append(fullRange());
  data.targets.forEach(seedPair);
});
