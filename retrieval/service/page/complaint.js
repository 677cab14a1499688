// What is wrong with what is asked, said below the box and at the field that it is in.
import { $, make } from "./elements.js";
import { asked } from "./address.js";
import { FIELDS } from "./where.js";

const COMPLAINT = 700; // Milliseconds without a key before a half-typed query is called wrong.

let complaint = 0;

export function complain(error) {
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

// Who types on is not told what was wrong before.
export const holdComplaint = () => clearTimeout(complaint);

// What an error is of. Filters are read as one text, where the name stands before what cannot be read.
function findFields({ field, position }) {
  if (field === "q") return [$("query")];
  const [name] = field === "where" && [...asked.where].slice(0, position).join("").match(/\w+(?=:$)/) || [];
  return (name === "taken" ? ["from", "to"] : FIELDS.filter((each) => each === name)).map((each) => $("filters").elements[each]).filter((each) => each.value);
}

function pointAt(text, position) {
  const letters = [...text];
  const code = make("code");
  code.append(letters.slice(0, position).join(""), make("mark", letters[position] || "▮"), letters.slice(position + 1).join(""));
  return code;
}
