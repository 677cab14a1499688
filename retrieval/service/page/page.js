// The page: asks this service, shows photos and why they came up. Writes captions that a person corrects.
// Whatever comes from photos, files or people is set as text, never as HTML.
"use strict";

const PAGE = 30;
const MOST = 300;
const TYPING = 90;        // Milliseconds without a key before a search begins.
const COMPLAINT = 700;    // And before a half-typed query is called wrong.
const AGAIN = 500;        // And before the first photos are looked at again, where that is asked for.
const WORTH_SAYING = 0.05; // A probability below it is left unsaid on a tile.
const NAMES = { caption: "Caption", image: "Picture", lexical: "Words", rerank: "Second look" };

const $ = (id) => document.getElementById(id);
const filters = $("filters");

let typing = 0;     // Timers.
let complaint = 0;

let former = ""; // The address that what is typed has taken the place of, until that is settled.

// What is asked for, as the address says it, and what came back.
const asked = { q: "", where: "", channel: "", sure: 0, same: false, again: false, like: "", photo: "" };
const shown = { hits: [], k: PAGE, allowed: 0, waiting: null, fromTop: false, query: "", where: "", channel: "", again: false };

const question = () => JSON.stringify({ ...asked, photo: "" });

/* ---------------------------------------------------------------- asking */

class Refused extends Error {
  constructor(status, answer) {
    const detail = answer.detail || `the service answered ${status}`;
    super(detail[0].toUpperCase() + detail.slice(1));
    this.status = status;
    this.field = answer.field;
    this.position = answer.position;
  }
}

async function ask(path, values = {}, options = {}) {
  const address = new URL(path, location.origin);
  for (const [name, value] of Object.entries(values)) if (value !== "" && value !== null) address.searchParams.set(name, value);
  let response;
  try {
    response = await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The service does not answer. Is `retrieve serve` still running?");
  }
  if (response.ok) return response.status === 204 ? null : response.json();
  const refused = new Refused(response.status, await response.json().catch(() => ({})));
  if (response.status === 401 && !$("login").open) $("login").showModal();
  if (response.status === 503 && !options.again) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    return ask(path, values, { ...options, again: true });
  }
  throw refused;
}

const thumbnail = (id, side) => `/api/photos/${encodeURIComponent(id)}/thumbnail?side=${side}`;

/* ---------------------------------------------------------------- searching */

// Whether what came back is of what is asked still: a later search ends the one before.
async function search() {
  shown.waiting?.abort();
  $("results").ariaBusy = "true";
  const waiting = shown.waiting = new AbortController();
  const slow = setTimeout(() => { $("loading").hidden = false; if (!shown.hits.length) showSkeleton(); }, 200);
  try {
    const fold = String(!asked.same);
    const wanted = { q: asked.q, k: shown.k, where: asked.where, fold, channel: asked.channel, min_probability: (asked.q && asked.sure) || "" };
    const answer = asked.like
      ? await ask(`/api/photos/${encodeURIComponent(asked.like)}/similar`, { k: shown.k, where: asked.where, fold }, { signal: waiting.signal })
      : await ask("/api/search", wanted, { signal: waiting.signal });
    Object.assign(shown, { query: asked.like ? "" : asked.q, where: asked.where, channel: asked.like ? "" : asked.channel, again: false });
    complain(null);
    showAnswer(answer);
    if (shown.fromTop) scrollTo({ top: 0 });
    shown.fromTop = false;
    if (asked.again && shown.query && !shown.channel) {
      await new Promise((resolve) => setTimeout(resolve, AGAIN));
      const better = await ask("/api/search", { ...wanted, rerank: "true" }, { signal: waiting.signal });
      shown.again = true;
      showAnswer(better);
    }
  } catch (error) {
    if (waiting.signal.aborted) return false;
    if (error.status === 404 && asked.like) return change({ like: "" });
    complain(error);
    $("empty").hidden = true;
    if (!shown.hits.length) $("results").replaceChildren();
  } finally {
    clearTimeout(slow);
    if (shown.waiting === waiting) { endWaiting(); }
  }
  return true;
}

