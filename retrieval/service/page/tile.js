// One photo among the results.
import { make, percent } from "./elements.js";
import { thumbnail } from "./service.js";
import { addressOf, asked } from "./address.js";

const WORTH_SAYING = 0.05; // A probability below it is left unsaid.

export const titleOf = (hit) => hit.caption || hit.path.split("/").at(-1);
const clampRatio = ({ width, height }) => width && height ? Math.min(Math.max(width / height, 0.6), 2.6).toFixed(4) : 1.5;

export function drawTile(hit, place, tile) {
  if (!tile) {
    tile = make("li");
    tile.dataset.id = hit.image_id;
    const link = make("a");
    const photo = make("img");
    photo.alt = "";
    photo.decoding = "async";
    if (place >= 12) photo.loading = "lazy";
    photo.addEventListener("load", () => photo.classList.add("here"));
    photo.addEventListener("error", () => tile.classList.add("lost"));
    link.append(photo, make("span", null, "words"), make("span", null, "pill likely"), make("span", null, "pill stack"));
    tile.append(link);
    tile.dataset.ratio = clampRatio(hit);
  }
  const link = tile.firstChild;
  const [photo, words, likely, stack] = link.children;
  if (!photo.srcset || tile.classList.contains("lost")) { // One that failed before may be there now.
    tile.classList.remove("lost");
    photo.srcset = `${thumbnail(hit.image_id, 480)} 1x, ${thumbnail(hit.image_id, 960)} 2x`;
  }
  link.href = addressOf({ ...asked, photo: hit.image_id });
  link.tabIndex = place ? -1 : 0;
  words.replaceChildren(drawCaption(hit));
  likely.hidden = !(hit.probability >= WORTH_SAYING);
  likely.textContent = percent(hit.probability);
  likely.title = "How likely this is what you asked for";
  stack.hidden = !hit.duplicates.length;
  stack.textContent = `+${hit.duplicates.length}`;
  stack.title = "Photos that show the same";
  return tile;
}

export function drawCaption(hit) {
  const matched = new Set(hit.matched.map((word) => word.toLowerCase()));
  const caption = make("span");
  caption.dir = "auto";
  // Words are cut as `split_words` of the service cuts them.
  for (const part of titleOf(hit).split(/([\p{L}\p{N}][\p{L}\p{M}\p{N}]*)/u)) caption.append(matched.has(part.toLowerCase()) ? make("b", part) : part);
  if (hit.provenance === "human") {
    const mark = make("i", " ✎");
    mark.setAttribute("role", "img");
    mark.setAttribute("aria-label", "written by a person");
    caption.append(mark);
  }
  return caption;
}
