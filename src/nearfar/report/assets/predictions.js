/* Predicted against true, one panel an arm. */
function predictionPanel(index, seed, range, size) {
  const small = size < 220;
  const marks = ticks(range, small ? 3 : 4);
  const longest = Math.max(...marks.map((mark) => brief(mark).length));
  const [left, right] = [Math.max(24, 10 + 7 * longest), size - 6];
  const [top, bottom] = [small ? 6 : 24, size - (small ? 20 : 30)];
  const x = scale(range, [left, right]);
  const y = scale(range, [bottom, top]);
  const svg = figure(size, size, `predicted against true, ${arms[index].label}`);
  gridRows(svg, marks, y, [left, right]);
  gridColumns(svg, marks, x, [top, bottom]);
  svg.append(shape("path", { class: "reference", d: `M${left} ${bottom}L${right} ${top}` }));
  if (!small) {
    svg.append(write(right, bottom + 28, "true", "end"), write(left - 6, 10, "predicted", "start"));
  }
  const tested = testedRows(index, seed);
  const at = new Map(tested.map(([row, truth, value]) => [row, [x(truth), clamp(y(value), top, bottom)]]));
  const beyond = new Set(
    tested.filter(([, , value]) => value > range[1] || value < range[0]).map(([row]) => row),
  );
  const inside = dotsPath([...at].filter(([row]) => !beyond.has(row)).map(([, place]) => place));
  const group = shape(
    "g",
    { class: `k${arms[index].colour}` },
    shape("path", { class: "dots halo", d: inside, "stroke-width": small ? 5 : 6.4 }),
    shape("path", { class: "dots stroke", d: inside, "stroke-width": small ? 3.8 : 4.8, opacity: 0.8 }),
  );
  beyond.forEach((row) => {
    const [px, py] = at.get(row);
    const place = `translate(${px.toFixed(1)} ${py.toFixed(1)})`;
    group.append(
      shape("path", { class: "ink", d: py <= top ? "M-4 6h8l-4-7z" : "M-4-6h8l-4 7z", transform: place }),
    );
  });
  svg.append(group);
  const errors = tested.map(([, truth, value]) => Math.abs(value - truth));
  const words = `${small ? "error" : "mean error"} ${errors.length ? format(mean(errors)) : "–"}`;
  svg.append(write(right - 6, bottom - 9, words, "end"));
  finish(
    svg,
    size,
    at,
    (event, row) => rowTip(event, row, index, seed),
    () => true,
  );
  return panel(index, "", svg);
}

/* [[row, truth, prediction]] of the test rows. */
function testedRows(index, seed) {
  const letters = partsOf(index, seed);
  return [...predictionsOf(index, seed)]
    .map(([row, value]) => [row, data.rows.truth[row], value])
    .filter(([row, truth, value]) => letters[row] === "t" && isNumber(truth) && isNumber(value));
}

nearfar.panel("predictions", (root) => {
  const box = $("predictions-plots");
  const seeds = data.seeds.filter((seed) => arms.some((_, index) => partsOf(index, seed)));
  if (!seeds.length) {
    root.hidden = true;
    return;
  }
  let seed = seeds[0];
  if (seeds.length > 1) {
    $("predictions-controls").append(
      segment(
        "seed",
        seeds.map((s) => [s, String(s)]),
        seed,
        (value) => {
          seed = value;
          again();
        },
      ),
    );
  }
  const title = element("span", {});
  $("predictions-controls").append(fullRange(), title);
  const again = drawn(() => {
    forget(box);
    title.textContent = `${data.target}${data.ownUnit ? `, ${data.ownUnit}` : ""}`;
    const list = visible().filter((index) => partsOf(index, seed));
    const truths = data.rows.truth.filter(isNumber);
    let range = [Math.min(...truths), Math.max(...truths)];
    if (state.full)
      list.forEach((index) =>
        predictionsOf(index, seed).forEach((value) => {
          if (isNumber(value)) range = [Math.min(range[0], value), Math.max(range[1], value)];
        }),
      );
    const room = (range[1] - range[0] || 1) * 0.05;
    range = [range[0] - room, range[1] + room];
    const size = innerWidth <= 760 ? Math.max(130, (roomIn(box) - 46) / 2) : 260;
    box.replaceChildren(...list.map((index) => predictionPanel(index, seed, range, Math.round(size))));
  });
});
