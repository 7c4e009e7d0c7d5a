// The highest rate at which the 99th percentile stays within 1, 5 and 10 ms: an open loop, one core, rates from low to high in steps of
// a tenth of what it carries at most. nginx's proxy_pass beside it, which does nothing but pass on.
import { checkNothingCached, completion, question, startGateway, writeQuestions } from '../gateway.mjs';
import { load } from '../load.mjs';
import { startNginx, startNginxProxy } from '../peers/nginx.mjs';
import { end } from '../processes.mjs';

const SECONDS = 1.5, CONNECTIONS = 512, LIMITS_MS = [1, 5, 10], STEP = 0.1, GIVEN_UP_MS = 50;

export const title = 'requests per second held within a latency, one core';

// [rate, p99 in ms] for one step; the better of two, so that one stall of the machine does not decide.
async function step(context, peer, request, rate) {
    const runs = [];
    for (let i = 0; i < 2; i++) {
        const { p99_us: p99, per_second: held } = await load(context, { port: peer.port, ...request, connections: CONNECTIONS, requests: Math.round(rate * SECONDS), rate });
        runs.push([held, p99 / 1000]);
    }
    return runs.sort(([, a], [, b]) => a - b)[0];
}

// Both climb, step by step in turns, each in parts of what it carries at most, up to where it is overrun.
async function climb(context, peers, request) {
    const steps = {}, capacity = {};
    for (const [name, peer] of Object.entries(peers)) {
        ({ per_second: capacity[name] } = await load(context, { port: peer.port, ...request, connections: 64, requests: 60000 }));
        steps[name] = [];
    }
    for (let part = 0.3; part <= 1.2; part += STEP)
        for (const [name, peer] of Object.entries(peers))
            if ((steps[name].at(-1)?.[1] ?? 0) <= GIVEN_UP_MS) steps[name].push(await step(context, peer, request, capacity[name] * part));
    return steps;
}

// Up to the first step that misses it.
function best(steps, limit) {
    const missed = steps.findIndex(([, p99]) => p99 > limit);
    return (missed < 0 ? steps : steps.slice(0, missed)).at(-1)?.[0] ?? 0;
}

export async function run(context) {
    const bodies = writeQuestions(context);
    const upstream = await startNginx(context, completion, { name: 'nginx-upstream', core: context.cores.load });
    const ours = await startGateway(context, `http://127.0.0.1:${upstream.port}/v1`);
    const nginx = await startNginxProxy(context, upstream.port, { kept: 1024 });
    const steps = await climb(context, { ours, nginx }, question(ours, bodies));
    await checkNothingCached(ours);
    for (const limit of LIMITS_MS) {
        const [a, b] = [best(steps.ours, limit), best(steps.nginx, limit)];
        context.add({ figure: `requests per second at p99 ≤ ${limit} ms`, value: a, unit: '1/s', against: 'nginx, proxy_pass', ...(b && { ratio: a / b }) });
    }
    await Promise.all([ours, nginx, upstream].map((peer) => end(peer.server)));
}
