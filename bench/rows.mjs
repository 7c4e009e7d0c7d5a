// One row of numbers a request, over HTTP: Penstock and peers with the same model take turns on one core, round by
// round; the generator has the other. The rows are asked for again and again, so the exact cache is off; no row goes
// to review, since the peers have nobody to review it.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { measure } from './benches/predict-text.mjs';
import { load } from './load.mjs';
import { binary, prepare, serve } from './penstock.mjs';
import { end, run } from './processes.mjs';
import { median, ratios, spread } from './statistics.mjs';

const REQUESTS = 60000, WARM_UP = 5000, ALONE = 3000;
const json = 'content-type: application/json';

// A store with the model in a user's own file: `file` are the arguments of "models add" that name it.
export async function storeWithFile(context, name, file) {
    const store = join(context.work, `store-${name}`);
    rmSync(store, { recursive: true, force: true });
    await run(binary(context), ['models', 'add', name, '--store', store, ...file]);
    return store;
}

export const servePenstock = async (context, name, store) =>
    serve(await prepare(context, {
        name: `predict-${name}`, store, loops: 1,
        endpoints: `${name}:\n  owner: bench@example.com\n  accepts: features\n  cache: false\n  accept_threshold: 0\n  rollout:\n    - model: ${name}@1\n  rules: verify.lua\n  fallbacks:\n    - review: true\n`,
    }), context.cores.server);

async function ask(port, path, headers, body) {
    const sent = Object.fromEntries([json, ...headers].map((line) => line.split(': ')));
    const reply = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers: sent, body });
    if (reply.status !== 200) throw new Error(`status ${reply.status} for ${body}: ${await reply.text()}`);
    return reply.json();
}

// Both must give the same answers, else they do not serve the same model.
async function compare(ours, peer, bodies, tolerance) {
    for (const body of bodies) {
        const a = await ask(ours.port, ours.path, ours.headers, body), b = await ask(peer.port, '/predict', [], body);
        if (a.prediction !== b.prediction || Math.abs(a.confidence - b.confidence) > tolerance)
            throw new Error(`the answers to ${body} differ: ${a.prediction} ${a.confidence}, ${b.prediction} ${b.confidence}`);
    }
}

// What one run of a server under load says, by figure.
const columnOf = (runs, figure) => runs.map((run) => run[figure]);

function addRows(context, ours, peer) {
    const against = peer.name;
    const add = (figure, unit, of, part, scale = 1) => {
        const mine = columnOf(ours[part], of), theirs = columnOf(peer.runs[part], of), share = ratios(mine, theirs);
        context.add({ figure, value: median(mine) / scale, unit, against, ratio: median(share), spread: spread(share) });
        return median(theirs) / scale;
    };
    const rate = add('requests per second on one core', '1/s', 'rate', 'loaded');
    context.add({ figure: `requests per second on one core, ${peer.short}`, value: rate, unit: '1/s' });
    const cpu = add('CPU per request', 'µs', 'us', 'loaded');
    context.add({ figure: `CPU per request, ${peer.short}`, value: cpu, unit: 'µs' });
    add('latency p95, 64 connections', 'ms', 'p95_us', 'loaded', 1000);
    add('latency p95, one connection', 'ms', 'p95_us', 'alone', 1000);
}

// `bodies`: a file of requests, a line each. `peers`: { server, port, name, short, requests (a round) }.
export async function measureRows(context, { ours, peers, name, bodies, sample, tolerance }) {
    const path = `/v1/endpoints/${name}/predict`;
    for (const peer of peers) await compare({ ...ours, path }, peer, sample, tolerance);
    const request = { path, headers: [json, ...ours.headers], bodies, expect: ['"prediction":"', '"confidence":'] };
    const all = [{ of: ours, request, requests: REQUESTS, warm: WARM_UP }, ...peers.map((of) => ({ of, request: { ...request, path: '/predict', headers: [json] }, requests: of.requests, warm: 500 }))];
    for (const one of all) {
        one.runs = { loaded: [], alone: [] };
        await load(context, { port: one.of.port, ...one.request, requests: one.warm });
    }
    for (let round = 0; round < context.rounds; round++)
        for (const one of all) {
            one.runs.loaded.push(await measure(context, one.of, { ...one.request, requests: one.requests }));
            one.runs.alone.push(await measure(context, one.of, { ...one.request, requests: Math.min(ALONE, one.requests), connections: 1 }));
        }
    await Promise.all(all.map((one) => end(one.of.server)));
    const [mine, ...others] = all;
    for (const one of others) addRows(context, mine.runs, { ...one.of, runs: one.runs });
}
