// Captions that were begun, by the photo's id: each is kept until it is saved or cancelled, or the tab is closed.
const nameOf = (id) => `draft ${id}`;
const storage = openStorage();

// Where a browser keeps nothing for sites: until the page is left.
function openStorage() {
  try {
    return sessionStorage;
  } catch {
    const kept = new Map();
    return { getItem: (name) => kept.get(name) ?? null, setItem: (name, text) => kept.set(name, text), removeItem: (name) => kept.delete(name) };
  }
}

export const drafts = {
  has: (id) => storage.getItem(nameOf(id)) !== null,
  get: (id) => storage.getItem(nameOf(id)),
  set: (id, text) => storage.setItem(nameOf(id), text),
  delete: (id) => storage.removeItem(nameOf(id)),
};
