// Searching for what is asked.
import { $, isWriting } from "./elements.js";
import { ask } from "./service.js";
import { asked, question, showAsked, writeAddress } from "./address.js";
import { MOST, PAGE, showAnswer, shown, showSkeleton } from "./results.js";
import { complain } from "./complaint.js";

const AGAIN = 500; // Milliseconds before the first photos are looked at again, where that is asked for.

// What is to come: the timer of what is typed, the search that is being answered, and whether that is shown from its top.
export const coming = { typing: 0, waiting: null, fromTop: false };

// Whether what came back is of what is asked still: a later search ends the one before. Nobody waits for a second look.
export async function search() {
  coming.waiting?.abort();
  $("results").ariaBusy = "true";
  const waiting = coming.waiting = new AbortController();
  const slow = setTimeout(() => { $("loading").hidden = false; if (!shown.hits.length) showSkeleton(); }, 200);
  const end = () => { clearTimeout(slow); if (coming.waiting === waiting) endWaiting(); };
  try {
    const fold = String(!asked.same);
    const wanted = { q: asked.q, k: shown.k, where: asked.where, fold, channel: asked.channel, min_probability: (asked.q && asked.sure) || "" };
    const answer = asked.like
      ? await ask(`/api/photos/${encodeURIComponent(asked.like)}/similar`, { k: shown.k, where: asked.where, fold }, { signal: waiting.signal })
      : await ask("/api/search", wanted, { signal: waiting.signal });
    Object.assign(shown, { query: asked.like ? "" : asked.q, where: asked.where, channel: asked.like ? "" : asked.channel, again: false });
    complain(null);
    showAnswer(answer);
    if (coming.fromTop) scrollTo({ top: 0 });
    coming.fromTop = false;
    if (asked.again && shown.query && !shown.channel && shown.hits.length) lookAgain(wanted, waiting.signal).finally(end);
    else end();
  } catch (error) {
    end();
    if (waiting.signal.aborted) return false;
    if (error.status === 404 && asked.like) return change({ like: "" }, true); // Or Back would lead here again.
    complain(error);
    $("empty").hidden = true;
    if (!shown.hits.length) $("results").replaceChildren();
  }
  return true;
}

async function lookAgain(wanted, signal) {
  try {
    await new Promise((resolve) => setTimeout(resolve, AGAIN));
    const better = await ask("/api/search", { ...wanted, rerank: "true" }, { signal });
    shown.again = true;
    showAnswer(better);
  } catch (error) {
    if (!signal.aborted) complain(error);
  }
}

function endWaiting() {
  coming.waiting = null;
  $("loading").hidden = true;
  $("results").classList.remove("waiting");
  if (!coming.typing) $("results").ariaBusy = "false";
}

// Take on what is asked for; `keep` leaves the address without a new entry for the back button.
export function change(wanted, keep = false) {
  const before = question();
  Object.assign(asked, wanted);
  coming.fromTop ||= question() !== before;
  shown.k = PAGE;
  writeAddress(keep);
  showAsked();
  return search();
}

$("more").addEventListener("click", async () => {
  const first = shown.hits.length;
  shown.k = Math.min(shown.k + PAGE, MOST);
  if (await search() && !isWriting(document.activeElement)) $("results").children[first]?.firstChild.focus();
});
