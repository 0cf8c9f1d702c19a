/* A section that fails must not take the others with it. */
function attempt(build) {
  try {
    build();
  } catch (error) {
    console.error(error);
  }
}

buildChips();
[
  buildSeeds,
  buildCurves,
  buildPredictions,
  buildEmbedding,
  buildExamples,
  buildWorst,
  () => drawn(() => costPlot($("cost-plot"))),
].forEach(attempt);

document.querySelectorAll(".jump a").forEach((link) => {
  link.hidden = document.querySelector(link.hash).hidden;
});

let lastWidth = innerWidth;
let waiting = 0;
addEventListener("resize", () => {
  if (innerWidth === lastWidth) return;
  lastWidth = innerWidth;
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(redraw);
});
addEventListener("beforeprint", () =>
  document.querySelectorAll("details").forEach((part) => {
    part.dataset.was = part.open ? "open" : "";
    part.open = true;
  }),
);
addEventListener("afterprint", () =>
  document.querySelectorAll("details").forEach((part) => {
    part.open = part.dataset.was === "open";
  }),
);
document.documentElement.dataset.ready = "true";
