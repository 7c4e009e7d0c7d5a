// Penstock as a gateway of chats before one upstream, every stage on: key, rate, budgets, routing, cache (each question is a
// new one, so the cache is asked and filled), breaker, places, the call, cost, record and metrics.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { prepare, serve } from './penstock.mjs';

const QUESTIONS = 1000;

// What the upstream answers with: 1 KB.
export const completion = JSON.stringify({
    id: 'chatcmpl-0123456789abcdef', object: 'chat.completion', created: 1760000000, model: 'small-1',
    choices: [{ index: 0, message: { role: 'assistant', content: 'A penstock is a gated conduit. '.repeat(24) }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 200, completion_tokens: 190, total_tokens: 390 },
});

const chat = (i) => JSON.stringify({
    model: 'assistant', temperature: 0, max_tokens: 400,
    messages: [{ role: 'system', content: 'Answer briefly.' }, { role: 'user', content: `${i}, ############: ${'What is a penstock, and who needs one? '.repeat(21)}` }],
});

// A file with questions of 1 KB, a line each; http_load makes each one new.
export function writeQuestions(context) {
    const file = join(context.work, 'questions.ndjson');
    writeFileSync(file, Array.from({ length: QUESTIONS }, (_, i) => `${chat(i)}\n`).join(''));
    return file;
}

export const question = (gateway, bodies) => ({
    path: '/v1/chat/completions', headers: ['content-type: application/json', ...(gateway?.headers ?? [])], bodies, expect: ['"finish_reason":"stop"'],
});

// `more`: further options of the upstream, YAML.
export async function startGateway(context, url, { more = '', name = 'chat-gateway' } = {}) {
    const store = join(context.work, 'store-empty'), prices = join(context.work, 'prices.json');
    mkdirSync(store, { recursive: true });
    const price = { input_cost_per_token: 1.5e-7, output_cost_per_token: 6e-7 };
    writeFileSync(prices, JSON.stringify({ 'small-1': price, 'small-2': price }));
    const extra = `  models: ${prices}
upstreams:
  main: {kind: openai, url: "${url}", concurrency: 16384${more}}
budgets:
  - {scope: all, per: month, usd: 900000}
  - {scope: client, per: day, usd: 900000, tokens: 1000000000000}
`;
    const endpoints = 'assistant:\n  kind: chat\n  owner: bench@example.com\n  rollout: [{upstream: main, model: small-1}]\n';
    return serve(await prepare(context, { name, store, loops: 1, endpoints, extra }), context.cores.server);
}

// A benchmark of proxying is none where the cache answered.
export async function checkNothingCached({ port, headers }) {
    const reply = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: Object.fromEntries(headers.map((line) => line.split(': '))) });
    const hits = [...(await reply.text()).matchAll(/^penstock_cache_requests_total\{endpoint="assistant",result="hit"\} (\d+)/gm)];
    if (hits.length !== 1 || hits[0][1] !== '0') throw new Error(`the cache answered ${hits[0]?.[1] ?? 'an unknown number of'} requests`);
}
