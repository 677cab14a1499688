// A person's caption of the photo in the panel: written, and taken back.
import { $ } from "./elements.js";
import { ask } from "./service.js";
import { search } from "./search.js";
import { complain } from "./complaint.js";
import { pin, readCaption } from "./attention.js";
import { photo, showEditing, showPanelProblem, showPhoto } from "./panel.js";

export function beginEdit() {
  showEditing(true);
  $("edit-text").value = readCaption();
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
    if (photo.id === id) showPanelProblem(error);
    else complain(error);
    return;
  }
  await search();
  if (photo.id !== id) return;
  await showPhoto(id);
  if (photo.id === id) $("edit-button").focus();
}

$("edit-button").addEventListener("click", beginEdit);
$("edit-cancel").addEventListener("click", endEdit);
$("edit").addEventListener("submit", (event) => { event.preventDefault(); write("PUT", JSON.stringify({ text: $("edit-text").value })); });
$("edit-text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); $("edit").requestSubmit(); }
});
$("undo").addEventListener("click", () => write("DELETE"));

// Escape ends an edit first, and does not close the photo with it.
$("panel").addEventListener("cancel", (event) => {
  if ($("edit").hidden) return;
  event.preventDefault();
  endEdit();
});
