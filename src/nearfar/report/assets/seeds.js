/* Every seed of every arm: the metric itself, and its difference to the baseline. */
const ROW = 34;

function seedPlot(box, { title, pick, summary, zero, labels, right, note, signed }) {
  const list = visible();
  const width = roomIn(box);
  if (!list.length) { box.hidden = true; return; }
  const above = labels && width < 520;
  const left = !labels || above ? 10 : clamp(7.4 * Math.max(...list.map((i) => arms[i].label.length)) + 16, 90, 230);
  const edge = width - (right && !above ? 116 : 12);
  const row = above ? ROW + 16 : ROW;
  const top = 8;
  const bottom = top + row * list.length;
  const scaled = learned(list);
  const everything = scaled.flatMap((i) => [...Object.values(pick(i)), summary(i)[0]]).concat(isNumber(zero) ? [zero] : []);
  const whiskers = scaled.flatMap((i) => summary(i).slice(1));
  const core = limits(everything);
  const wide = limits(everything.concat(whiskers));
  const reach = (core[1] - core[0]) * (state.full ? 99 : 0.6);
  const range = [Math.max(wide[0], core[0] - reach), Math.min(wide[1], core[1] + reach)];
  const x = scale(range, [left, edge]);
  const svg = shape("svg", { class: "figure", viewBox: `0 0 ${width} ${bottom + 44}`, role: "img", "aria-label": `${title} by arm and seed` });
  ticks(range, width < 520 ? 4 : 6).forEach((tick) => svg.append(
    shape("path", { class: "gridline", d: `M${x(tick)} ${top}V${bottom}` }),
    shape("text", { x: x(tick), y: bottom + 17, "text-anchor": "middle" }, brief(tick))));
  if (isNumber(zero)) svg.append(shape("path", { class: "reference", d: `M${x(zero)} ${top}V${bottom}` }));
  svg.append(shape("text", { class: "title", x: (left + edge) / 2, y: bottom + 37, "text-anchor": "middle" }, title));
  const spots = [];
  list.forEach((index, place) => {
    const arm = arms[index];
    const y = top + row * place + (above ? 33 : row / 2);
    if (labels) {
      svg.append(shape("text", above ? { class: "strong", x: 0, y: y - 17 } : { class: "strong", x: left - 14, y: y + 5, "text-anchor": "end" },
        arm.label.length > 32 ? `${arm.label.slice(0, 31)}…` : arm.label));
    }
    svg.append(armRow(index, y, x, range, edge, pick(index), summary(index), spots, signed));
    if (right) {
      const text = right(index);
      const kind = { "▲": "good", "▼": "bad" }[text[0]];
      if (text) svg.append(shape("text", above ? { class: kind, x: width, y: y - 17, "text-anchor": "end" } : { class: kind, x: edge + 12, y: y + 4 }, text));
    }
  });
  const follow = shape("polyline", { class: "follow" });
  svg.append(follow);
  box.replaceChildren(svg);
  followSeeds(svg, follow, spots, width, note, signed);
}

