// Captions that were begun, by the photo's id: each is kept until it is saved or cancelled, or the tab is closed.
const nameOf = (id) => `draft ${id}`;

export const drafts = {
  has: (id) => sessionStorage.getItem(nameOf(id)) !== null,
  get: (id) => sessionStorage.getItem(nameOf(id)),
  set: (id, text) => sessionStorage.setItem(nameOf(id), text),
  delete: (id) => sessionStorage.removeItem(nameOf(id)),
};
