/* Cards of a few rows, spread over the target. */
nearfar.panel("examples", (root, examples) => {
  if (!examples[0].length || (ofClasses && !data.thumbnails)) {
    root.hidden = true;
    return;
  }
  const value = (row) => {
    const truth = data.rows.truth[row];
    if (ofClasses) return ["class", isNumber(truth) ? data.labels[0].classes[truth] : "–"];
    return [data.target, formatTruth(truth)];
  };
  drawn(() => {
    const rows = examples[state.target];
    const known = data.rows.truth.some(isNumber);
    const spread = ofClasses
      ? "spread over the classes"
      : known
        ? `evenly spread from the lowest ${data.target} to the highest`
        : "evenly spread";
    $("examples-about").textContent =
      `${rows.length} of ${data.rows.total.toLocaleString("en-US")} rows, ${spread}.`;
    $("examples-cards").replaceChildren(...rows.map((row) => card(row, [value(row)])));
  });
});
