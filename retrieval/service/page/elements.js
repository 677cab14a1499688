// The elements of the page, and those that are made.
// Whatever comes from photos, files or people is set as text, never as HTML.

export const $ = (id) => document.getElementById(id);

export function make(name, text = null, kind = "") {
  const element = document.createElement(name);
  if (text !== null) element.textContent = text;
  if (kind) element.className = kind;
  return element;
}

export const isWriting = (element) => Boolean(element?.closest?.("input, textarea, select"));
