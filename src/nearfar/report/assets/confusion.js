/* Cells that name rows get their pictures, where the rows are images. */
nearfar.panel("confusion", (root) => {
  root.querySelectorAll(".thumbs").forEach((cell) => {
    const rows = cell.dataset.rows.split(" ").filter(Boolean).map(Number);
    cell.append(...rows.map((row) => thumbnail(row, 44)).filter(Boolean));
  });
});
