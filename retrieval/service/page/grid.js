// The grid of photos: its rows, and the way from photo to photo.
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

// A photo that is moved to stays clear of what is at the top, however much that says.
const header = document.querySelector(".top");
new ResizeObserver(() => document.documentElement.style.setProperty("--top", `${header.offsetHeight}px`)).observe(header);

export const tiles = () => [...$("results").querySelectorAll("li[data-id] a")];

export function focusTile(id) {
  const link = $("results").querySelector(`[data-id="${CSS.escape(id)}"] a`);
  if (link) moveTo(link);
  else $("query").focus();
}

export function moveTo(link) {
  for (const each of tiles()) each.tabIndex = each === link ? 0 : -1;
  link.focus();
  link.scrollIntoView({ block: "nearest" });
}

// The photo above or below: the one in the next row whose middle is nearest.
export function findBeside(link, down) {
  const middle = (each) => { const box = each.getBoundingClientRect(); return { x: box.left + box.width / 2, top: Math.round(box.top) }; };
  const here = middle(link);
  const rows = tiles().map((each) => ({ each, ...middle(each) })).filter(({ top }) => down ? top > here.top + 4 : top < here.top - 4);
  const next = down ? Math.min(...rows.map(({ top }) => top)) : Math.max(...rows.map(({ top }) => top));
  return rows.filter(({ top }) => Math.abs(top - next) <= 4).sort((one, other) => Math.abs(one.x - here.x) - Math.abs(other.x - here.x))[0]?.each;
}
