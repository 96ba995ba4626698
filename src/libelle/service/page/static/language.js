// The sentences of the page, as the service has sent them in each language, and numbers as the language writes them.

import { at } from "./elements.js";

const service = JSON.parse(at("service").textContent);

/** What the service takes at most: records and bytes of a request. */
export const limits = service.limits;

/** The page's language: "en" or "fr". */
export const language = () => document.documentElement.lang;

/**
 * A sentence.
 * @param {string} key its name in sentences.py.
 * @param {object} values what its holes are filled with; where it has a plural, `n` says which form is meant.
 */
export function say(key, values = {}) {
  let text = service.sentences[language()][key];
  if (Array.isArray(text)) text = text[new Intl.PluralRules(language()).select(values.n) === "one" ? 0 : 1];
  return text.replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === "number" ? count(values[name]) : values[name]));
}

/** Write the whole page in a language, but for what its parts write themselves. */
export function speak(chosen) {
  document.documentElement.lang = chosen;
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
  for (const link of document.querySelectorAll("nav a")) {
    if (link.lang === chosen) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

/** A whole number: 12,345 or 12 345. */
export const count = (number) => new Intl.NumberFormat(language()).format(number);

/** A number with some digits after its point: 0.511 or 0,511. */
export function decimal(number, digits = 3) {
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return new Intl.NumberFormat(language(), options).format(number).replace("-", "−");
}

/** The same with its sign: +0.012 or −0,012. */
export const signed = (number, digits = 3) => (number < 0 ? "" : "+") + decimal(number, digits);

/** A threshold, with the digits that it has: six at most, unless six make 1 of less. */
export function general(number) {
  const maximumSignificantDigits = Number(number.toPrecision(6)) === 1 ? 9 : 6;
  return new Intl.NumberFormat(language(), { maximumSignificantDigits }).format(number);
}

/** A score, with as many digits as show on which side of a threshold it is. */
export function scoreText(score, threshold) {
  for (let digits = 3; digits < 9; digits += 1) {
    const rounded = Number(score.toFixed(digits));
    if (threshold === null || (score >= threshold) === (rounded >= threshold)) return decimal(score, digits);
  }
  return decimal(score, 9);
}

/** A moment: 26 November 2026 at 14:02. */
export function moment(iso) {
  const options = { dateStyle: "long", timeStyle: "short" };
  return new Intl.DateTimeFormat(language() === "en" ? "en-GB" : language(), options).format(new Date(iso));
}
