// One record: its fields, and the answer beside them.

import { reasons, verdict } from "./answer.js";
import { predict, refused } from "./api.js";
import { at, make, tell } from "./elements.js";
import { say } from "./language.js";

/** Labels that are listed, best first. */
const TOP = 5;

let model = null;
// What the answer on the page is of: the record's result, or a refusal.
let shown = null;
let asking = null;

/** Take another model: texts stay in the fields that it has, too. */
export function useModel(chosen) {
  const texts = new Map(typed());
  model = chosen;
  at("fields").replaceChildren(...model.fields.map((field, place) => {
    const input = make("input", { id: `field-${place}`, type: "text", "data-field": field, spellcheck: "false" });
    input.value = texts.get(field) ?? "";
    return make("div.field", {}, make("label", { for: input.id }, field), input);
  }));
  forget();
}

/** Write the answer again, in the page's language. */
export function render() {
  at("answer").classList.remove("outdated");
  tell(at("record-problem"));
  at("verdict").replaceChildren();
  at("reasons").replaceChildren();
  if (shown === null) {
    at("reasons").append(make("p.soft", {}, say("no_answer")));
  } else if (shown.refusal) {
    tell(at("record-problem"), ...refused(shown.refusal));
  } else if (shown.result.status === "error") {
    tell(at("record-problem"), say("not_scored"), " ", make("span", { lang: shown.answered.spoken }, shown.result.error));
  } else {
    at("verdict").append(...verdict(shown.result, shown.model));
    at("reasons").append(...reasons(shown.result, shown.model, shown.answered));
  }
}

/**
 * Make the form work.
 * @param {(error: Error) => void} onRefusal is told of each refusal.
 * @param {(answered: object) => void} onAnswer is told of each answer.
 */
export function begin(onRefusal, onAnswer) {
  at("record").addEventListener("submit", (event) => {
    event.preventDefault();
    score(onRefusal, onAnswer);
  });
  at("record").addEventListener("reset", () => {
    forget();
    at("fields").querySelector("input")?.focus();
  });
  at("record").addEventListener("input", outdate);
}

async function score(onRefusal, onAnswer) {
  const record = Object.fromEntries(typed().filter(([, text]) => text.trim()));
  asking?.abort();
  if (!Object.keys(record).length) {
    shown = null;
    render();
    tell(at("record-problem"), say("nothing_typed"));
    at("fields").querySelector("input").focus();
    return;
  }
  const mine = (asking = new AbortController());
  const asked = model;
  at("answer").setAttribute("aria-busy", "true");
  try {
    const answered = await predict(asked, [record], { top: TOP, explain: true }, mine.signal);
    shown = { model: asked, answered, result: answered.results[0] };
    onAnswer(answered);
  } catch (error) {
    if (error.name === "AbortError") return;
    shown = { refusal: error };
    onRefusal(error);
  } finally {
    if (asking === mine) at("answer").removeAttribute("aria-busy");
  }
  render();
  at("answer").scrollIntoView({ block: "nearest" });
}

// Pairs of field and text.
function typed() {
  return [...at("fields").querySelectorAll("input")].map((input) => [input.dataset.field, input.value]);
}

function forget() {
  asking?.abort();
  shown = null;
  render();
}

function outdate() {
  if (shown === null || at("answer").classList.contains("outdated")) return;
  at("answer").classList.add("outdated");
  at("reasons").prepend(make("p.soft", {}, say("outdated")));
}
