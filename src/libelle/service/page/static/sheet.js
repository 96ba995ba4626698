// A table that was given, against the fields of a model: which rows can be scored, and what came out.

import { read, write } from "./delimited.js";

/** Rows that a page takes at most. */
export const MOST_ROWS = 100_000;

/** A table with its results. */
export class Sheet {
  /**
   * @param {string} text of the table.
   * @param {object} model that is to score it.
   */
  constructor(text, model) {
    const { columns, rows } = read(text);
    Object.assign(this, { columns, rows, model });
    const sent = [...model.fields, ...(model.id_field ? [model.id_field] : [])];
    this.sent = columns.map((name, place) => ({ name, place })).filter(({ name }) => sent.includes(name));
    this.known = columns.filter((name) => model.fields.includes(name));
    this.missing = model.fields.filter((name) => !columns.includes(name));
    this.unused = columns.filter((name) => name && !sent.includes(name));
    this.twice = columns.find((name, place) => sent.includes(name) && columns.indexOf(name) !== place);
    this.results = rows.map(() => null);
    this.versions = new Set();
    for (const [place, { cells }] of rows.entries()) {
      if (cells.length !== columns.length) this.results[place] = { status: "error", cells: cells.length };
    }
    this.waiting = [...rows.keys()].filter((place) => this.results[place] === null);
  }

  /** The records of the rows that have no result yet. */
  get records() {
    return this.waiting.map((place) => {
      const { cells } = this.rows[place];
      return Object.fromEntries(this.sent.map(({ name, place: column }) => [name, cells[column]]));
    });
  }

  /** Take the answer for the next rows that wait. */
  take({ results, model, version, spoken }) {
    this.versions.add(`${model}@${version}`);
    for (const [index, place] of this.waiting.splice(0, results.length).entries()) {
      this.results[place] = { ...results[index], model: `${model}@${version}`, spoken };
    }
  }

  /** How many rows have a result of a kind. */
  count(isOne) {
    return this.results.filter((result) => result !== null && isOne(result)).length;
  }

  /** What a row is known by: its id, or the number of its line. */
  name(place) {
    const column = this.columns.indexOf(this.model.id_field);
    return (column >= 0 && this.rows[place].cells[column]?.trim()) || String(this.rows[place].line);
  }

  /** The text that a row is recognised by. */
  text(place) {
    const { text_field: field } = this.model;
    const column = this.columns.indexOf(this.columns.includes(field) ? field : this.known[0]);
    return this.rows[place].cells[column] ?? "";
  }

  /**
   * The table with its results, as a CSV file.
   * @param {boolean} french for French Excel.
   * @param {(result: object|null) => string} why says why a row has no score.
   */
  file(french, why) {
    const titled = this.model.labels.some(({ title }) => title);
    const multiclass = this.model.positive === null;
    const names = ["label", ...(titled ? ["title"] : []), "score", "threshold", ...(multiclass ? ["automatic"] : []),
      "model", "error"];
    const rows = this.rows.map(({ cells }, place) => {
      const result = this.results[place];
      const found = result?.status === "ok" ? result : { error: why(result), model: result?.model };
      return [...this.columns.map((_, column) => cells[column] ?? ""), ...names.map((name) => found[name] ?? null)];
    });
    return write([...renamed(this.columns, names), ...names], rows, french);
  }
}

// As in the files of `libelle runtime`: a column that is called like one of the answers becomes input_<name>.
function renamed(columns, taken) {
  const names = new Set(taken);
  return columns.map((column) => {
    let name = column;
    while (names.has(name)) name = `input_${name}`;
    names.add(name);
    return name;
  });
}
