/* A panel that fails must not take the others with it. */
builders.forEach(([id, build]) => {
  const root = $(id);
  if (!root) return;
  try {
    build(root, data.panels[id]);
  } catch (error) {
    console.error(error);
  }
});

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
