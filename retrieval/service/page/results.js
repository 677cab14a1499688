// What came back.
import { $, make, percent } from "./elements.js";
import { asked } from "./address.js";
import { layOut } from "./grid.js";
import { drawTile, titleOf } from "./tile.js";

export const PAGE = 30;
export const MOST = 300;

// The photos that are shown, what they were asked for with, and whether they were looked at again.
export const shown = { hits: [], k: PAGE, allowed: 0, query: "", where: "", channel: "", again: false };

export function showAnswer(answer) {
  const hits = shown.hits = answer.hits;
  shown.allowed = answer.allowed;
  const known = new Map([...$("results").children].filter((tile) => tile.dataset.id).map((tile) => [tile.dataset.id, tile]));
  $("results").classList.remove("waiting");
  const focused = document.activeElement?.closest?.(".grid li")?.dataset.id;
  $("results").replaceChildren(...hits.map((hit, place) => drawTile(hit, place, known.get(hit.image_id))));
  layOut();
  if (focused) ($("results").querySelector(`[data-id="${CSS.escape(focused)}"] a`) || $("results")).focus({ preventScroll: true });

  const all = answer.photos.toLocaleString();
  const passing = answer.allowed < answer.photos - Boolean(asked.like) ? `${answer.allowed.toLocaleString()} of ${all} photos pass` : "";
  // A query without words has no scores, and no channel has a place for its photos.
  const byTime = !asked.q || !hits.some((hit) => Object.keys(hit.channels).length);
  const order = asked.like ? "" : byTime ? `${passing || `${all} photos`}, newest first` : passing || `Best of ${all} photos`;
  const cut = hits.length === MOST && answer.allowed > MOST && `the first ${MOST} are shown`;
  const waiting = answer.waiting && `${answer.waiting.toLocaleString()} more wait for a run of retrieve index to end`;
  $("status").textContent = !hits.length ? "" : [order || passing, cut, waiting].filter(Boolean).join(", ");
  $("said").textContent = !hits.length ? "" : `${hits.length} ${hits.length === 1 ? "photo" : "photos"}, the first: ${titleOf(hits[0])}`;
  const doubtful = answer.matches_well === false && hits.length > 0;
  $("doubt").hidden = !doubtful;
  if (doubtful) $("doubt").replaceChildren(make("b", "Nothing here matches well."), " These are the nearest.");
  $("filters").querySelector(".sure").hidden = answer.matches_well === null && !asked.sure;
  $("more").hidden = hits.length < shown.k || shown.k >= Math.min(MOST, answer.allowed);
  $("empty").hidden = hits.length > 0;
  if (!hits.length) {
    const [title, text] = !answer.photos && answer.waiting ? ["No photos can be found yet", `A run that has not ended keeps ${answer.waiting.toLocaleString()}: run retrieve index again.`]
      : !answer.photos ? ["No photos yet", "Index some: retrieve index ~/Pictures"]
      : answer.allowed === 0 ? ["No photo passes", "Loosen the filters, the phrases in quotes, or the words with a minus."]
      : asked.sure ? ["Nothing here matches well", `No photo is at least ${percent(asked.sure)} likely what you asked for.`]
      : ["Nothing here", ""];
    $("empty-title").textContent = title;
    $("empty-text").textContent = text;
  }
  $("results").dispatchEvent(new Event("answer"));
}

export function showSkeleton() {
  $("empty").hidden = true;
  $("results").classList.add("waiting");
  $("results").replaceChildren(...[1.5, 0.75, 1.5, 1.33, 1, 1.78, 1.5, 0.67, 1.33, 1.5].map((ratio) => {
    const tile = make("li");
    tile.dataset.ratio = ratio;
    return tile;
  }));
  layOut();
}
