// One photo, large, with what is said of it.
import { $ } from "./elements.js";
import { ask, thumbnail } from "./service.js";
import { asked, writeAddress } from "./address.js";
import { shown } from "./results.js";
import { change } from "./search.js";
import { focusTile } from "./grid.js";
import { forget, showWords } from "./attention.js";
import { showWhy } from "./why.js";
import { drafts } from "./drafts.js";

// The photo that is open, its place among those that are shown, and the last one that was open and had one.
export const photo = { id: "", place: -1, shown: "" };

let asking = new AbortController(); // Ends what is asked of the photo that is shown.
let leaving = false; // Whether the way back from it has begun.

// From place to place one address is enough; Back returns from a photo that has none to the one that led to it.
// Its entry of the history keeps how many entries before it the search is that it was opened from, if one is.
export function openPhoto(id, keep = $("panel").open) {
  const back = $("panel").open ? history.state : 0;
  asked.photo = id;
  writeAddress(keep, keep || back === null ? back : back + 1);
  showPhoto(id);
}

// By way of Back, so that the history keeps nothing of it before the search. Until the browser has gone there the photo is shown,
// and nobody does anything that this would undo.
export function closePhoto() {
  if (!mayClose()) return;
  if (history.state && !leaving) { leaving = true; history.go(-history.state); }
  else $("panel").close();
}

export async function showPhoto(id) {
  const panel = $("panel");
  asking.abort();
  const { signal } = asking = new AbortController();
  leaving = false;
  photo.id = id;
  showPlace();
  const hit = shown.hits[photo.place];
  if (!panel.open) { panel.showModal(); panel.focus(); }
  for (const name of ["gone", "panel-problem", "why", "undo", "same"]) $(name).hidden = true;
  $("facts").replaceChildren();
  showEditing(false);
  $("photo").src = "";
  $("photo").src = thumbnail(id, 1600);
  $("original").href = `/api/photos/${encodeURIComponent(id)}`;
  forget();
  if (hit) { setRatio(hit); showWords(hit.caption.split(/\s+/).filter(Boolean).map((word) => ({ word, matched: false, attention: null })), hit.provenance); }
  try {
    const why = await ask(`/api/photos/${encodeURIComponent(id)}/explain`, hit ? { q: shown.query, where: shown.where, channel: shown.channel, rerank: shown.again || "" } : {}, { signal });
    if (signal.aborted) return;
    setRatio(why);
    showWords(why.words, why.provenance);
    showWhy(why, hit, (same) => openPhoto(same, false));
  } catch (error) {
    if (signal.aborted) return;
    $("actions").hidden = error.status === 404; // Of a photo that is not indexed there is nothing to do.
    showPanelProblem(error.message);
  }
}

function showPlace() {
  photo.place = shown.hits.findIndex((hit) => hit.image_id === photo.id);
  if (photo.place >= 0) photo.shown = photo.id;
  $("before").disabled = photo.place <= 0;
  $("after").disabled = photo.place < 0 || photo.place >= shown.hits.length - 1;
  $("place").textContent = photo.place < 0 ? "" : `${photo.place + 1} of ${shown.hits.length}`;
  if (document.activeElement?.disabled) $("panel").focus(); // No photo is left in the direction of the button that led here.
}

export function showPanelProblem(text) {
  $("panel-problem").hidden = false;
  $("panel-problem").textContent = text;
}

// While a caption is being written, what is said of it makes room, and nothing leads to another photo.
export function showEditing(editing) {
  for (const name of ["sentence", "actions", "about-caption"]) $(name).hidden = editing;
  for (const name of ["stage", "same"]) $(name).inert = editing;
  $("edit").hidden = !editing;
  $("edit-button").textContent = drafts.has(photo.id) ? "Finish caption" : "Edit caption";
}

// Whether the photo may be closed, asked as the browser asks it on Escape.
export const mayClose = () => $("panel").dispatchEvent(new Event("cancel", { cancelable: true }));

function setRatio({ width, height }) {
  if (!width || !height) return;
  $("frame").style.setProperty("--ratio", width / height);
  $("frame").style.setProperty("--most", `${3 * width}px`);
}

export function step(by) {
  const hit = shown.hits[photo.place + by];
  if (hit && photo.place >= 0) openPhoto(hit.image_id);
}

$("results").addEventListener("answer", showPlace); // The photos may have another order while one is open.
$("results").addEventListener("click", (event) => {
  const tile = event.target.closest("li[data-id]");
  if (!tile || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  openPhoto(tile.dataset.id);
});

// An image does not say why it failed: the service is asked.
$("photo").addEventListener("error", async () => {
  const source = $("photo").getAttribute("src");
  if (!source) return;
  const status = await fetch(source).then((response) => response.status, () => 0);
  if ($("photo").getAttribute("src") !== source) return;
  $("gone").textContent = status === 404 ? "This photo is no longer where it was indexed." : "This photo cannot be shown now.";
  $("gone").hidden = false;
});

$("before").addEventListener("click", () => step(-1));
$("after").addEventListener("click", () => step(1));
$("similar").addEventListener("click", () => {
  const id = photo.id;
  asked.photo = photo.id = ""; // So that closing does not go back to its tile.
  $("panel").close();
  change({ like: id });
  $("results").focus({ preventScroll: true });
});

$("close").addEventListener("click", closePhoto);
$("stage").addEventListener("click", (event) => { if (event.target === $("stage")) closePhoto(); });
$("panel").addEventListener("close", () => {
  asking.abort();
  forget();
  showEditing(false);
  if (asked.photo) { asked.photo = ""; writeAddress(true); }
  $("photo").src = "";
  if (photo.id) focusTile(photo.shown);
  photo.id = photo.shown = "";
});