function armRow(index, y, x, range, edge, values, [middle, low, high], spots, signed) {
  const arm = arms[index];
  const group = shape("g", { class: `k${arm.colour}` });
  const seeds = Object.keys(values);
  const step = Math.min(5, 18 / Math.max(1, seeds.length - 1));
  if (isNumber(low) && isNumber(high) && low < range[1] && high > range[0]) {
    const [a, b] = [clamp(x(low), x(range[0]), edge), clamp(x(high), x(range[0]), edge)];
    group.append(shape("path", { class: "stroke", d: `M${a} ${y}H${b}`, "stroke-width": 7, opacity: 0.22, "stroke-linecap": "butt" }));
  }
  const away = isNumber(middle) && (middle > range[1] || middle < range[0]);
  seeds.forEach((seed, order) => {
    const value = values[seed];
    if (!isNumber(value)) return;
    if (away) { spots.push({ index, seed, value, away, x: x(clamp(value, ...range)), y }); return; }
    const inside = value <= range[1] && value >= range[0];
    const at = clamp(x(value), x(range[0]), x(range[1]));
    const dy = (order - (seeds.length - 1) / 2) * step;
    if (inside) {
      const solid = isNumber(middle) || arm.status === "done";
      group.append(shape("path", { class: solid ? "ink edged" : "hollow", d: marker(arm, 3.8), transform: `translate(${at.toFixed(1)} ${(y + dy).toFixed(1)})` }));
    } else {
      const s = value > range[1] ? 1 : -1;
      group.append(shape("path", { class: "ink", d: `M${at} ${y + dy}l${-6 * s}-3.5v7z` }));
    }
    spots.push({ index, seed, value, x: at, y: y + dy });
  });
  if (isNumber(middle)) {
    const at = clamp(x(middle), x(range[0]), x(range[1]));
    if (!away) group.prepend(shape("path", { class: "stroke", d: `M${at.toFixed(1)} ${y - 11}v22`, "stroke-width": 3 }));
    else {
      const s = middle > range[1] ? 1 : -1;
      group.append(shape("path", { class: "ink", d: `M${at} ${y}l${-9 * s}-5.5v11z` }),
        shape("text", { class: "value", x: at - 14 * s, y: y + 4, "text-anchor": s > 0 ? "end" : "start" }, format(middle, signed)));
    }
  }
  return group;
}

function followSeeds(svg, follow, spots, width, note, signed) {
  const clear = () => { follow.setAttribute("points", ""); hideTip(); };
  svg.addEventListener("pointerleave", clear);
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const ratio = width / box.width;
    const [px, py] = [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio];
    let [best, gap] = [null, 14];
    spots.forEach((spot) => {
      const distance = Math.hypot(spot.x - px, spot.y - py);
      if (distance < gap) [best, gap] = [spot, distance];
    });
    if (!best) { clear(); return; }
    follow.setAttribute("points", spots.filter((s) => s.seed === best.seed && !s.away).map((s) => `${s.x},${s.y}`).join(" "));
    showTip(event, element("div", { class: "name" }, arms[best.index].label), pairs([["seed", best.seed], [note, format(best.value, signed)]]));
  });
}

function statusOf(index) {
  const { status } = arms[index];
  return status && status !== "done" ? status : "";
}

function buildSeeds() {
  if (!arms.some((arm) => Object.keys(arm.values).length)) { $("seeds").hidden = true; return; }
  $("seeds-controls").append(fullRange());
  const unit = data.unit === "z" ? ", z-scored" : data.unit ? `, ${data.unit}` : "";
  const better = data.higherIsBetter ? "higher is better" : "lower is better";
  const base = arms.findIndex((arm) => arm.colour === "b");
  drawn(() => seedPlot($("seeds-plot"), {
    title: `test ${data.metric}${unit} (${better})`, labels: true, note: `test ${data.metric}`,
    pick: (i) => arms[i].values,
    summary: (i) => [arms[i].mean, arms[i].low, arms[i].high],
    zero: base >= 0 && shown(base) ? arms[base].mean : null,
    right: (i) => statusOf(i),
  }));
  const against = (i) => arms.find((arm) => arm.label === arms[i].against) || null;
  if (!arms.some((arm) => arm.verdict)) { $("difference-plot").hidden = true; return; }
  drawn(() => seedPlot($("difference-plot"), {
    title: `difference to ${data.baseline}`, note: "difference", signed: true,
    labels: innerWidth <= 760, zero: 0,
    pick: (i) => {
      const other = against(i);
      if (!other) return {};
      return Object.fromEntries(Object.entries(arms[i].values).filter(([seed, v]) => isNumber(v) && isNumber(other.values[seed])).map(([seed, v]) => [seed, v - other.values[seed]]));
    },
    summary: (i) => arms[i].difference,
    right: (i) => (arms[i].verdict ? `${{ better: "▲", worse: "▼", equivalent: "≈", undecided: "?", withheld: "✕" }[arms[i].verdict] || ""} ${arms[i].verdict}` : "baseline"),
  }));
}
