#!/usr/bin/env node
// What clients see when an upstream fails, with and without a fallback: every failure that the scripted upstream can play,
// asked for whole and as a stream, against a real server. Prints a table; docs/faults.md holds one.
//
//   tests/e2e/fault_table.mjs [--requests N]     for each cell, four at a time; 40 unless told
//   tests/e2e/fault_table.mjs --write            puts the table into docs/faults.md
//
// The program is build/penstock, or that in $PENSTOCK_BUILD.
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { user } from './chats.mjs';
import { root, serve } from './penstock.mjs';
import { sentence, upstream } from './upstream.mjs';

const { values } = parseArgs({ options: { requests: { type: 'string', default: '40' }, write: { type: 'boolean' } } });
const REQUESTS = Number(values.requests), AT_ONCE = 4;

// script: [what it is in words, streams only]. A "~" before the script: one call in ten fails so, the others are good.
const failures = {
  ok: ['none'],
  refused: ['nobody listens'],
  reset: ['connection reset'],
  hangup: ['connection closed without a reply'],
  closing: ['connection closed after each reply, unsaid'],
  hang: ['no reply'],
  headonly: ['a head, then nothing'],
  error500: ['500'],
  error503: ['503'],
  rate: ['429, Retry-After: 1 s'],
  rate3000: ['429, Retry-After: 3,000 s'],
  quota: ['429 insufficient_quota'],
  error401: ['401'],
  invalid: ['400, the request is wrong'],
  length: ['400, context too long'],
  garbage: ['not HTTP'],
  redirect: ['302'],
  html: ["200, a proxy's HTML"],
  nothing: ['200, empty'],
  empty: ['200, {}'],
  badjson: ['200, half a JSON'],
  badutf: ['200, invalid UTF-8'],
  deep: ['200, 100,000 brackets'],
  twohundred: ['200 that carries an error'],
  short: ['200, shorter than its length'],
  twolengths: ['200, two lengths'],
  badchunk: ['200, a chunk without size'],
  late200: ['200 ms late'],
  '~error500': ['500, one call in ten'],
  '~reset': ['reset, one call in ten'],
  cut: ['stream cut off', true],
  stall: ['stream stalls', true],
  nodone: ['stream ends without its end', true],
  halfline: ['stream ends in half a line', true],
  errorevent: ['stream says an error', true],
  brokenevent: ['stream has half a JSON', true],
  badutfevent: ['stream has invalid UTF-8', true],
};

const scriptOf = (name) => (name.startsWith('~') ? `${'ok+'.repeat(9)}${name.slice(1)}+` : name);

const upstreamOf = (name, url) => ({
  kind: 'openai',
  url: name === 'refused' ? 'http://127.0.0.1:1/v1' : url,
  first_byte_timeout: '500ms',
  idle_timeout: '500ms',
});

const chat = (name, script, rest) => ({ kind: 'chat', cache: false, rollout: [{ upstream: name, model: script }], ...rest });

// What a client has in its hands: [whether it got the whole answer, how it would call it].
function seen(reply, streamed) {
  const decision = reply.headers['x-penstock-decision'];
  const whole = decision === 'fallback' ? "the fallback's answer" : 'the answer';
  if (reply.status !== 200) return [false, `${reply.status} ${reply.json?.error?.code ?? '?'}`];
  if (!streamed) return reply.json.choices?.[0]?.message?.content === sentence ? [true, whole] : [false, '200, NOT THE ANSWER'];
  const events = reply.text.split('\n\n').filter(Boolean).map((event) => event.replace(/^data: /, ''));
  if (events.at(-1) === '[DONE]') {
    const text = events.slice(0, -1).map((data) => JSON.parse(data).choices[0]?.delta?.content ?? '').join('');
    return text === sentence ? [true, whole] : [false, 'A STREAM WITH A GAP'];
  }
  const last = /"error"/.test(events.at(-1) ?? '') && JSON.parse(events.at(-1));
  return last?.error ? [false, `a part, then error event ${last.error.code}`] : [false, 'A STREAM THAT SAYS NOTHING'];
}

async function cell(server, model, streamed) {
  const kinds = new Map(), times = [];
  let good = 0;
  let left = REQUESTS;
  const ask = async () => {
    while (left-- > 0) {
      const started = performance.now();
      const body = { model, messages: user('Hello?'), stream: streamed };
      const reply = await server.request('POST', '/v1/chat/completions', { body, check: false, headers: { 'x-request-id': `${model}-${left}` } }).catch((error) => ({ status: error.code ?? 'no reply', headers: {} }));
      times.push(performance.now() - started);
      const [whole, what] = seen(reply, streamed);
      good += whole;
      kinds.set(what, (kinds.get(what) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, ask));
  times.sort((a, b) => a - b);
  const at = (share) => Math.round(times[Math.min(times.length - 1, Math.floor(share * times.length))]);
  const what = [...kinds].sort((a, b) => b[1] - a[1]).map(([kind, count]) => (kinds.size > 1 ? `${kind} (${count})` : kind)).join(', ');
  return [what, `${Math.round((100 * good) / REQUESTS)} %`, `${at(0.5)} / ${at(0.95)}`];
}

function table(rows) {
  const head = ['upstream', 'asked', 'without fallback: the client saw', 'served', 'ms p50 / p95', 'with fallback: the client saw', 'served', 'ms p50 / p95'];
  const width = head.map((text, i) => Math.max(text.length, ...rows.map((row) => row[i].length)));
  const line = (cells) => `| ${cells.map((text, i) => text.padEnd(width[i])).join(' | ')} |`;
  return [line(head), `|${width.map((n) => '-'.repeat(n + 2)).join('|')}|`, ...rows.map(line), ''].join('\n');
}

async function main(t) {
  const up = await upstream(t);
  const upstreams = { well: { kind: 'openai', url: up.url } }, endpoints = {};
  const cells = [];
  for (const [name, [words, streamsOnly]] of Object.entries(failures))
    for (const streamed of streamsOnly ? [true] : [false, true]) {
      const id = `${name.replace('~', 'some-')}${streamed ? '-s' : ''}`;
      for (const [rescued, fallbacks] of [[false, undefined], [true, [{ upstream: 'well', model: 'ok' }]]]) {
        const own = `${id}${rescued ? '-f' : ''}`; // an upstream each, so that no breaker knows of another row
        upstreams[own] = upstreamOf(name, up.url);
        endpoints[own] = chat(own, scriptOf(name), fallbacks && { fallbacks });
      }
      cells.push([words, streamed, id]);
    }
  const server = await serve(t, { upstreams, endpoints, limits: { rate: 1000000 } });
  const rows = [];
  for (const [words, streamed, id] of cells) {
    rows.push([words, streamed ? 'streamed' : 'whole', ...(await cell(server, id, streamed)), ...(await cell(server, `${id}-f`, streamed))]);
    console.error(`fault_table: ${rows.length} of ${cells.length}`);
  }
  await server.healthy();
  return table(rows);
}

function write(text) {
  const file = path.join(root, 'docs/faults.md');
  const [before, after] = [/[^]*<!-- table -->\n/, /<!-- end of the table -->[^]*/].map((part) => part.exec(fs.readFileSync(file, 'utf8'))[0]);
  fs.writeFileSync(file, `${before}\n${text}\n${after}`);
}

const endings = [];
try {
  const text = await main({ after: (work) => endings.push(work) });
  console.log(text);
  if (values.write) write(text);
} finally {
  for (const work of endings) await work();
}
