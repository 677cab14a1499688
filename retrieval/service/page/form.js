// The box and the filters: what they say is asked for.
import { $, NAMES, percent } from "./elements.js";
import { ask } from "./service.js";
import { asked, settle, unsettle } from "./address.js";
import { FIELDS, readFields, writeFields } from "./where.js";
import { holdComplaint } from "./complaint.js";
import { change, coming } from "./search.js";

const TYPING = 90; // Milliseconds without a key before a search begins.

const filters = $("filters");
const fields = filters.elements;

// Whether a field was changed, and the filters that none of them can say.
const where = { changed: false, rest: "" };

// What the box and the form say now; `submitted` asks for it with words, and with an entry for the back button.
export function takeForm(submitted = false) {
  clearTimeout(coming.typing);
  coming.typing = 0;
  unsettle();
  const q = $("query").value.trim();
  change({
    q,
    like: !submitted && q === asked.q ? asked.like : "",
    where: where.changed ? writeWhere() : asked.where,
    channel: fields.channel.length > 1 ? fields.channel.value : asked.channel, // Before they are listed, the address knows.
    sure: Number(fields.sure.value),
    same: fields.same.checked,
    again: fields.again.checked,
    photo: $("panel").open ? asked.photo : "", // Who types before it is shown has gone on.
  }, true);
  if (submitted) settle();
}

export function takeSoon() {
  clearTimeout(coming.typing);
  holdComplaint();
  $("results").ariaBusy = "true";
  coming.typing = setTimeout(takeForm, TYPING);
}

function writeWhere() {
  const value = (name) => fields[name].value.trim().replaceAll(/["“”„«»]/g, "");
  return [writeFields(Object.fromEntries(FIELDS.map((name) => [name, value(name)]))), where.rest].filter(Boolean).join(" ");
}

// The inverse of `takeForm`.
export function showForm() {
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

let listing = null; // The question which channels there are, unless it has failed.

// List the channels to search in: they are asked for once, and again where that failed.
export function listChannels() {
  listing ??= ask("/api/about").then(showChannels).catch((error) => { listing = null; throw error; });
  return listing;
}

function showChannels({ channels }) {
  fields.channel.replaceChildren(...[["", "everything"], ...channels.map((name) => [name, (NAMES[name] || name).toLowerCase()])].map(([value, text]) => new Option(text, value)));
  fields.channel.value = asked.channel;
}

const showSure = () => { $("sure-output").textContent = percent(Number(fields.sure.value)); };

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
$("unlike").addEventListener("click", () => { change({ like: "" }); $("query").focus(); });

$("results").addEventListener("answer", () => listChannels().catch(() => {})); // Photos are shown without it.
filters.addEventListener("input", (event) => { where.changed ||= FIELDS.includes(event.target.name); showSure(); takeSoon(); });
filters.addEventListener("submit", (event) => { event.preventDefault(); takeForm(); settle(); });
filters.addEventListener("reset", () => setTimeout(() => { Object.assign(where, { changed: true, rest: "" }); showSure(); takeForm(); }));
$("filters-button").addEventListener("click", () => {
  const open = filters.hidden;
  filters.hidden = !open;
  $("filters-button").setAttribute("aria-expanded", String(open));
  if (open) fields.from.focus();
});
