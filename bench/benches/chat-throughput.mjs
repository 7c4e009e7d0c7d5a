// The highest rate at which the 99th percentile stays within 1, 5 and 10 ms: an open loop, one core, rates from low to high in steps of
// 5 % of what it carries at most. nginx's proxy_pass beside it, which does nothing but pass on.
import { completion, question, startGateway, writeQuestions } from '../gateway.mjs';
import { load } from '../load.mjs';
import { startNginx, startNginxProxy } from '../peers/nginx.mjs';
import { end } from '../processes.mjs';

const SECONDS = 2, CONNECTIONS = 512, LIMITS_MS = [1, 5, 10], STEP = 0.05, GIVEN_UP_MS = 50;

export const title = 'requests per second held within a latency, one core';

// [rate, p99 in ms] up to where it is overrun.
async function climb(context, peer, request) {
    const { per_second: capacity } = await load(context, { port: peer.port, ...request, connections: 64, requests: 60000 });
    const steps = [];
    for (let part = 0.3; part <= 1.3; part += STEP) {
        const rate = capacity * part;
        const { p99_us: p99, per_second: held } = await load(context, { port: peer.port, ...request, connections: CONNECTIONS, requests: Math.round(rate * SECONDS), rate });
        steps.push([held, p99 / 1000]);
        if (p99 / 1000 > GIVEN_UP_MS) break;
    }
    return steps;
}

const best = (steps, limit) => Math.max(0, ...steps.filter(([, p99]) => p99 <= limit).map(([rate]) => rate));

export async function run(context) {
    const bodies = writeQuestions(context);
    const upstream = await startNginx(context, completion, { name: 'nginx-upstream', core: context.cores.load });
    const ours = await startGateway(context, `http://127.0.0.1:${upstream.port}/v1`);
    const nginx = await startNginxProxy(context, upstream.port, { kept: 1024 });
    const request = question(ours, bodies), steps = {};
    for (const [name, peer] of Object.entries({ ours, nginx })) steps[name] = await climb(context, peer, request);
    for (const limit of LIMITS_MS) {
        const [a, b] = [best(steps.ours, limit), best(steps.nginx, limit)];
        context.add({ figure: `requests per second at p99 ≤ ${limit} ms`, value: a, unit: '1/s', against: 'nginx, proxy_pass', ratio: a / b });
    }
    await Promise.all([ours, nginx, upstream].map((peer) => end(peer.server)));
}
