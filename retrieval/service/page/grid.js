// From photo to photo in the grid, by keyboard.
import { $ } from "./elements.js";

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
function findBeside(link, down) {
  const middle = (each) => { const box = each.getBoundingClientRect(); return { x: box.left + box.width / 2, top: Math.round(box.top) }; };
  const here = middle(link);
  const rows = tiles().map((each) => ({ each, ...middle(each) })).filter(({ top }) => down ? top > here.top + 4 : top < here.top - 4);
  const next = down ? Math.min(...rows.map(({ top }) => top)) : Math.max(...rows.map(({ top }) => top));
  return rows.filter(({ top }) => Math.abs(top - next) <= 4).sort((one, other) => Math.abs(one.x - here.x) - Math.abs(other.x - here.x))[0]?.each;
}

$("results").addEventListener("keydown", (event) => {
  const link = event.target.closest("li a");
  const all = tiles();
  const place = all.indexOf(link);
  const next = {
    ArrowRight: () => all[place + 1], ArrowLeft: () => all[place - 1],
    ArrowDown: () => link ? findBeside(link, true) : all[0], ArrowUp: () => link && findBeside(link, false),
    Home: () => all[0], End: () => all.at(-1),
  }[event.key];
  if (!next || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const found = next();
  if (found) moveTo(found);
  else if (event.key === "ArrowUp") $("query").focus();
  else if (event.key === "ArrowDown" && !$("more").hidden) $("more").focus();
});
