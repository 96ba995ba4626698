// Many records, sent a batch at a time: one after the other, so that others are answered meanwhile.

import { predict } from "./api.js";
import { limits } from "./language.js";

/** Records of a batch at most: answered well within a second, so that progress is seen and stopping works. */
const RECORDS = 500;
/** How often a batch is sent again when the service is busy. */
const TRIES = 6;

/**
 * Score records.
 * @param {object} model one of the models.
 * @param {object[]} records field → text.
 * @param {(answered: object) => void} onBatch takes each answer, in order.
 * @param {AbortSignal} signal that stops it.
 */
export async function scoreAll(model, records, onBatch, signal) {
  let most = Math.min(RECORDS, limits.records);
  let start = 0;
  while (start < records.length) {
    const batch = fitting(records, start, most);
    try {
      onBatch(await patiently(() => predict(model, batch, {}, signal), signal));
      start += batch.length;
    } catch (error) {
      if (error.status !== 413 || batch.length === 1) throw error;
      most = Math.ceil(batch.length / 2);
    }
  }
}

// Half of what a request may have leaves room for names and for what is escaped.
function fitting(records, start, most) {
  let bytes = 0;
  let end = start;
  while (end < records.length && end - start < most) {
    bytes += new Blob([JSON.stringify(records[end])]).size;
    if (bytes > limits.bytes / 2 && end > start) break;
    end += 1;
  }
  return records.slice(start, end);
}

async function patiently(ask, signal) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      if (![429, 503].includes(error.status) || tries === TRIES) throw error;
      await pause(1000 * (error.wait || 2 ** (tries - 1)), signal);
    }
  }
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}
