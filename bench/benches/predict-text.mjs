// Text classification, every stage on, every text new: CPU per request against nginx's constant reply, requests per
// second and core against FastAPI with scikit-learn. The servers take turns on one core, round by round; the
// generator has the other.
import { readFileSync } from 'node:fs';
import { load } from '../load.mjs';
import { startNginx } from '../peers/nginx.mjs';
import { startSklearn, versions } from '../peers/sklearn.mjs';
import { loopsOfAllCores, prepare, serve, supportEndpoint, trainText } from '../penstock.mjs';
import { cpuDuring, end } from '../processes.mjs';
import { median, ratios, spread } from '../statistics.mjs';
import { writeBodies } from '../texts.mjs';

const REQUESTS = 100000, WARM_UP = 10000, PEER_REQUESTS = 3000;
const path = '/v1/endpoints/support/predict';
const json = 'content-type: application/json';

export const title = 'a 60-character text, 77 intents, exact-cache miss, every stage on';

// One measured run: microseconds of CPU per request, requests per second of wall time.
export async function measure(context, peer, options) {
    const { seconds, loops, result } = await cpuDuring(peer.server, () => load(context, { port: peer.port, ...options }));
    return { us: (seconds * 1e6) / result.requests, loopUs: (loops * 1e6) / result.requests, rate: result.per_second, ...result };
}

// What a reply looks like, and how the decisions of the first `count` texts were spread.
export async function sampleReplies(peer, texts, count) {
    const decisions = {};
    let last;
    for (const body of texts.slice(0, count)) {
        const headers = Object.fromEntries([json, ...peer.headers].map((line) => line.split(': ')));
        const reply = await fetch(`http://127.0.0.1:${peer.port}${path}`, { method: 'POST', headers, body });
        last = await reply.text();
        if (reply.status !== 200) throw new Error(`status ${reply.status} for ${body}: ${last}`);
        const { decision } = JSON.parse(last);
        decisions[decision] = (decisions[decision] ?? 0) + 1;
    }
    return { decisions, reply: last };
}

export async function startSupport(context, name, loops, core) {
    const store = await trainText(context);
    return serve(await prepare(context, { name, store, loops, endpoints: supportEndpoint }), core);
}

function addRows(context, { ours, nginx, peer, both, texts, decisions, peerName }) {
    const us = (runs) => runs.map((r) => r.us), rate = (runs) => runs.map((r) => r.rate);
    const cpu = ratios(us(ours), us(nginx)), rates = ratios(rate(ours), rate(peer));
    const reviewed = (decisions.review ?? 0) / Object.values(decisions).reduce((a, b) => a + b, 0);
    context.add({ figure: `CPU per request (${texts.characters.toFixed(0)} characters, 1 loop)`, value: median(us(ours)), unit: 'µs', against: 'nginx, constant reply', ratio: median(cpu), spread: spread(cpu), limit: { of: 'ratio', most: 2.5 } });
    context.add({ figure: 'of it on the loop (the rest is the recorder and pools)', value: median(ours.map((r) => r.loopUs)), unit: 'µs' });
    context.add({ figure: 'CPU per request, nginx', value: median(us(nginx)), unit: 'µs' });
    context.add({ figure: 'CPU per request, one loop per core', value: both.us, unit: 'µs', against: 'nginx, constant reply', ratio: both.us / median(us(nginx)) });
    context.add({ figure: 'requests per second on one core', value: median(rate(ours)), unit: '1/s', against: peerName, ratio: median(rates), spread: spread(rates), limit: { of: 'ratio', least: 20 } });
    context.add({ figure: 'requests per second on one core, the peer', value: median(rate(peer)), unit: '1/s' });
    context.add({ figure: 'CPU per request, the peer', value: median(us(peer)), unit: 'µs', against: 'Penstock', ratio: median(ratios(us(peer), us(ours))) });
    context.add({ figure: 'latency p95, 64 connections', value: median(ours.map((r) => r.p95_us)) / 1000, unit: 'ms', against: peerName, ratio: median(ours.map((r) => r.p95_us)) / median(peer.map((r) => r.p95_us)) });
    context.add({ figure: 'texts that went to review', value: reviewed * 100, unit: '%' });
}

export async function run(context) {
    const texts = writeBodies(context, REQUESTS * (context.rounds + 1) + 2 * WARM_UP + 1000);
    const lines = readFileSync(texts.path, 'utf8').slice(0, 200000).split('\n');
    const penstock = await startSupport(context, 'predict-text', 1, context.cores.server);
    const { decisions, reply } = await sampleReplies(penstock, lines, 500);
    const nginx = await startNginx(context, reply);
    const sklearn = await startSklearn(context);
    const request = { path, headers: [json, ...penstock.headers], bodies: texts.path, expect: ['"prediction":"', '"cached":false'] };
    const peerRequest = { ...request, path: '/predict', expect: ['"prediction":"', '"confidence":'] };
    let first = 1000;
    const next = (requests) => ({ first: (first += requests) - requests, requests });
    const runs = { ours: [], nginx: [], peer: [] };
    await load(context, { port: penstock.port, ...request, ...next(WARM_UP) });
    await load(context, { port: nginx.port, ...request, requests: WARM_UP });
    await load(context, { port: sklearn.port, ...peerRequest, requests: 200 });
    for (let round = 0; round < context.rounds; round++) {
        runs.nginx.push(await measure(context, nginx, { ...request, requests: REQUESTS }));
        runs.ours.push(await measure(context, penstock, { ...request, ...next(REQUESTS) }));
        runs.peer.push(await measure(context, sklearn, { ...peerRequest, requests: PEER_REQUESTS }));
    }
    await Promise.all([penstock, nginx, sklearn].map((peer) => end(peer.server)));
    const all = await startSupport(context, 'predict-text', loopsOfAllCores());
    const unpinned = { ...request, headers: [json, ...all.headers], core: null };
    await load(context, { port: all.port, ...unpinned, ...next(WARM_UP) });
    const both = await measure(context, all, { ...unpinned, ...next(REQUESTS) });
    addRows(context, { ...runs, both, texts, decisions, peerName: await versions() });
}
