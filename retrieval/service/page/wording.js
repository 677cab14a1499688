// How channels and numbers are said.

export const NAMES = { caption: "Caption", image: "Picture", lexical: "Words", rerank: "Second look" };

export const percent = (share) => `${Math.round(100 * share)} %`;

export function ordinal(number) {
  const ending = number % 100 >= 11 && number % 100 <= 13 ? "th" : { 1: "st", 2: "nd", 3: "rd" }[number % 10] || "th";
  return `${number.toLocaleString()}${ending}`;
}
