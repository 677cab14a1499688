// The keys of the box, of the photos and of the page as a whole, and their list. Those in a caption stand in attention and editing.
import { $, isWriting } from "./elements.js";
import { change } from "./search.js";
import { takeForm } from "./form.js";
import { findBeside, moveTo, tiles } from "./grid.js";
import { closePhoto, openPhoto, step } from "./panel.js";
import { beginEdit } from "./editing.js";

$("query").addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (event.key === "ArrowDown" && tiles().length) { event.preventDefault(); moveTo(tiles()[0]); }
  if (event.key === "Escape" && $("query").value) { event.preventDefault(); $("query").value = ""; takeForm(); }
});

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

addEventListener("keydown", (event) => {
  if (isWriting(event.target) || event.ctrlKey || event.metaKey || event.altKey || $("help").open || $("login").open) return;
  const inPanel = $("panel").open, offered = !$("actions").hidden;
  if (inPanel && !$("edit").hidden) return; // The caption that is being written would be lost, from its buttons too.
  const focused = event.target.closest?.(".grid li")?.dataset.id;
  const act = inPanel
    ? { Escape: closePhoto, ArrowLeft: () => step(-1), ArrowRight: () => step(1), e: offered && beginEdit, s: offered && (() => $("similar").click()) }
    : { "/": () => { $("query").focus(); $("query").select(); }, s: focused && (() => change({ like: focused })), e: focused && (() => { openPhoto(focused); beginEdit(); }), "?": () => $("help").showModal() };
  const found = act[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!found) return;
  event.preventDefault();
  found();
});

$("help-button").addEventListener("click", () => $("help").showModal());
$("help-close").addEventListener("click", () => $("help").close());
