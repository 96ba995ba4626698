// What is asked of the service, and what it answers.

import { make } from "./elements.js";
import { language, say } from "./language.js";

// In memory alone: it is gone with the page.
let token = "";

/** An answer that is none: its status (0: no answer came), the service's sentence and its language, seconds to wait. */
export class Refusal extends Error {
  constructor(status, sentence = "", spoken = "", wait = 0) {
    super(sentence);
    Object.assign(this, { status, spoken, wait });
  }
}

/** Use a token from now on; the empty text for none. */
export function useToken(text) {
  token = text.trim();
}

/** The models that are served. */
export const listModels = async () => (await ask("models")).models;

/**
 * Have records scored; the answer also says the language of its sentences, in `spoken`.
 * @param {object} model one of the models.
 * @param {object[]} records field → text.
 * @param {object} wishes `top` and `explain`, where they are wanted.
 * @param {AbortSignal} signal that gives it up.
 */
export function predict(model, records, wishes, signal) {
  return ask(`models/${encodeURIComponent(model.reference)}/predict`, { records, ...wishes }, signal);
}

async function ask(path, body, signal) {
  // Others cannot be sent in a header.
  if (!/^[\x21-\x7e]*$/.test(token)) throw new Refusal(401);
  const spoken = language();
  const headers = { Accept: "application/json", "Accept-Language": spoken };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  let response;
  let answer = null;
  try {
    const request = { method: body ? "POST" : "GET", headers, signal, cache: "no-store" };
    response = await fetch(path, body ? { ...request, body: JSON.stringify(body) } : request);
    answer = await response.json().catch(ofNoSense);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0);
  }
  if (response.ok && answer !== null) return { ...answer, spoken };
  throw new Refusal(response.status, answer?.error ?? "", spoken, Number(response.headers.get("Retry-After")) || 0);
}

// A proxy may answer with a page of its own; a connection that breaks is another matter.
function ofNoSense(error) {
  if (error instanceof SyntaxError) return null;
  throw error;
}

const OWN = { 0: "gone", 401: "token_needed", 404: "model_gone", 413: "too_much", 429: "busy", 503: "slow" };

/** What to show of a refusal: the service's sentence; where the page's language has changed since, after one in that. */
export function refused(refusal) {
  if (refusal.status === 401) return [say(token ? "token_wrong" : "token_needed")];
  if (refusal.message && refusal.spoken === language()) return [refusal.message];
  const own = say(OWN[refusal.status] ?? "failed", { status: String(refusal.status) });
  return refusal.message ? [`${own} `, make("q", { lang: refusal.spoken }, refusal.message)] : [own];
}
