// The page: asks this service, shows photos and why they came up. Writes captions that a person corrects.
// In the order to read: elements, service, where, address, grid, tile, results, complaint, search, form, attention, why, drafts,
// panel, editing, keys.
import { $ } from "./elements.js";
import { acceptToken } from "./service.js";
import { asked, question, readAddress, showAsked } from "./address.js";
import { PAGE, shown } from "./results.js";
import { complain } from "./complaint.js";
import { coming, search } from "./search.js";
import { listChannels, showForm, takeSoon } from "./form.js";
import { mayClose, showPhoto } from "./panel.js";
import "./editing.js";
import "./keys.js";

function takeAddress() {
  readAddress();
  showForm();
  showAsked();
}

async function begin() {
  await listChannels().catch(complain);
  if ($("login").open) return; // This begins again once there is a token.
  $("panel-problem").hidden = true; // What was refused for want of a token.
  if (!coming.typing) await search();
  if (asked.photo && !coming.typing && $("edit").hidden) showPhoto(asked.photo); // Not over a caption that is being written.
}

addEventListener("popstate", async () => {
  if (!mayClose()) { history.forward(); return; } // What Back would close has its address again.
  const before = question();
  takeAddress();
  coming.fromTop = false; // The browser knows how far down one was.
  if (question() !== before) { shown.k = PAGE; await search(); }
  if (!$("edit").hidden) return; // Begun meanwhile.
  if (asked.photo) showPhoto(asked.photo);
  else if ($("panel").open) $("panel").close();
});

// First of all: what is typed from now on is not to be overwritten, and what was typed until now is asked.
const typed = $("query").value;
takeAddress();
if (typed) {
  $("query").value = typed;
  takeSoon();
}
acceptToken(begin);
begin();
