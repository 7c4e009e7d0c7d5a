// A whole chat of 1 KB through the gateway, every stage on: key, rate, budget, routing, cache (each question is a new one, so
// the cache is asked and filled), breaker, places, the call, cost, record and metrics. CPU per request against nginx's
// proxy_pass alone, in turns on one core; the upstream and the generator have the other.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from '../load.mjs';
import { startNginx, startNginxProxy } from '../peers/nginx.mjs';
import { prepare, serve } from '../penstock.mjs';
import { end } from '../processes.mjs';
import { median, ratios, spread } from '../statistics.mjs';
import { measure } from './predict-text.mjs';

const REQUESTS = 60000, WARM_UP = 6000, QUESTIONS = 70000;

export const title = 'a chat of 1 KB through the gateway, every stage on';

const completion = JSON.stringify({
    id: 'chatcmpl-0123456789abcdef', object: 'chat.completion', created: 1760000000, model: 'small-1',
    choices: [{ index: 0, message: { role: 'assistant', content: 'A penstock is a gated conduit. '.repeat(24) }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 200, completion_tokens: 190, total_tokens: 390 },
});

const chat = (i) => JSON.stringify({
    model: 'assistant', temperature: 0, max_tokens: 400,
    messages: [{ role: 'system', content: 'Answer briefly.' }, { role: 'user', content: `${i}: ${'What is a penstock, and who needs one? '.repeat(21)}` }],
});

async function startGateway(context, upstreamPort) {
    const store = join(context.work, 'store-empty'), prices = join(context.work, 'prices.json');
    mkdirSync(store, { recursive: true });
    writeFileSync(prices, JSON.stringify({ 'small-1': { input_cost_per_token: 1.5e-7, output_cost_per_token: 6e-7 } }));
    const extra = `  models: ${prices}
upstreams:
  main: {kind: openai, url: "http://127.0.0.1:${upstreamPort}/v1", concurrency: 4096}
budgets:
  - {scope: all, per: month, usd: 900000}
  - {scope: client, per: day, usd: 900000, tokens: 1000000000000}
`;
    const endpoints = 'assistant:\n  kind: chat\n  owner: bench@example.com\n  rollout: [{upstream: main, model: small-1}]\n';
    return serve(await prepare(context, { name: 'chat-proxy', store, loops: 1, endpoints, extra }), context.cores.server);
}

export async function run(context) {
    const bodies = join(context.work, 'questions.ndjson');
    writeFileSync(bodies, Array.from({ length: QUESTIONS }, (_, i) => `${chat(i)}\n`).join(''));
    const upstream = await startNginx(context, completion, { name: 'nginx-upstream', core: context.cores.load });
    const ours = await startGateway(context, upstream.port);
    const nginx = await startNginxProxy(context, upstream.port, { kept: 1024 });
    for (const connections of [64, 256, 1000]) {
        const request = { path: '/v1/chat/completions', headers: ['content-type: application/json', ...ours.headers], bodies, connections, expect: ['"finish_reason":"stop"'] };
        const runs = { ours: [], nginx: [] };
        for (const peer of [ours, nginx]) await load(context, { port: peer.port, ...request, requests: WARM_UP });
        for (let round = 0; round < context.rounds; round++) {
            runs.nginx.push(await measure(context, nginx, { ...request, requests: REQUESTS }));
            runs.ours.push(await measure(context, ours, { ...request, requests: REQUESTS }));
        }
        const us = (list) => list.map((r) => r.us), cpu = ratios(us(runs.ours), us(runs.nginx));
        context.add({ figure: `CPU per request, ${connections} connections`, value: median(us(runs.ours)), unit: 'µs', against: 'nginx, proxy_pass', ratio: median(cpu), spread: spread(cpu), limit: { of: 'ratio', most: 1.2 } });
        context.add({ figure: `of it on the loop, ${connections} connections`, value: median(runs.ours.map((r) => r.loopUs)), unit: 'µs' });
        context.add({ figure: `CPU per request, nginx, ${connections} connections`, value: median(us(runs.nginx)), unit: 'µs' });
    }
    await Promise.all([ours, nginx, upstream].map((peer) => end(peer.server)));
}
