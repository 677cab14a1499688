// Asking the service, and giving it the token where it wants one.
import { $ } from "./elements.js";

class Refused extends Error {
  constructor(status, answer) {
    const detail = answer.detail || `the service answered ${status}`;
    super(detail[0].toUpperCase() + detail.slice(1));
    this.status = status;
    this.field = answer.field;
    this.position = answer.position;
  }
}

export async function ask(path, values = {}, options = {}) {
  const address = new URL(path, location.origin);
  for (const [name, value] of Object.entries(values)) if (value !== "" && value !== null) address.searchParams.set(name, value);
  let response;
  try {
    response = await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The service does not answer. Is `retrieve serve` still running?");
  }
  if (response.ok) return response.status === 204 ? null : response.json();
  const refused = new Refused(response.status, await response.json().catch(() => ({})));
  if (response.status === 401 && !$("login").open) $("login").showModal();
  if (response.status === 503 && !options.again) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    return ask(path, values, { ...options, again: true });
  }
  throw refused;
}

export const thumbnail = (id, side) => `/api/photos/${encodeURIComponent(id)}/thumbnail?side=${side}`;

// Has `begin` called once the service has taken the token.
export function acceptToken(begin) {
  $("login").addEventListener("cancel", (event) => event.preventDefault());
  $("login-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await ask("/api/session", {}, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ token: $("token").value }) });
      $("login").close();
      begin();
    } catch (error) {
      $("login-problem").hidden = false;
      $("login-problem").textContent = error.message;
      $("token").select();
    }
  });
}
