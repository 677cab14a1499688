// What is asked for, as the address says it, and the address's history.
import { $ } from "./elements.js";
import { thumbnail } from "./service.js";
import { countFilters } from "./where.js";

export const asked = { q: "", where: "", channel: "", sure: 0, same: false, again: false, like: "", photo: "" };

export const question = () => JSON.stringify({ ...asked, photo: "" });

export function showAsked() {
  const ofWords = asked.like ? 0 : Boolean(asked.channel) + Boolean(asked.sure) + asked.again;
  const count = countFilters(asked.where) + asked.same + ofWords;
  $("filters-count").hidden = !count;
  $("filters-count").textContent = count;
  $("filters").classList.toggle("wordless", Boolean(asked.like));
  $("like").hidden = !asked.like;
  if (asked.like) $("like-photo").src = thumbnail(asked.like, 480);
  document.title = asked.like ? "Similar photos – Retrieve" : asked.q ? `${asked.q} – Retrieve` : "Retrieve";
}

let former = ""; // The address that what is typed has taken the place of, until that is settled.

export function addressOf(values) {
  const address = new URL("/", location.origin);
  for (const [name, value] of Object.entries(values)) if (value) address.searchParams.set(name, value === true ? "1" : value);
  return address;
}

export function readAddress() {
  const given = new URLSearchParams(location.search);
  for (const name of Object.keys(asked)) asked[name] = given.get(name) || "";
  asked.sure = Number(asked.sure) || 0;
  asked.same = Boolean(asked.same);
  asked.again = Boolean(asked.again);
  former = "";
}

// `state` is what the entry of the history keeps besides.
export function writeAddress(keep, state = null) {
  const address = addressOf(asked);
  if (!keep) settle();
  if (address.href === location.href) return;
  if (keep) history.replaceState(state, "", address);
  else history.pushState(state, "", address);
}

// What is typed from now on takes the place of the address.
export function unsettle() {
  former ||= location.href;
}

// What is typed has taken an entry of the history from the address before it: that gets it back, and this one of its own.
export function settle() {
  const typed = location.href;
  if (former && former !== typed) {
    history.replaceState(null, "", former);
    history.pushState(null, "", typed);
  }
  former = "";
}
