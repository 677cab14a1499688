// The rows of the grid.
import { $ } from "./elements.js";

// Rows of one height each, as near as can be to the one that is wanted, and as wide as the page.
export function layOut() {
  const style = getComputedStyle($("results"));
  const [wanted, gap, width] = [Number(style.getPropertyValue("--row")), parseFloat(style.columnGap), $("results").clientWidth];
  let row = [];
  let ratios = 0;
  const height = (count, sum) => (width - gap * (count - 1)) / sum - 0.02;
  const finish = (high) => {
    for (const tile of row) {
      tile.style.setProperty("--width", (tile.dataset.ratio * high).toFixed(3));
      tile.style.setProperty("--height", high.toFixed(3));
    }
    [row, ratios] = [[], 0];
  };
  for (const tile of $("results").children) {
    const [without, within] = [height(row.length, ratios), height(row.length + 1, ratios + Number(tile.dataset.ratio))];
    if (row.length && within < wanted && without / wanted < wanted / within) finish(without);
    row.push(tile);
    ratios += Number(tile.dataset.ratio);
    if (height(row.length, ratios) <= wanted) finish(height(row.length, ratios));
  }
  if (row.length) finish(Math.min(height(row.length, ratios), wanted));
}

new ResizeObserver(layOut).observe($("results"));
