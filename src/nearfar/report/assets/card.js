/* A card of a single row. */
function card(row, values, extra) {
  const drawing = picture(row, 190, 112, 0.85);
  return element(
    "div",
    { class: "card", "data-row": row },
    drawing || data.drawings.length || data.thumbnails
      ? element("div", { class: "picture" }, drawing || element("span", { class: "faint" }, "no drawing"))
      : null,
    element("div", { class: "name", title: nameOf(row) }, nameOf(row)),
    ...values.map(([name, value]) =>
      element("div", { class: "values" }, element("span", {}, name), element("b", {}, value)),
    ),
    extra,
  );
}
