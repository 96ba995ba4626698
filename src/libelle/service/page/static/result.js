// What came out of a table: in numbers, the first rows, and a file.

import { bar, head, named, outcome } from "./answer.js";
import { make } from "./elements.js";
import { say, scoreText } from "./language.js";

/** Rows that the page shows; the file has all. */
const SHOWN = 100;
/** Characters of a text that the page shows. */
const CHARACTERS = 200;
/** Labels that are counted by name. */
const LABELS = 5;

/** What a table comes to. */
export function summary(sheet) {
  const scored = sheet.count(({ status }) => status === "ok");
  const bad = sheet.count(({ status }) => status === "error");
  const parts = [];
  if (scored) parts.push(say("scored", { n: scored, versions: [...sheet.versions].join(", ") }), ...decided(sheet));
  if (bad) parts.push(say("rows_bad", { n: bad }));
  if (sheet.waiting.length) parts.push(say("rows_left", { n: sheet.waiting.length }));
  return parts.map((part) => make("p", {}, part));
}

function decided(sheet) {
  const counts = new Map();
  for (const result of sheet.results) {
    if (result?.status !== "ok") continue;
    const name = named(result.label, result.title);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([, one], [, other]) => other - one);
  const parts = sorted.slice(0, LABELS).map(([label, n]) => say("of_label", { label, n }));
  if (sorted.length > LABELS) parts.push(say("other_labels", { n: sorted.length - LABELS }));
  const sentences = [parts.join("; ")];
  if (sheet.count(({ automatic }) => automatic !== undefined)) {
    sentences.push(say("coded", { n: sheet.count(({ automatic }) => automatic) }));
  }
  return sentences;
}

/** Why a row has no score. */
export function problem(sheet, result) {
  if (result === null) return say("row_waits");
  if (result.cells !== undefined) return say("row_width", { n: result.cells, all: sheet.columns.length });
  return result.error;
}

/** The first rows as a table. */
export function showRows(sheet, onlyBad) {
  const places = [...sheet.rows.keys()].filter((place) => !onlyBad || sheet.results[place]?.status !== "ok");
  // Where no threshold was chosen, scores come to nothing.
  const judged = sheet.count((result) => result.status === "ok" && outcome(result, sheet.model) !== "no_threshold") > 0;
  const rows = places.slice(0, SHOWN).map((place) => line(sheet, place, judged));
  const columns = head("row", "text", "label", "score", ...(judged ? ["outcome"] : []));
  const parts = [make("table.scored", {}, columns, make("tbody", {}, ...rows))];
  if (places.length > SHOWN) parts.push(make("p.soft", {}, say("first_rows", { n: SHOWN, all: places.length })));
  return parts;
}

function line(sheet, place, judged) {
  const result = sheet.results[place];
  const name = make("th", { scope: "row" }, shortened(sheet.name(place)));
  const first = [name, make("td.text", {}, shortened(sheet.text(place)))];
  if (result?.status !== "ok") {
    const why = make("span", result?.error ? { lang: result.spoken } : {}, problem(sheet, result));
    const said = make("td.bad", { colspan: judged ? "3" : "2" }, make("b", {}, say("not_scored")), " ", why);
    return make("tr", {}, ...first, said);
  }
  return make("tr", {}, ...first,
    make("td", {}, named(result.label, result.title)),
    make("td.number", {}, scoreText(result.score, result.threshold), bar(result.score, result.threshold)),
    judged ? make("td.soft", {}, say(`${outcome(result, sheet.model)}_shortly`)) : null,
  );
}

function shortened(text) {
  const letters = [...text.slice(0, 2 * CHARACTERS + 2)];
  return letters.length > CHARACTERS ? `${letters.slice(0, CHARACTERS).join("")}…` : text;
}

/** Give the table back as a file. */
export function download(sheet, name, french) {
  const text = sheet.file(french, (result) => problem(sheet, result));
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  const stem = name.replace(/\.[^.]*$/, "") || say("file_name");
  make("a", { href: address, download: `${stem}-${say("file_scored")}.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
