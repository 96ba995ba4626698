// Tables as text: cells of a spreadsheet (tabs), and CSV with commas or semicolons.

const DELIMITERS = ["\t", ";", ","];
/** A spreadsheet takes a text that begins so for a formula, and runs it. */
const FORMULA = /^[=+\-@\t\r]/;
const NUMBER = /^[+-]?\d+([.,]\d+)?$/;

/**
 * Read a table; its first line names the columns.
 * @param {string} text as pasted, or of a file.
 * @returns {{columns: string[], rows: {line: number, cells: string[]}[]}} rows that are not blank; `line` counts the
 *   rows of a spreadsheet, of which the names are the first.
 */
export function read(text) {
  const plain = text.replace(/^\ufeff/, "");
  const delimiter = guess(plain);
  const numbered = split(plain, delimiter).map((cells, place) => ({ line: place + 1, cells }));
  const [first, ...rows] = numbered.filter(({ cells }) => cells.some((cell) => cell.trim()));
  if (!first) return { columns: [], rows: [] };
  const columns = first.cells.map((name) => name.trim().normalize("NFC"));
  while (columns.at(-1) === "") columns.pop();
  return { columns, rows: rows.map(({ line, cells }) => ({ line, cells: fitted(cells, columns.length) })) };
}

// Cells that a spreadsheet adds at the end of a line are empty.
function fitted(cells, width) {
  let end = cells.length;
  while (end > width && !cells[end - 1].trim()) end -= 1;
  return cells.slice(0, end);
}

// The one that the first line has most of; where it has none, there is one column.
function guess(text) {
  const line = text.slice(text.search(/\S/)).split(/\r|\n/, 1)[0].replace(/"[^"]*"/g, "");
  const found = DELIMITERS.map((delimiter) => line.split(delimiter).length);
  return DELIMITERS[found.indexOf(Math.max(...found))];
}

/** The cells of each line. */
function split(text, delimiter) {
  const lines = [];
  let cells = [];
  let place = 0;
  while (place <= text.length) {
    const [cell, end] = quoted(text, place, delimiter) ?? bare(text, place, delimiter);
    cells.push(cell);
    place = end + 1;
    if (text[end] === delimiter) continue;
    if (text[end] === "\r" && text[place] === "\n") place += 1;
    lines.push(cells);
    cells = [];
  }
  return lines;
}

// A cell between quotation marks, and where it ends. Spreadsheets copy texts with such marks of their own as they are:
// where a cell does not end with its second mark, the marks are part of the text, and there is none.
function quoted(text, start, delimiter) {
  if (text[start] !== '"') return null;
  let cell = "";
  let place = start;
  for (;;) {
    const end = text.indexOf('"', place + 1);
    if (end < 0) return null;
    cell += text.slice(place + 1, end);
    place = end + 1;
    if (text[place] !== '"') break;
    cell += '"';
  }
  return place === text.length || [delimiter, "\n", "\r"].includes(text[place]) ? [cell, place] : null;
}

function bare(text, start, delimiter) {
  let end = start;
  while (end < text.length && text[end] !== delimiter && text[end] !== "\n" && text[end] !== "\r") end += 1;
  return [text.slice(start, end), end];
}

/**
 * Write a CSV file.
 * @param {string[]} columns their names.
 * @param {(string|number|boolean|null)[][]} rows their cells.
 * @param {boolean} french whether it is for French Excel: semicolons, decimal commas, a byte-order mark.
 */
export function write(columns, rows, french) {
  const delimiter = french ? ";" : ",";
  const lines = [columns, ...rows].map((cells) => cells.map((cell) => written(cell, french)).join(delimiter));
  return `${french ? "\ufeff" : ""}${lines.join("\r\n")}\r\n`;
}

function written(cell, french) {
  if (cell === null || cell === undefined) return "";
  // As Python writes them in the files of `libelle runtime`.
  if (typeof cell === "boolean") return cell ? "True" : "False";
  if (typeof cell === "number") return french ? String(cell).replace(".", ",") : String(cell);
  const runs = french && FORMULA.test(cell) && !NUMBER.test(cell);
  const text = runs ? `'${cell}` : String(cell);
  return /[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * The text of a file: UTF-8, UTF-16 with its mark, or what Windows writes in western Europe.
 * @returns {string|null} null for a file that is no text, such as a workbook.
 */
export function decode(bytes) {
  const start = new Uint8Array(bytes.slice(0, 4));
  const isWide = (start[0] === 0xff && start[1] === 0xfe) || (start[0] === 0xfe && start[1] === 0xff);
  if (isWide) return new TextDecoder(start[0] === 0xff ? "utf-16le" : "utf-16be").decode(bytes);
  if (new Uint8Array(bytes).includes(0)) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}
