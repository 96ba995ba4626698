// The table of the page: given by pasting or as a file, scored in batches, shown and given back.

import { refused } from "./api.js";
import { scoreAll } from "./batches.js";
import { decode } from "./delimited.js";
import { at, make, tell } from "./elements.js";
import { say } from "./language.js";
import { download, showRows, summary } from "./result.js";
import { MOST_ROWS, Sheet } from "./sheet.js";

/** Bytes of a file at most. */
const MOST_BYTES = 20_000_000;
/** Milliseconds after the last key until a table is read. */
const QUIET = 250;

let model = null;
let sheet = null;
// What was given: its text, and the name of its file.
let given = { text: "", name: "" };
let stopper = null;
// What went wrong, said in the page's language of the moment.
let failed = () => [];
let timer = 0;

/** Take another model: results of the one before are gone. */
export function useModel(chosen) {
  model = chosen;
  take(given.text, given.name);
}

/** Write all that is known again, in the page's language. */
export function render() {
  const ready = sheet !== null && objection() === null;
  tell(at("found"), ...(sheet === null ? [] : described()));
  at("start").disabled = !ready || stopper !== null || sheet.waiting.length === 0;
  const begun = ready && (sheet.versions.size > 0 || sheet.waiting.length === 0);
  at("start").textContent = say(begun && sheet.waiting.length ? "go_on" : "score_table");
  at("stop").hidden = stopper === null;
  at("running").hidden = stopper === null;
  tell(at("table-problem"), ...failed());
  at("result").hidden = !begun || stopper !== null;
  if (at("result").hidden) return;
  tell(at("counted"), ...summary(sheet));
  at("only-line").hidden = sheet.results.every((result) => result?.status === "ok");
  at("rows").replaceChildren(...showRows(sheet, at("only").checked && !at("only-line").hidden));
}

/**
 * Make the table work.
 * @param {(error: Error) => void} onRefusal is told of each refusal.
 * @param {(answered: object) => void} onAnswer is told of each answer.
 */
export function begin(onRefusal, onAnswer) {
  at("format").value = document.documentElement.lang === "fr" ? "fr" : "plain";
  at("pasted").addEventListener("input", () => {
    at("file").value = "";
    clearTimeout(timer);
    timer = setTimeout(() => take(at("pasted").value, ""), QUIET);
  });
  // Otherwise a browser says nothing when the same file, mended, is chosen again.
  at("file").addEventListener("click", () => Object.assign(at("file"), { value: "" }));
  at("file").addEventListener("change", () => takeFile(at("file").files[0]));
  at("table").addEventListener("submit", (event) => {
    event.preventDefault();
    score(onRefusal, onAnswer);
  });
  at("table").addEventListener("reset", () => {
    take("", "");
    at("pasted").focus();
  });
  at("stop").addEventListener("click", () => stopper.abort());
  at("only").addEventListener("change", render);
  at("download").addEventListener("click", () => download(sheet, given.name, at("format").value === "fr"));
  acceptDrops();
}

// Wherever a file is dropped: a browser would leave the page for it.
function acceptDrops() {
  for (const kind of ["dragover", "dragleave", "drop"]) {
    window.addEventListener(kind, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      at("drop").classList.toggle("over", kind === "dragover");
      if (kind !== "drop" || at("work").hidden) return;
      at("file").value = "";
      takeFile(event.dataTransfer.files[0]);
    });
  }
}

async function takeFile(file) {
  if (!file) return;
  at("pasted").value = "";
  let problem = "file_large";
  let text = null;
  if (file.size <= MOST_BYTES) {
    // A folder that is dropped looks like a file until it is read.
    const bytes = await file.arrayBuffer().catch(() => null);
    problem = bytes === null ? "file_unread" : "file_kind";
    text = bytes === null ? null : decode(bytes);
  }
  take(text ?? "", text === null ? "" : file.name);
  if (text !== null) return;
  failed = () => [say(problem, { most: MOST_BYTES / 1e6 })];
  render();
}

function take(text, name) {
  clearTimeout(timer);
  stopper?.abort();
  stopper = null;
  failed = () => [];
  given = { text, name };
  sheet = text.trim() ? new Sheet(text, model) : null;
  at("only").checked = false;
  render();
}

function objection() {
  if (!sheet.known.length) return say("no_columns", { fields: model.fields.join(", ") });
  if (sheet.twice !== undefined) return say("column_twice", { column: sheet.twice });
  if (!sheet.rows.length) return say("no_rows");
  if (sheet.rows.length > MOST_ROWS) return say("rows_many", { n: sheet.rows.length, most: MOST_ROWS });
  return null;
}

function described() {
  const sentence = objection();
  if (sentence !== null) return [make("p.problem", {}, sentence)];
  const parts = [say("rows_found", { n: sheet.rows.length, columns: sheet.known.join(", ") })];
  if (sheet.missing.length) parts.push(say("columns_missing", { columns: sheet.missing.join(", ") }));
  if (sheet.unused.length) parts.push(say("columns_unused", { columns: sheet.unused.join(", ") }));
  const name = given.name ? make("b", {}, given.name) : null;
  return [name, ...parts].filter((part) => part !== null).map((part) => make("p", {}, part));
}

async function score(onRefusal, onAnswer) {
  const mine = (stopper = new AbortController());
  const scored = sheet;
  failed = () => [];
  progress(scored);
  render();
  at("stop").focus();
  try {
    await scoreAll(model, scored.records, (answered) => {
      scored.take(answered);
      progress(scored);
      onAnswer(answered);
    }, mine.signal);
  } catch (error) {
    if (error.name !== "AbortError") {
      failed = () => refused(error);
      onRefusal(error);
    }
  }
  // Another table may have come meanwhile.
  if (scored !== sheet) return;
  const hadFocus = document.activeElement === at("stop");
  stopper = null;
  render();
  if (hadFocus) (at("result").hidden ? at("start") : at("download")).focus();
}

function progress({ rows, waiting }) {
  const done = rows.length - waiting.length;
  Object.assign(at("progress"), { max: rows.length, value: done });
  at("progressed").textContent = say("progress", { done, all: rows.length });
}

