// Photographs and pages sent as they are (image/jpeg), one at a time, to a server that has one core for everything,
// its parser processes included: milliseconds seen by the client, against an endpoint with the same model that
// recognises every page's text in full. The pages were not trained on.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { countByLabel, divide, writeTrainingFolder } from '../documents.mjs';
import { prepare, serve, trainedStore } from '../penstock.mjs';
import { end } from '../processes.mjs';
import { percentile } from '../statistics.mjs';

const REPEATS = 3, LONG_SIDE = 1600;

export const title = 'a receipt photograph of 1,600 px, the whole path on one core';

const endpoint = (name, more) => `${name}:
  owner: bench@example.com
  accepts: file
  cache: false
  rollout:
    - model: pages@1
  fallbacks:
    - review: true
${more}`;

async function send(server, name, page) {
    const body = readFileSync(page.path);
    const headers = Object.fromEntries(['content-type: image/jpeg', ...server.headers].map((line) => line.split(': ')));
    const started = performance.now();
    const reply = await fetch(`http://127.0.0.1:${server.port}/v1/endpoints/${name}/predict`, { method: 'POST', headers, body, signal: AbortSignal.timeout(60000) });
    const text = await reply.text();
    const ms = performance.now() - started;
    if (reply.status !== 200) throw new Error(`status ${reply.status} for ${page.path}: ${text}`);
    const answer = JSON.parse(text);
    return { page, ms, right: answer.prediction === page.label, read: answer.document.ocr === true, decision: answer.decision, answer };
}

async function sendAll(server, name, pages, repeats) {
    const answers = [];
    for (let i = 0; i < repeats; i++) for (const page of pages) answers.push(await send(server, name, page));
    return answers;
}

const share = (answers, test) => (100 * answers.filter(test).length) / answers.length;
const isTimed = (page) => page.label === 'receipt' && Math.max(page.width, page.height) === LONG_SIDE;

// `automatic` and `full`: every held-out page once; `timed`: the receipts of 1,600 px, several times.
function addRows(context, { timed, timedFull, automatic, full }) {
    const ms = (answers, part) => percentile(answers.map((answer) => answer.ms), part);
    const count = new Set(timed.map((answer) => answer.page.path)).size;
    for (const [name, part, limit] of [['p50', 0.5], ['p95', 0.95, { of: 'value', most: 500 }], ['slowest', 1]])
        context.add({ figure: `${name} of ${count} receipts × ${REPEATS}`, value: ms(timed, part), unit: 'ms', against: `ocr: always, ${ms(timedFull, part).toFixed(0)} ms`, ratio: ms(timed, part) / ms(timedFull, part), limit });
    context.add({ figure: 'of these, answered without recognising text', value: share(timed, (answer) => !answer.read), unit: '%' });
    const read = timed.filter((answer) => answer.read);
    if (read.length) context.add({ figure: 'p95 of those whose text was read', value: ms(read, 0.95), unit: 'ms' });
    const right = (answers) => share(answers, (answer) => answer.right);
    context.add({ figure: `accuracy on ${automatic.length} held-out pages`, value: right(automatic), unit: '%', against: `ocr: always, ${right(full).toFixed(1)} %`, ratio: right(automatic) / right(full), limit: { of: 'ratio', least: 1 } });
    const slipped = (answers) => share(answers, (answer) => !answer.right && answer.decision !== 'review');
    context.add({ figure: 'wrong and not sent to review', value: slipped(automatic), unit: '%', against: `ocr: always, ${slipped(full).toFixed(1)} %` });
    context.add({ figure: 'of all these pages, answered without recognising text', value: share(automatic, (answer) => !answer.read), unit: '%' });
    context.add({ figure: 'p95 over all these pages', value: ms(automatic, 0.95), unit: 'ms', against: `ocr: always, ${ms(full, 0.95).toFixed(0)} ms`, ratio: ms(automatic, 0.95) / ms(full, 0.95) });
    const reviewed = (answers) => share(answers, (answer) => answer.decision === 'review');
    context.add({ figure: 'of all these pages, sent to review', value: reviewed(automatic), unit: '%', against: `ocr: always, ${reviewed(full).toFixed(1)} %` });
}

export async function run(context) {
    const { train, held } = divide(join(context.data, 'docimg'));
    const { folder, identity } = writeTrainingFolder(join(context.work, 'pages'), train);
    context.say(`training on ${countByLabel(train)}`);
    const store = await trainedStore(context, 'pages', folder, identity);
    const endpoints = endpoint('quick', '') + endpoint('full', '  ocr: always\n  deadline: 60s\n');
    const prepared = await prepare(context, { name: 'predict-receipt', store, loops: 1, endpoints, extra: 'parser:\n  workers: 1\n' });
    const penstock = await serve(prepared, context.cores.server);
    const timedPages = held.filter(isTimed);
    await sendAll(penstock, 'quick', timedPages.slice(0, 3), 1);
    await sendAll(penstock, 'full', timedPages.slice(0, 1), 1);
    context.say(`${held.length} held-out pages, ${timedPages.length} of them receipts of ${LONG_SIDE} px`);
    const timed = await sendAll(penstock, 'quick', timedPages, REPEATS);
    const automatic = await sendAll(penstock, 'quick', held, 1);
    const full = await sendAll(penstock, 'full', held, 1);
    await end(penstock.server);
    const timedFull = full.filter((answer) => isTimed(answer.page));
    addRows(context, { timed, timedFull, automatic, full });
}
