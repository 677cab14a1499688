// The filters as fields, and as the one text that the address and the service have.

export const FIELDS = ["from", "to", "camera", "path", "width", "tag"];
const TERM = /[-−–－]?(?:\w+:)?(?:["“”„«»][^"“”„«»]*["“”„«»]|[^\s"“”„«»]+)/g;

const quoted = (text) => /[\s]/.test(text) ? `"${text}"` : text;

export const countFilters = (text) => (text.match(TERM) || []).filter((term) => /^[-−–－]?\w+:/.test(term)).length;

export function writeFields(values) {
  const parts = [];
  if (values.from || values.to) parts.push(`taken:${values.from || ""}..${values.to || ""}`);
  for (const name of ["camera", "path", "tag"]) if (values[name]) parts.push(`${name}:${quoted(values[name])}`);
  if (values.width) parts.push(`width:>${values.width}`);
  return parts.join(" ");
}

// What the fields say of `text`: each term that they write again just as it is. The rest of it stays as it is.
export function readFields(text) {
  const values = {};
  const rest = text.replaceAll(TERM, (term) => {
    const [, name, value] = term.match(/^(\w+):"?([^"]*)"?$/) || [];
    const [from, to] = (value || "").split("..");
    const said = { taken: { from, to }, width: { width: /^>\d+$/.test(value) && value.slice(1) } }[name] || { [name]: value };
    if (writeFields(said) !== term || Object.keys(said).some((each) => each in values)) return term;
    Object.assign(values, said);
    return "";
  });
  return { values, rest: rest.trim() };
}
