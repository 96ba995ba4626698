// The page: who may ask, which model is meant, and the language; the rest is in the modules of its parts.

import { Refusal, listModels, refused, useToken } from "./api.js";
import { at, make, tell } from "./elements.js";
import { general, language, moment, say, speak } from "./language.js";
import * as record from "./record.js";
import * as table from "./table.js";

let models = [];
let hasToken = false;
// What record and table are for now, so that neither loses anything where it has not changed.
let used = "";
// Why there are no models, or why a token is asked for.
let trouble = null;

const chosen = () => models.find(({ reference }) => reference === at("model").value);

async function load() {
  try {
    models = await listModels();
  } catch (error) {
    notice(error);
    return;
  }
  const troubled = trouble !== null;
  trouble = null;
  const before = at("model").value;
  at("model").replaceChildren(...models.map(({ reference }) => make("option", { value: reference }, reference)));
  if (models.some(({ reference }) => reference === before)) at("model").value = before;
  choose();
  render();
  // What had the focus, the token or a button, is hidden now.
  if (troubled) at("model").focus();
}

function choose() {
  const model = chosen();
  const now = JSON.stringify([model.reference, model.fields]);
  if (now !== used) {
    record.useModel(model);
    table.useModel(model);
  }
  used = now;
  facts();
}

// Where a token is missing or wrong, or the list of models did not come, the page says so at its top.
function notice(error) {
  if (error.status !== 401 && models.length) return;
  trouble = error;
  render();
  if (error.status === 401) at("token").focus();
}

// Another version answers than was listed: its threshold differs, and its fields may.
async function check({ version }) {
  const { reference, version: listed, fields } = chosen();
  if (version === listed) return;
  models = await listModels().catch(() => models);
  const now = models.find((model) => model.reference === reference);
  if (String(now?.fields) === String(fields)) facts();
  else load();
}

function facts() {
  const model = chosen();
  const own = model.labels.some(({ threshold }) => threshold !== undefined);
  const threshold = model.threshold === null ? say(own ? "own_thresholds" : "without_threshold") : general(model.threshold);
  const items = [
    ["fact_version", String(model.version)],
    ["fact_published", moment(model.published)],
    ["fact_threshold", threshold],
    ["fact_labels", String(model.labels.length)],
  ];
  at("facts").replaceChildren(...items.map(([key, value]) => make("li", {}, make("b", {}, value), make("span", {}, say(key)))));
}

function render() {
  const wants = trouble?.status === 401;
  at("token-form").hidden = !wants;
  tell(at("token-problem"), ...(wants && hasToken ? refused(trouble) : []));
  at("away").hidden = trouble === null || wants;
  if (!at("away").hidden) at("away-said").replaceChildren(...refused(trouble));
  at("work").hidden = models.length === 0;
  at("token-change").hidden = !hasToken || wants;
  if (models.length === 0) return;
  facts();
  record.render();
  table.render();
}

function begin() {
  at("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    hasToken = at("token").value.trim() !== "";
    useToken(at("token").value);
    load();
  });
  at("token-change").addEventListener("click", () => {
    trouble = new Refusal(401);
    hasToken = false;
    at("token").value = "";
    render();
    at("token").focus();
  });
  at("again").addEventListener("click", load);
  at("model").addEventListener("change", choose);
  for (const link of document.querySelectorAll("nav a")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      speak(link.lang);
      history.replaceState(null, "", link.href);
      render();
    });
  }
  record.begin(notice, check);
  table.begin(notice, check);
  speak(language());
  load();
}

begin();
