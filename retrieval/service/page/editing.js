// A person's caption of the photo in the panel: written, and taken back.
import { $ } from "./elements.js";
import { ask } from "./service.js";
import { search } from "./search.js";
import { complain } from "./complaint.js";
import { pin, readCaption } from "./attention.js";
import { drafts } from "./drafts.js";
import { photo, showEditing, showPanelProblem, showPhoto } from "./panel.js";

let edits = 0; // How many have begun: a caption that is saved late ends no edit but its own.
const sent = new Map(); // Captions that are on their way, by the photo's id.

export function beginEdit() {
  edits += 1;
  showEditing(true);
  showSaving(false);
  const draft = drafts.get(photo.id);
  $("edit-text").value = draft ?? readCaption();
  $("edit-text").focus();
  if (draft === null) $("edit-text").select();
  pin(-1);
}

function endEdit() {
  showEditing(false);
  $("edit-button").focus();
}

// What is on its way is sent once, and stays as it was sent.
function showSaving(saving) {
  $("edit-text").readOnly = saving;
  $("save").disabled = saving;
}

async function write(method, text) {
  const [id, edit, former] = [photo.id, edits, readCaption()];
  if (text) { drafts.delete(id); sent.set(id, text); }
  const isHere = () => photo.id === id && (edits === edit || $("edit").hidden);
  $("panel-problem").hidden = true;
  showSaving(true);
  $("edit-text").focus(); // Save has lost it.
  try {
    const body = text && JSON.stringify({ text });
    await ask(`/api/photos/${encodeURIComponent(id)}/caption`, {}, { method, headers: { "content-type": "application/json" }, body });
  } catch (error) {
    if (text && !drafts.has(id)) drafts.set(id, text);
    if (isHere()) showSaving(false);
    if (photo.id === id) {
      showEditing(!$("edit").hidden);
      showPanelProblem(error.message);
    } else if ($("panel").open) showPanelProblem(`Another photo's caption was not ${text ? "saved" : "taken back"}: ${error.message}`);
    else complain(error);
    return;
  } finally {
    if (sent.get(id) === text) sent.delete(id);
  }
  if (text && drafts.get(id) === text) drafts.delete(id); // The page was left meanwhile, and is back.
  if (!text && !drafts.has(id)) drafts.set(id, former); // Who takes it back by mistake has it still.
  await search();
  if (!isHere()) return;
  await showPhoto(id);
  if (isHere()) $("edit-button").focus();
}

$("edit-button").addEventListener("click", beginEdit);
$("edit-cancel").addEventListener("click", () => { drafts.delete(photo.id); endEdit(); });
$("edit").addEventListener("submit", (event) => { event.preventDefault(); write("PUT", $("edit-text").value); });
$("edit-text").addEventListener("input", () => drafts.set(photo.id, $("edit-text").value));
$("edit-text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); $("save").click(); }
});
$("undo").addEventListener("click", () => write("DELETE"));

// Nobody may be there to hear that it was not saved.
addEventListener("pagehide", () => { for (const [id, text] of sent) if (!drafts.has(id)) drafts.set(id, text); });

// What closes the photo ends an edit first, and does not close the photo with it.
$("panel").addEventListener("cancel", (event) => {
  if ($("edit").hidden) return;
  event.preventDefault();
  endEdit();
});
