/* Maps of features, one panel an arm. */
function embeddingPanel(index, [number, seed]) {
  const tell = (event, row) => rowTip(event, row, index, seed);
  const svg = mapFigure(number, index, seed, `embedding of ${arms[index].label}`, tell);
  return panel(index, `seed ${seed}`, svg);
}

function ramp() {
  const bar = shape("svg", {
    class: "ramp",
    viewBox: `0 0 ${STEPS} 1`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  });
  for (let i = 0; i < STEPS; i += 1) {
    const cell = shape("rect", { x: i, width: 1.05, height: 1 });
    cell.style.fill = `var(--s${i})`;
    bar.append(cell);
  }
  return bar;
}

const legendWords = (words) =>
  words.map(([colour, text]) => element("span", { class: "legend" }, colourMark(colour), text));

function embeddingLegend(box) {
  const { colour } = mapOptions;
  if (colour === "part")
    box.replaceChildren(
      ...legendWords([
        [PART_COLOURS.r, "train"],
        [PART_COLOURS.v, "validation"],
        [PART_COLOURS.t, "test"],
      ]),
    );
  else if (ofClasses && colour === "error")
    box.replaceChildren(
      ...legendWords([
        [HIT, "right"],
        [MISS, "wrong"],
        [NO_COLOUR, "no prediction"],
      ]),
    );
  else if (ofClasses) box.replaceChildren(...classButtons());
  else {
    const [low, high] = colour === "truth" ? truthRange() : errorRange();
    const texts = [
      colour === "truth" ? data.target : "error",
      brief(low),
      `${brief(high)} ${data.ownUnit}`,
    ].map((text) => element("span", {}, text));
    box.replaceChildren(texts[0], texts[1], ramp(), texts[2]);
  }
}

/* The names of the classes; a pressed one is shown alone. */
function classButtons() {
  const { classes } = data.labels[mapOptions.labels];
  return classes.map((name, number) =>
    element(
      "button",
      {
        type: "button",
        class: "class-name",
        "aria-pressed": String(mapOptions.only === number),
        onclick: () => {
          mapOptions.only = mapOptions.only === number ? null : number;
          redrawMaps();
        },
      },
      colourMark(classColour(number, classes.length)),
      name,
    ),
  );
}

function embeddingControls() {
  const change = (key) => (value) => {
    mapOptions[key] = key === "labels" ? Number(value) : value;
    mapOptions.only = null;
    redrawMaps();
  };
  const colours = [
    ["truth", ofClasses ? "true class" : "true value"],
    ["error", ofClasses ? "right or wrong" : "error"],
    ["part", "part"],
  ];
  const parts = [
    ["all", "all"],
    ["test", "test"],
  ];
  const maps = data.labels.map(({ name }, number) => [
    String(number),
    number ? name.replaceAll("_", " ") : "the data set’s own",
  ]);
  const legend = element("span", { class: "legend classes" });
  $("embedding-controls").append(
    segment("colour", colours, "truth", change("colour")),
    ...(maps.length > 1 ? [choice("classes", maps, change("labels"))] : []),
    segment("rows", parts, "all", change("parts")),
    legend,
  );
  drawnMap(() => embeddingLegend(legend));
}

nearfar.panel("embedding", (root, chosen) => {
  const box = $("embedding-plots");
  const words = arms
    .map((arm, index) => (typeof chosen[index] === "string" ? `${arm.label}: ${chosen[index]}` : null))
    .filter(Boolean);
  if (words.length === arms.length) {
    root.hidden = true;
    return;
  }
  if (words.length) $("embedding-missing").textContent = `Not shown: ${words.join("; ")}.`;
  embeddingControls();
  drawnMap(() => {
    forget(box);
    const list = visible().filter((index) => typeof chosen[index] !== "string");
    box.replaceChildren(...list.map((index) => embeddingPanel(index, chosen[index])));
  });
});
