// What `penstock calibrate --review 12%` promises, and what comes of it on rows that neither training nor calibration
// saw, asked over HTTP: how many errors its reviews catch, over several splits of the rows.
import { readFileSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import http from 'node:http';
import { join } from 'node:path';
import { binary, prepare, serve, trainedStore } from '../penstock.mjs';
import { end, run as command } from '../processes.mjs';
import { spread } from '../statistics.mjs';

export const title = 'errors caught by reviewing at most 12 %, on rows never seen';

const SETS = [
    { name: 'banking77', file: 'banking77/train.csv', label: 1, keep: () => true, least: 75 },
    { name: 'clinc150', file: 'clinc150/train_val.csv', label: 1, keep: (row) => row[1] !== 'oos', least: 80 },
];
const SPLITS_MOST = 5;

// RFC 4180, quoted cells may span lines.
function rowsOf(text) {
    const rows = [[]];
    for (const [, quoted, plain, after] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
        rows.at(-1).push(quoted?.replaceAll('""', '"') ?? plain);
        if (after !== ',') rows.push([]);
    }
    return rows.slice(1).filter((row) => row.length > 1);
}

// A tenth (0 to 9) for each text, other ones for each split; what differs in capitals or spaces only stays together.
const tenth = (text, split) => createHash('sha256').update(`${split} ${text.toLowerCase().replace(/\s+/g, ' ').trim()}`).digest()[0] % 10;

function write(context, name, rows) {
    const path = join(context.work, `${name}.csv`);
    const cell = (text) => `"${text.replaceAll('"', '""')}"`;
    const text = ['text,label', ...rows.map((row) => row.map(cell).join(',')), ''].join('\n');
    writeFileSync(path, text);
    return { path, text };
}

function post(agent, server, body) {
    return new Promise((resolve, reject) => {
        const [name, value] = server.headers[0].split(': ');
        const request = http.request({ agent, port: server.port, method: 'POST', path: '/v1/endpoints/calibrated/predict', headers: { [name]: value, 'content-type': 'application/json' }, timeout: 30_000 }, (reply) => {
            const chunks = [];
            reply.on('data', (chunk) => chunks.push(chunk)).on('end', () => {
                if (reply.statusCode !== 200) reject(new Error(`${reply.statusCode}: ${Buffer.concat(chunks)}`));
                else resolve(JSON.parse(Buffer.concat(chunks)));
            });
        });
        request.on('timeout', () => request.destroy(new Error('no reply within 30 s'))).on('error', reject);
        request.end(JSON.stringify(body));
    });
}

async function ask(server, rows) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
    const replies = await Promise.all(rows.map(([text]) => post(agent, server, { text })));
    agent.destroy();
    return replies.map((reply, i) => ({ wrong: reply.prediction !== rows[i][1], review: reply.decision === 'review', confidence: reply.confidence }));
}

// The share of the errors among the 12 % least sure, whatever the thresholds.
function leastSure(replies) {
    const sorted = [...replies].sort((a, b) => a.confidence - b.confidence);
    const caught = sorted.slice(0, Math.round(0.12 * sorted.length)).filter((reply) => reply.wrong).length;
    return (100 * caught) / replies.filter((reply) => reply.wrong).length;
}

async function answersOf(context, store, name, version, rows) {
    const endpoints = `calibrated:\n  owner: bench@example.com\n  accepts: text\n  cache: false\n  rollout:\n    - model: ${name}@${version}\n`;
    const server = await serve(await prepare(context, { name: `calibrate-${name}`, store, loops: 1, endpoints }));
    try {
        return await ask(server, rows);
    } finally {
        await end(server.server);
    }
}

async function oneSplit(context, set, split) {
    const rows = rowsOf(readFileSync(join(context.data, set.file), 'utf8')).map((row) => [row[0].trim(), row[set.label].trim(), row]).filter(([text, , row]) => text && set.keep(row)).map(([text, label]) => [text, label]);
    const part = (from, to) => rows.filter(([text]) => tenth(text, split) >= from && tenth(text, split) < to);
    const train = write(context, `${set.name}-${split}-train`, part(0, 6)), labelled = write(context, `${set.name}-${split}-labelled`, part(6, 8));
    const unseen = part(8, 10), name = `${set.name}-${split}`;
    const store = await trainedStore(context, name, train.path, train.text);
    const printed = await command(binary(context), ['calibrate', '--model', `${name}@1`, '--store', store, '--data', labelled.path, '--review', '12%', '--json']);
    const made = JSON.parse(printed);
    const before = await answersOf(context, store, name, 1, unseen), after = await answersOf(context, store, name, made.version, unseen);
    const errors = after.filter((reply) => reply.wrong).length, reviewed = after.filter((reply) => reply.review);
    const caught = reviewed.filter((reply) => reply.wrong).length, out = after.length - reviewed.length;
    const result = {
        rows: after.length, errors: (100 * errors) / after.length, reviewed: (100 * reviewed.length) / after.length,
        caught: (100 * caught) / errors, left: (100 * (errors - caught)) / out,
        caughtLeast: 100 * made.caught_least, errorMost: 100 * made.error_most,
        ranked: leastSure(after), rankedBefore: leastSure(before),
    };
    // The unseen rows are a sample, too: a promise counts as broken where they are two standard errors beyond it.
    const slack = (share, n) => 200 * Math.sqrt((share / 100) * (1 - share / 100) / n);
    result.broken = (result.caught < result.caughtLeast - slack(result.caughtLeast, errors)) + (result.left > result.errorMost + slack(result.errorMost, out)) + (result.reviewed > 12 + slack(12, after.length));
    return result;
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

export async function run(context) {
    for (const set of SETS) {
        const splits = [];
        for (let split = 1; split <= Math.min(context.rounds, SPLITS_MOST); split++) {
            context.say(`${set.name}, split ${split}`);
            splits.push(await oneSplit(context, set, split));
        }
        const of = (key) => splits.map((split) => split[key]);
        const range = (key) => spread(of(key)).map((value) => value.toFixed(1)).join('–');
        const add = (figure, key, more = {}) => context.add({ figure: `${set.name}: ${figure} (${range(key)})`, value: mean(of(key)), unit: '%', ...more });
        add(`wrong without review, mean of ${splits.length} splits of ${Math.round(mean(of('rows')))} unseen rows`, 'errors');
        add('sent to review', 'reviewed', { limit: { of: 'value', most: 12 } });
        add('errors caught by that', 'caught');
        add('promised to be caught, at least', 'caughtLeast');
        add('wrong among what went out unseen', 'left');
        add('promised to be wrong, at most', 'errorMost');
        add('errors among the 12 % least sure', 'ranked', { limit: { of: 'value', least: set.least } });
        add("the same by the version's own confidence", 'rankedBefore');
        context.add({ figure: `${set.name}: promises broken by more than the unseen rows' own chance, of ${3 * splits.length}`, value: splits.reduce((sum, split) => sum + split.broken, 0), unit: '' });
    }
}