function endWaiting() {
  shown.waiting = null;
  $("loading").hidden = true;
  $("results").classList.remove("waiting");
  if (!typing) $("results").ariaBusy = "false";
}

// Take on what is asked for; `keep` leaves the address without a new entry for the back button.
function change(wanted, keep = false) {
  const before = question();
  Object.assign(asked, wanted);
  shown.fromTop ||= question() !== before;
  shown.k = PAGE;
  writeAddress(keep);
  showAsked();
  return search();
}

// What the box and the form say now; `submitted` asks for it with words, and with an entry for the back button.
function takeForm(submitted = false) {
  clearTimeout(typing);
  typing = 0;
  former ||= location.href;
  const q = $("query").value.trim();
  const fields = filters.elements;
  change({
    q,
    like: !submitted && q === asked.q ? asked.like : "",
    where: where.changed ? writeWhere() : asked.where,
    channel: fields.channel.length > 1 ? fields.channel.value : asked.channel, // Before `begin` has listed them, the address knows.
    sure: Number(fields.sure.value),
    same: fields.same.checked,
    again: fields.again.checked,
    photo: $("panel").open ? asked.photo : "", // Who types before it is shown has gone on.
  }, true);
  if (submitted) settle();
}

function takeSoon() {
  clearTimeout(typing);
  $("results").ariaBusy = "true";
  typing = setTimeout(takeForm, TYPING);
}

$("query").addEventListener("input", takeSoon);
$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  takeForm(true);
  if (matchMedia("(pointer: coarse)").matches) $("query").blur();
});

$("home").addEventListener("click", (event) => {
  event.preventDefault();
  change({ q: "", where: "", channel: "", sure: 0, same: false, again: false, like: "" });
  showForm();
  $("query").focus();
});

/* ---------------------------------------------------------------- the address */

function addressOf(values) {
  const address = new URL("/", location.origin);
  for (const [name, value] of Object.entries(values)) if (value) address.searchParams.set(name, value === true ? "1" : value);
  return address;
}

function writeAddress(keep) {
  const address = addressOf(asked);
  if (!keep) settle();
  if (address.href === location.href) return;
  if (keep) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
}

// What is typed has taken an entry of the history from the address before it: that gets it back, and this one of its own.
function settle() {
  const typed = location.href;
  if (former && former !== typed) {
    history.replaceState(null, "", former);
    history.pushState(null, "", typed);
  }
  former = "";
}

function readAddress() {
  const given = new URLSearchParams(location.search);
  for (const name of Object.keys(asked)) asked[name] = given.get(name) || "";
  asked.sure = Number(asked.sure) || 0;
  asked.same = Boolean(asked.same);
  asked.again = Boolean(asked.again);
}

addEventListener("popstate", async () => {
  const before = question();
  readAddress();
  shown.fromTop = false; // The browser knows how far down one was.
  former = "";
  showForm();
  showAsked();
  if (question() !== before) { shown.k = PAGE; await search(); }
  if (asked.photo) showPhoto(asked.photo);
  else if ($("panel").open) $("panel").close();
});

/* ---------------------------------------------------------------- filters */

const FIELDS = ["from", "to", "camera", "path", "width", "tag"];
const TERM = /-?(?:\w+:)?(?:["“”„][^"“”„]*["“”„]|[^\s"“”„]+)/g;

// Whether a field was changed, and the filters that none of them can say.
const where = { changed: false, rest: "" };
const quoted = (text) => /[\s]/.test(text) ? `"${text}"` : text;

function writeFields(values) {
  const parts = [];
  if (values.from || values.to) parts.push(`taken:${values.from || ""}..${values.to || ""}`);
  for (const name of ["camera", "path", "tag"]) if (values[name]) parts.push(`${name}:${quoted(values[name])}`);
  if (values.width) parts.push(`width:>${values.width}`);
  return parts.join(" ");
}

