// What is said of one record: the decision, the score against the threshold, the best labels, what moved the score.

import { make } from "./elements.js";
import { decimal, general, say, scoreText, signed } from "./language.js";

/** Changes of the score that are smaller than this are not worth a word. */
const SMALLEST = 0.0005;
/** Words of a field that are shown. */
const WORDS = 8;

/** A label as people know it. */
export const named = (label, title) => (title ? `${label} – ${title}` : say("label", { label }));

/** What score and threshold come to: the key of a sentence, which has a short form as well. */
export function outcome(result, model) {
  if (model.positive !== null) return result.score >= result.threshold ? "reaches" : "stays_below";
  if (result.automatic === undefined) return "no_threshold";
  if (result.automatic) return "automatic";
  return result.threshold === null ? "never_automatic" : "for_a_clerk";
}

function because(result, model) {
  const score = scoreText(result.score, result.threshold);
  const threshold = result.threshold === null ? "" : general(result.threshold);
  return say(outcome(result, model), { score, threshold, label: model.positive });
}

/** The decision, in words and as a bar. */
export function verdict(result, model) {
  return [
    make("p.soft", {}, say("decision")),
    make("p.decision", {}, named(result.label, result.title)),
    make("p", {}, because(result, model)),
    bar(result.score, result.threshold, true),
  ];
}

/**
 * A score on the scale from 0 to 1, with the threshold as a mark.
 * @param {boolean} ends whether the scale's ends and the threshold are written below it.
 */
export function bar(score, threshold, ends = false) {
  const text = scoreText(score, threshold);
  const words = threshold === null ? say("bar_alone", { score: text })
    : say("bar", { score: text, threshold: general(threshold) });
  const fill = make("div.fill");
  fill.style.width = `${100 * score}%`;
  const scale = make("div.scale", { role: "img", "aria-label": words }, fill);
  if (threshold !== null && score >= threshold) scale.classList.add("reached");
  const whole = make("div.bar", {}, scale);
  if (threshold !== null) {
    const mark = make("div.mark");
    mark.style.left = `${100 * threshold}%`;
    scale.append(mark);
  }
  if (ends) whole.append(below(threshold));
  return whole;
}

function below(threshold) {
  const line = make("div.ends", { "aria-hidden": "true" }, make("span", {}, "0"), make("span", {}, "1"));
  if (threshold !== null) {
    const name = make("span.at", {}, say("threshold_at", { threshold: general(threshold) }));
    // Beside the mark, on the side where there is room.
    if (threshold < 0.5) name.style.left = `${100 * threshold}%`;
    else name.style.right = `${100 - 100 * threshold}%`;
    line.append(name);
  }
  return line;
}

/** The best labels, and what moved the score. */
export function reasons(result, model, answered) {
  const parts = [];
  if (model.positive === null && result.top?.length) parts.push(make("h3", {}, say("best")), best(result.top));
  if (result.explanation) parts.push(make("h3", {}, say("moved")), ...moved(result.explanation));
  parts.push(make("p.soft", {}, say("answered_by", { model: `${answered.model}@${answered.version}` })));
  return parts;
}

function best(top) {
  const rows = top.map(({ label, title, score }) => make("tr", {},
    make("th", { scope: "row" }, named(label, title)),
    make("td.number", {}, decimal(score)),
    make("td.bar-cell", {}, bar(score, null)),
  ));
  return make("table.best", {}, head("label", "score", ""), make("tbody", {}, ...rows));
}

function moved(effects) {
  const told = effects.filter(({ change, words }) => [change, ...words.map((word) => word.change)].some(counts));
  if (!told.length) return [make("p", {}, say(effects.length ? "moved_nothing" : "moved_empty"))];
  const widest = Math.max(...told.map(({ change }) => Math.abs(change)), SMALLEST);
  const rows = told.map(({ field, change, words }) => make("tr", {},
    make("th", { scope: "row" }, make("code", {}, field)),
    make("td.number", {}, signed(change)),
    make("td.bar-cell", {}, swing(change, widest)),
    make("td", {}, spoken(words)),
  ));
  return [
    make("p.soft", {}, say("moved_hint")),
    make("table.moved", {}, head("field", "change", "", "words"), make("tbody", {}, ...rows)),
  ];
}

const counts = (change) => Math.abs(change) >= SMALLEST;

function swing(change, widest) {
  const fill = make(change < 0 ? "div.fill.down" : "div.fill.up");
  fill.style.width = `${(50 * Math.abs(change)) / widest}%`;
  return make("div.swing", { "aria-hidden": "true" }, fill);
}

function spoken(words) {
  const told = words.filter(({ change }) => counts(change)).slice(0, WORDS);
  if (!told.length) return "";
  return make("ul.words", {}, ...told.map(({ word, change }) => make("li", {},
    make("b", {}, word), " ", make("span.number", {}, signed(change)),
  )));
}

/** The head of a table: keys of sentences; the empty text for a column that needs no name. */
export function head(...keys) {
  const cells = keys.map((key) => (key ? make("th", { scope: "col" }, say(`column_${key}`)) : make("td")));
  return make("thead", {}, make("tr", {}, ...cells));
}
