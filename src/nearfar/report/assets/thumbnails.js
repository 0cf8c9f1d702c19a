/* Pictures of rows, where the rows are images. */

/* The row's picture, ``size`` pixels on its longer side; null if it has none. */
function thumbnail(row, size) {
  const content = data.thumbnails.rows[row];
  if (!content) return null;
  const image = element("img", {
    class: data.thumbnails.type === "image/png" ? "thumbnail pixels" : "thumbnail",
    src: `data:${data.thumbnails.type};base64,${content}`,
    alt: `picture of ${nameOf(row)}`,
    title: nameOf(row),
  });
  image.style.maxWidth = image.style.maxHeight = `${size}px`;
  image.style.minWidth = `${size / 2}px`;
  image.style.width = `${size}px`;
  image.style.height = `${size}px`;
  return image;
}