function writeWhere() {
  const value = (name) => filters.elements[name].value.trim().replaceAll(/["“”„]/g, "");
  return [writeFields(Object.fromEntries(FIELDS.map((name) => [name, value(name)]))), where.rest].filter(Boolean).join(" ");
}

// What the fields say of `text`: each term that they write again just as it is. The rest of it stays as it is.
function readFields(text) {
  const values = {};
  const rest = text.replaceAll(TERM, (term) => {
    const [, name, value] = term.match(/^(\w+):"?([^"]*)"?$/) || [];
    const [from, to] = (value || "").split("..");
    const said = { taken: { from, to }, width: { width: /^>\d+$/.test(value) && value.slice(1) } }[name] || { [name]: value };
    if (writeFields(said) !== term || Object.keys(said).some((each) => each in values)) return term;
    Object.assign(values, said);
    return "";
  });
  return { values, rest: rest.trim() };
}

// The inverse of `takeForm`.
function showForm() {
  const fields = filters.elements;
  $("query").value = asked.q;
  const { values, rest } = readFields(asked.where);
  for (const name of FIELDS) fields[name].value = values[name] || "";
  where.rest = rest;
  fields.channel.value = asked.channel;
  fields.sure.value = asked.sure;
  fields.same.checked = asked.same;
  fields.again.checked = asked.again;
  where.changed = false;
  showSure();
}

const showSure = () => { $("sure-output").textContent = percent(Number(filters.elements.sure.value)); };

filters.addEventListener("input", (event) => { where.changed ||= FIELDS.includes(event.target.name); showSure(); takeSoon(); });
filters.addEventListener("submit", (event) => { event.preventDefault(); takeForm(true); });
filters.addEventListener("reset", () => setTimeout(() => { Object.assign(where, { changed: true, rest: "" }); showSure(); takeForm(); }));
$("filters-button").addEventListener("click", () => {
  const open = filters.hidden;
  filters.hidden = !open;
  $("filters-button").setAttribute("aria-expanded", String(open));
  if (open) filters.elements.from.focus();
});

function showAsked() {
  const count = (asked.where.match(/\w+:/g) || []).length + Boolean(asked.channel) + Boolean(asked.sure) + asked.same + asked.again;
  $("filters-count").hidden = !count;
  $("filters-count").textContent = count;
  $("like").hidden = !asked.like;
  if (asked.like) $("like-photo").src = thumbnail(asked.like, 480);
  document.title = asked.like ? "Similar photos – Retrieve" : asked.q ? `${asked.q} – Retrieve` : "Retrieve";
}
$("unlike").addEventListener("click", () => { change({ like: "" }); $("query").focus(); });

/* ---------------------------------------------------------------- what came back */

function showAnswer(answer) {
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
  const order = asked.like ? "" : asked.q ? passing || `Best of ${all} photos` : `${passing || `${all} photos`}, newest first`;
  $("status").textContent = !hits.length ? "" : order || passing;
  const doubtful = answer.matches_well === false && hits.length > 0;
  $("doubt").hidden = !doubtful;
  if (doubtful) $("doubt").replaceChildren(make("b", "Nothing here matches well."), " These are the nearest.");
  $("filters").querySelector(".sure").hidden = answer.matches_well === null && !asked.sure;
  $("more").hidden = hits.length < shown.k || shown.k >= Math.min(MOST, answer.allowed);
  $("empty").hidden = hits.length > 0;
  if (!hits.length) {
    const [title, text] = !answer.photos ? ["No photos yet", "Index some: retrieve index ~/Pictures"]
      : answer.allowed === 0 ? ["No photo passes", "Loosen the filters, the phrases in quotes, or the words with a minus."]
      : asked.sure ? ["Nothing here matches well", `No photo is at least ${percent(asked.sure)} likely what you asked for.`]
      : ["Nothing here", ""];
    $("empty-title").textContent = title;
    $("empty-text").textContent = text;
  }
}

function drawTile(hit, place, tile) {
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

function drawCaption(hit) {
  const matched = new Set(hit.matched.map((word) => word.toLowerCase()));
  const caption = make("span");
  const text = hit.caption || fileName(hit.path);
  // Words are cut as `split_words` of the service cuts them.
  for (const part of text.split(/([\p{L}\p{M}\p{N}]+)/u)) caption.append(matched.has(part.toLowerCase()) ? make("b", part) : part);
  if (hit.provenance === "human") {
    const mark = make("i", " ✎");
    mark.setAttribute("role", "img");
    mark.setAttribute("aria-label", "written by a person");
    caption.append(mark);
  }
  return caption;
}

function showSkeleton() {
  $("empty").hidden = true;
  $("results").classList.add("waiting");
  $("results").replaceChildren(...[1.5, 0.75, 1.5, 1.33, 1, 1.78, 1.5, 0.67, 1.33, 1.5].map((ratio) => {
    const tile = make("li");
    tile.dataset.ratio = ratio;
    return tile;
  }));
  layOut();
}

// Rows of one height each, as near as can be to the one that is wanted, and as wide as the page.
function layOut() {
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

function complain(error) {
  clearTimeout(complaint);
  const soon = !error || document.activeElement !== $("query") || error.field !== "q";
  complaint = setTimeout(() => {
    const line = $("problem");
    line.hidden = !error;
    line.replaceChildren();
    for (const field of document.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
    if (!error) return;
    for (const field of findFields(error)) field.setAttribute("aria-invalid", "true");
    line.append(error.message.replace(/ \(at character \d+:.*\)$/s, ""));
    if (error.field && error.position !== null) line.append(pointAt(error.field === "q" ? asked.q : asked.where, error.position));
  }, soon ? 0 : COMPLAINT);
}

// What an error is of. Filters are read as one text, where the name stands before what cannot be read.
function findFields({ field, position }) {
  if (field === "q") return [$("query")];
  const [name] = field === "where" && [...asked.where].slice(0, position).join("").match(/\w+(?=:$)/) || [];
  return (name === "taken" ? ["from", "to"] : FIELDS.filter((each) => each === name)).map((each) => filters.elements[each]).filter((each) => each.value);
}

function pointAt(text, position) {
  const letters = [...text];
  const code = make("code");
  code.append(letters.slice(0, position).join(""), make("mark", letters[position] || "▮"), letters.slice(position + 1).join(""));
  return code;
}

$("more").addEventListener("click", async () => {
  const first = shown.hits.length;
  shown.k = Math.min(shown.k + PAGE, MOST);
  if (await search() && !isWriting(document.activeElement)) $("results").children[first]?.firstChild.focus();
});

/* ---------------------------------------------------------------- one photo */

const photo = { id: "", place: -1, words: [], pinned: -1, map: null, animation: 0 };

$("results").addEventListener("click", (event) => {
  const tile = event.target.closest("li[data-id]");
  if (!tile || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  openPhoto(tile.dataset.id);
});

function openPhoto(id, keep = false) {
  asked.photo = id;
  writeAddress(keep || $("panel").open);
  showPhoto(id);
}

async function showPhoto(id) {
  const panel = $("panel");
  photo.id = id;
  photo.place = shown.hits.findIndex((hit) => hit.image_id === id);
  const hit = shown.hits[photo.place];
  if (!panel.open) { panel.showModal(); panel.focus(); }
  for (const name of ["gone", "panel-problem", "likely", "undo", "same"]) $(name).hidden = true;
  showEditing(false);
  $("photo").src = "";
  $("photo").src = thumbnail(id, 1600);
  $("original").href = `/api/photos/${encodeURIComponent(id)}`;
  $("before").disabled = photo.place <= 0;
  $("after").disabled = photo.place < 0 || photo.place >= shown.hits.length - 1;
  $("place").textContent = photo.place < 0 ? "" : `${photo.place + 1} of ${shown.hits.length}`;
  forget();
  if (hit) { setRatio(hit); showWords(hit.caption.split(/\s+/).filter(Boolean).map((word) => ({ word, matched: false, attention: null })), hit.provenance); }
  try {
    const why = await ask(`/api/photos/${encodeURIComponent(id)}/explain`, hit ? { q: shown.query, where: shown.where, channel: shown.channel, rerank: shown.again || "" } : {});
    if (photo.id !== id) return;
    setRatio(why);
    showWhy(why, hit);
  } catch (error) {
    if (photo.id !== id) return;
    $("panel-problem").hidden = false;
    $("panel-problem").textContent = error.message;
  }
}

function showWhy(why, hit) {
  photo.path = why.path;
  showWords(why.words, why.provenance);
  const channels = Object.entries(why.channels).sort(([, one], [, other]) => other.contribution - one.contribution);
  const whole = channels.reduce((sum, [, place]) => sum + Math.max(place.contribution, 0), 0);
  $("why").hidden = !channels.length;
  $("channels").replaceChildren(...channels.map(([name, place]) => {
    const share = whole > 0 ? Math.max(place.contribution, 0) / whole : 0;
    const row = make("li");
    const bar = make("div", null, "track");
    const fill = make("div", null, "fill");
    fill.style.setProperty("--share", share.toFixed(3));
    bar.append(fill);
    const amount = make("div", null, "amount");
    amount.append(bar, make("span", percent(share), "share"));
    const among = name === "rerank" ? "those looked at again" : shown.allowed.toLocaleString();
    const figures = `${ordinal(place.rank)} of ${among}, score ${place.score.toFixed(2)}`;
    row.append(make("span", NAMES[name] || name, "name"), make("span", figures, "figures"), amount);
    row.title = "The photo's place and score by this alone, and what that adds to its score";
    return row;
  }));
  const sure = why.probability ?? hit?.probability ?? null;
  $("likely").hidden = sure === null || !shown.query;
  if (sure !== null) {
    $("likely-bar").style.setProperty("--share", sure.toFixed(3));
    $("likely-text").replaceChildren(make("b", percent(sure)), " likely what you asked for");
  }
  const same = hit?.duplicates || [];
  $("same").hidden = !same.length;
  $("same-strip").replaceChildren(...same.slice(0, 24).map((id, number) => {
    const button = make("button");
    button.type = "button";
    button.setAttribute("aria-label", `Photo ${number + 1} of ${same.length} that shows the same`);
    const small = make("img");
    small.alt = "";
    small.src = thumbnail(id, 480);
    button.append(small);
    button.addEventListener("click", () => openPhoto(id));
    return button;
  }));
  const facts = [["File", why.path], ["Size", `${why.width.toLocaleString()} × ${why.height.toLocaleString()} pixels`], ["Taken", why.taken], ["Camera", why.camera], ["Tags", why.tags.join(", ")]];
  $("facts").replaceChildren(...facts.filter(([, text]) => text).flatMap(([name, text]) => [make("dt", name), make("dd", text)]));
}

function setRatio({ width, height }) {
  if (!width || !height) return;
  $("frame").style.setProperty("--ratio", width / height);
  $("frame").style.setProperty("--most", `${3 * width}px`);
}

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
$("close").addEventListener("click", () => $("panel").close());
$("stage").addEventListener("click", (event) => { if (event.target === $("stage")) $("panel").close(); });

function step(by) {
  const hit = shown.hits[photo.place + by];
  if (hit && photo.place >= 0) openPhoto(hit.image_id);
}

$("panel").addEventListener("close", () => {
  forget();
  if (asked.photo) { asked.photo = ""; writeAddress(false); }
  $("photo").src = "";
  if (photo.id) focusTile(photo.id);
  photo.id = "";
});

// Escape ends an edit first, and does not close the photo with it.
$("panel").addEventListener("cancel", (event) => {
  if ($("edit").hidden) return;
  event.preventDefault();
  endEdit();
});

/* ---------------------------------------------------------------- where the model looked */

function showWords(words, provenance) {
  forget();
  photo.words = words;
  const looked = words.some((word) => word.attention);
  $("sentence").replaceChildren(...words.map((word, number) => {
    const part = make(word.attention ? "button" : "span", word.word, word.matched ? "matched" : "");
    if (word.attention) {
      part.type = "button";
      part.tabIndex = number ? -1 : 0;
      part.setAttribute("aria-pressed", "false");
      part.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") light(number); });
      part.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") light(photo.pinned); });
      part.addEventListener("focus", () => { if (part.matches(":focus-visible")) light(number); });
      part.addEventListener("blur", () => light(photo.pinned));
      part.addEventListener("click", () => pin(photo.pinned === number ? -1 : number));
    }
    return part;
  }));
  const human = provenance === "human";
  $("by").textContent = human ? "Written by a person." : words.length ? "Written by the captioner." : "No caption.";
  $("undo").hidden = !human;
  const how = matchMedia("(hover: none)").matches ? "Tap" : "Point at";
  $("hint").textContent = looked ? `${how} a word to see where the model looked for it.` : "";
  const first = words.findIndex((word) => word.matched && word.attention);
  if (first >= 0) pin(first);
}

function pin(number) {
  photo.pinned = number;
  [...$("sentence").children].forEach((part, place) => { if (part.tagName === "BUTTON") part.setAttribute("aria-pressed", String(place === number)); });
  light(number);
}

function forget() {
  photo.words = [];
  photo.pinned = -1;
  photo.map = null;
  cancelAnimationFrame(photo.animation);
  $("heat").classList.remove("on");
}

// Bring the photo's light to where the model looked for one word; -1 shows the photo as it is.
function light(number) {
  const wanted = photo.words[number]?.attention;
  [...$("sentence").children].forEach((part, place) => part.classList.toggle("lit", place === number));
  $("heat").classList.toggle("on", Boolean(wanted));
  cancelAnimationFrame(photo.animation);
  if (!wanted) return;
  const from = photo.map?.length === wanted.length && photo.map[0].length === wanted[0].length ? photo.map : wanted;
  const start = performance.now();
  const length = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1 : 180;
  const draw = (now) => {
    const share = Math.min(Math.max((now - start) / length, 0), 1);
    photo.map = wanted.map((row, r) => row.map((weight, c) => from[r][c] + (weight - from[r][c]) * share));
    drawHeat(photo.map);
    if (share < 1) photo.animation = requestAnimationFrame(draw);
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

/* ---------------------------------------------------------------- acting on a photo */

$("similar").addEventListener("click", () => {
  const id = photo.id;
  asked.photo = photo.id = ""; // So that closing does not go back to its tile.
  $("panel").close();
  change({ like: id });
  $("results").focus({ preventScroll: true });
});

// While a caption is being written, what is said of it makes room.
function showEditing(editing) {
  for (const name of ["sentence", "actions", "about-caption"]) $(name).hidden = editing;
  $("edit").hidden = !editing;
}

function beginEdit() {
  showEditing(true);
  $("edit-text").value = photo.words.map((word) => word.word).join(" ");
  $("edit-text").focus();
  $("edit-text").select();
  pin(-1);
}

function endEdit() {
  showEditing(false);
  $("edit-button").focus();
}

async function write(method, body) {
  const id = photo.id;
  $("panel-problem").hidden = true;
  try {
    await ask(`/api/photos/${encodeURIComponent(id)}/caption`, {}, { method, headers: { "content-type": "application/json" }, body });
  } catch (error) {
    if (photo.id !== id) { complain(error); return; }
    $("panel-problem").hidden = false;
    $("panel-problem").textContent = error.message;
    return;
  }
  await search();
  if (photo.id !== id) return;
  await showPhoto(id);
  $("edit-button").focus();
}

$("edit-button").addEventListener("click", beginEdit);
$("edit-cancel").addEventListener("click", endEdit);
$("edit").addEventListener("submit", (event) => { event.preventDefault(); write("PUT", JSON.stringify({ text: $("edit-text").value })); });
$("edit-text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); $("edit").requestSubmit(); }
});
$("undo").addEventListener("click", () => write("DELETE"));

/* ---------------------------------------------------------------- keys */

const isWriting = (element) => Boolean(element?.closest?.("input, textarea, select"));
const tiles = () => [...$("results").querySelectorAll("li[data-id] a")];

function focusTile(id) {
  const link = $("results").querySelector(`[data-id="${CSS.escape(id)}"] a`);
  if (link) moveTo(link);
  else $("query").focus();
}

function moveTo(link) {
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
    ArrowDown: () => link && findBeside(link, true), ArrowUp: () => link && findBeside(link, false),
    Home: () => all[0], End: () => all.at(-1),
  }[event.key];
  if (!next || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const found = next();
  if (found) moveTo(found);
  else if (event.key === "ArrowUp") $("query").focus();
  else if (event.key === "ArrowDown" && !$("more").hidden) $("more").focus();
});

$("query").addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown" && tiles().length) { event.preventDefault(); moveTo(tiles()[0]); }
  if (event.key === "Escape" && $("query").value) { event.preventDefault(); $("query").value = ""; takeForm(); }
});

addEventListener("keydown", (event) => {
  if (isWriting(event.target) || event.ctrlKey || event.metaKey || event.altKey || $("help").open || $("login").open) return;
  const inPanel = $("panel").open;
  if (inPanel && !$("edit").hidden) return; // The caption that is being written would be lost, from its buttons too.
  const focused = event.target.closest?.(".grid li")?.dataset.id;
  const act = inPanel
    ? { ArrowLeft: () => step(-1), ArrowRight: () => step(1), e: beginEdit, s: () => $("similar").click() }
    : { "/": () => { $("query").focus(); $("query").select(); }, s: focused && (() => change({ like: focused })), e: focused && (() => showPhotoToEdit(focused)), "?": () => $("help").showModal() };
  const found = act[event.key];
  if (!found) return;
  event.preventDefault();
  found();
});

async function showPhotoToEdit(id) {
  openPhoto(id);
  beginEdit();
}

/* ---------------------------------------------------------------- small things */

function make(name, text = null, kind = "") {
  const element = document.createElement(name);
  if (text !== null) element.textContent = text;
  if (kind) element.className = kind;
  return element;
}

const percent = (share) => `${Math.round(100 * share)} %`;
const fileName = (path) => path.split("/").at(-1);
const clampRatio = ({ width, height }) => width && height ? Math.min(Math.max(width / height, 0.6), 2.6).toFixed(4) : 1.5;

function ordinal(number) {
  const ending = number % 100 >= 11 && number % 100 <= 13 ? "th" : { 1: "st", 2: "nd", 3: "rd" }[number % 10] || "th";
  return `${number.toLocaleString()}${ending}`;
}

$("help-button").addEventListener("click", () => $("help").showModal());
$("help-close").addEventListener("click", () => $("help").close());
$("login").addEventListener("cancel", (event) => event.preventDefault());
$("login-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await ask("/api/session", {}, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ token: $("token").value }) });
    $("login").close();
    begin();
  } catch (error) {
    $("login-problem").hidden = false;
    $("login-problem").textContent = error.message;
    $("token").select();
  }
});

async function begin() {
  const about = await ask("/api/about").catch((error) => { complain(error); return null; });
  if (!about) return;
  filters.elements.channel.replaceChildren(...[["", "everything"], ...about.channels.map((name) => [name, (NAMES[name] || name).toLowerCase()])].map(([value, text]) => new Option(text, value)));
  filters.elements.channel.value = asked.channel;
  if (!typing) await search();
  if (asked.photo && !typing) showPhoto(asked.photo);
}

// First of all: what is typed from now on is not to be overwritten.
readAddress();
showForm();
showAsked();
begin();
