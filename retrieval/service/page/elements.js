// The elements of the page, those that are made, and how channels and numbers are said in them.
// Whatever comes from photos, files or people is set as text, never as HTML.

export const $ = (id) => document.getElementById(id);

export function make(name, text = null, kind = "") {
  const element = document.createElement(name);
  if (text !== null) element.textContent = text;
  if (kind) element.className = kind;
  return element;
}

export const isWriting = (element) => Boolean(element?.closest?.("input, textarea, select"));

export const NAMES = { caption: "Caption", image: "Picture", lexical: "Words", rerank: "Second look" };

// Rounded down, as the command does: what is said to be 50 % is not below. Of 0.57 the product is 56.99999999999999.
export const percent = (share) => `${Math.floor(Number((100 * share).toFixed(6)))} %`;

export function ordinal(number) {
  const ending = number % 100 >= 11 && number % 100 <= 13 ? "th" : { 1: "st", 2: "nd", 3: "rd" }[number % 10] || "th";
  return `${number.toLocaleString()}${ending}`;
}
