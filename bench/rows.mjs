// One row of numbers a request, over HTTP: Penstock and a peer with the same model take turns on one core, round by
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

function addRows(context, runs, peer) {
    const column = (name, figure) => runs[name].map((r) => r[figure]);
    const against = peer.name, rates = ratios(column('ours', 'rate'), column('peer', 'rate'));
    context.add({ figure: 'requests per second on one core', value: median(column('ours', 'rate')), unit: '1/s', against, ratio: median(rates), spread: spread(rates) });
    context.add({ figure: 'requests per second on one core, the peer', value: median(column('peer', 'rate')), unit: '1/s' });
    const cpu = ratios(column('ours', 'us'), column('peer', 'us'));
    context.add({ figure: 'CPU per request', value: median(column('ours', 'us')), unit: 'µs', against, ratio: median(cpu), spread: spread(cpu) });
    context.add({ figure: 'CPU per request, the peer', value: median(column('peer', 'us')), unit: 'µs' });
    for (const [figure, name] of [['64 connections', ''], ['one connection', 'Alone']]) {
        const ours = column(`ours${name}`, 'p95_us'), theirs = column(`peer${name}`, 'p95_us'), slower = ratios(ours, theirs);
        context.add({ figure: `latency p95, ${figure}`, value: median(ours) / 1000, unit: 'ms', against, ratio: median(slower), spread: spread(slower) });
    }
}

// `bodies`: a file of requests, a line each. `peer`: { server, port, name, requests (a round) }.
export async function measureRows(context, { ours, peer, name, bodies, sample, tolerance }) {
    const path = `/v1/endpoints/${name}/predict`;
    await compare({ ...ours, path }, peer, sample, tolerance);
    const request = { path, headers: [json, ...ours.headers], bodies, expect: ['"prediction":"', '"confidence":'] };
    const peerRequest = { ...request, path: '/predict', headers: [json] };
    const runs = { ours: [], peer: [], oursAlone: [], peerAlone: [] };
    await load(context, { port: ours.port, ...request, requests: WARM_UP });
    await load(context, { port: peer.port, ...peerRequest, requests: 500 });
    for (let round = 0; round < context.rounds; round++) {
        runs.ours.push(await measure(context, ours, { ...request, requests: REQUESTS }));
        runs.peer.push(await measure(context, peer, { ...peerRequest, requests: peer.requests }));
        runs.oursAlone.push(await measure(context, ours, { ...request, requests: ALONE, connections: 1 }));
        runs.peerAlone.push(await measure(context, peer, { ...peerRequest, requests: Math.min(ALONE, peer.requests), connections: 1 }));
    }
    await Promise.all([ours, peer].map((one) => end(one.server)));
    addRows(context, runs, peer);
}
