// Why a photo came up, what shows the same, and its details.
import { $, NAMES, make, ordinal, percent } from "./elements.js";
import { thumbnail } from "./service.js";
import { shown } from "./results.js";

export function showWhy(why, hit, openPhoto) {
  const unseen = why.unseen === null ? [] : [["rerank", { contribution: why.unseen }]];
  showChannels([...Object.entries(why.channels), ...unseen]);
  const sure = why.probability ?? hit?.probability ?? null;
  $("likely").hidden = sure === null || !shown.query;
  if (sure !== null) {
    $("likely-bar").style.setProperty("--share", sure.toFixed(3));
    $("likely-text").replaceChildren(make("b", percent(sure)), " likely what you asked for");
  }
  showSame(hit?.duplicates || [], openPhoto);
  const facts = [["File", why.path], ["Also", why.paths.slice(1).join(", ")], ["Size", `${why.width.toLocaleString()} × ${why.height.toLocaleString()} pixels`], ["Taken", why.taken], ["Camera", why.camera], ["Tags", why.tags.join(", ")], ["Also says", why.also.join(", ")]];
  $("facts").replaceChildren(...facts.filter(([, text]) => text).flatMap(([name, text]) => [make("dt", name), make("dd", text)]));
}

function showChannels(channels) {
  channels.sort(([, one], [, other]) => other.contribution - one.contribution);
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
    const figures = place.rank ? `${ordinal(place.rank)} of ${among}, score ${place.score.toFixed(2)}` : "could not be read, gains the average";
    row.append(make("span", NAMES[name] || name, "name"), make("span", figures, "figures"), amount);
    row.title = "The photo's place and score by this alone, and what that adds to its score";
    return row;
  }));
}

function showSame(same, openPhoto) {
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
}
