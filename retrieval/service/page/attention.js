// Where the model looked: the caption word by word, and the photo's light.
import { $, make } from "./elements.js";

const looked = { words: [], pinned: -1, map: null, animation: 0 };

export const readCaption = () => looked.words.map((word) => word.word).join(" ");

export function showWords(words, provenance) {
  forget();
  looked.words = words;
  $("panel").ariaLabel = readCaption() || "Photo without a caption";
  $("sentence").replaceChildren(...words.map((word, number) => {
    const part = make(word.attention ? "button" : "span", word.word, word.matched ? "matched" : "");
    if (word.attention) {
      part.type = "button";
      part.tabIndex = number ? -1 : 0;
      part.setAttribute("aria-pressed", "false");
      part.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") light(number); });
      part.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") light(looked.pinned); });
      part.addEventListener("focus", () => { if (part.matches(":focus-visible")) light(number); });
      part.addEventListener("blur", () => light(looked.pinned));
      part.addEventListener("click", () => pin(looked.pinned === number ? -1 : number));
    }
    return part;
  }));
  const human = provenance === "human";
  $("by").textContent = human ? "Written by a person." : words.length ? "Written by the captioner." : "No caption.";
  $("undo").hidden = !human;
  const how = matchMedia("(hover: none)").matches ? "Tap" : "Point at";
  $("hint").textContent = words.some((word) => word.attention) ? `${how} a word to see where the model looked for it.` : "";
  const first = words.findIndex((word) => word.matched && word.attention);
  if (first >= 0 && $("edit").hidden) pin(first); // Who writes what the photo shows is to see it.
}

export function pin(number) {
  looked.pinned = number;
  [...$("sentence").children].forEach((part, place) => { if (part.tagName === "BUTTON") part.setAttribute("aria-pressed", String(place === number)); });
  light(number);
}

export function forget() {
  for (const name of ["sentence", "by", "hint"]) $(name).replaceChildren();
  $("panel").ariaLabel = "Photo";
  looked.words = [];
  looked.pinned = -1;
  looked.map = null;
  cancelAnimationFrame(looked.animation);
  $("heat").classList.remove("on");
}

// Bring the photo's light to where the model looked for one word; -1 shows the photo as it is.
function light(number) {
  const wanted = looked.words[number]?.attention;
  [...$("sentence").children].forEach((part, place) => part.classList.toggle("lit", place === number));
  $("heat").classList.toggle("on", Boolean(wanted));
  cancelAnimationFrame(looked.animation);
  if (!wanted) return;
  const from = looked.map?.length === wanted.length && looked.map[0].length === wanted[0].length ? looked.map : wanted;
  const start = performance.now();
  const length = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1 : 180;
  const draw = (now) => {
    const share = Math.min(Math.max((now - start) / length, 0), 1);
    looked.map = wanted.map((row, r) => row.map((weight, c) => from[r][c] + (weight - from[r][c]) * share));
    drawHeat(looked.map);
    if (share < 1) looked.animation = requestAnimationFrame(draw);
  };
  draw(start + (from === wanted ? length : 0));
}

const grid = document.createElement("canvas");

// Dark where the weight is low, and a warm glow where it is high; smoothed from the grid of the map.
function drawHeat(map) {
  grid.height = map.length;
  grid.width = map[0].length;
  const pixels = grid.getContext("2d").createImageData(grid.width, grid.height);
  map.flat().forEach((weight, place) => {
    const glow = weight ** 1.5;
    pixels.data.set([12 + 243 * glow, 10 + 110 * glow, 8 + 22 * glow, 255 * (0.8 * (1 - weight) ** 1.4 + 0.3 * glow)], 4 * place);
  });
  grid.getContext("2d").putImageData(pixels, 0, 0);
  const heat = $("heat");
  const brush = heat.getContext("2d");
  brush.imageSmoothingQuality = "high";
  brush.clearRect(0, 0, heat.width, heat.height);
  brush.drawImage(grid, 0, 0, heat.width, heat.height);
}

$("sentence").addEventListener("keydown", (event) => {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const words = [...$("sentence").querySelectorAll("button")];
  const place = words.indexOf(event.target);
  if (!by || place < 0) return;
  event.preventDefault();
  event.stopPropagation();
  const next = words[Math.min(Math.max(place + by, 0), words.length - 1)];
  for (const word of words) word.tabIndex = word === next ? 0 : -1;
  next.focus();
});
$("frame").addEventListener("click", () => pin(-1));
