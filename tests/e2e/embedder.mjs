// A stand-in for an embedding model, and questions to ask it: no model at all, but a dictionary. It knows which action and which
// thing each of its words means, so that questions that mean the same lie near each other whatever their words are, and all
// others do not. What it does beside answering, `mode` says.
import { createHash } from 'node:crypto';
import http from 'node:http';
import { atEnd, sleep } from './penstock.mjs';

export const actions = ['order request obtain', 'find locate discover', 'replace swap exchange', 'share hand pass', 'check verify inspect', 'extend prolong lengthen', 'rename relabel retitle', 'print copy duplicate', 'sort arrange organise', 'rate assess grade'].map((list) => list.split(' '));
export const things = ['card plastic chip', 'invoice bill account', 'receipt slip voucher', 'statement summary overview', 'parcel package box', 'ticket permit token', 'folder binder file', 'ladder stairs steps', 'kettle boiler pot', 'lantern lamp torch', 'basket hamper crate', 'blanket quilt cover'].map((list) => list.split(' '));
const ways = ['how do I {a} my {t}', 'how can I {a} the {t}', 'what is the way how I {a} a {t}', 'tell me how I {a} this {t}'];
const topics = actions.length * things.length, variants = 36;

// The same question in so many ways: variants 0 to 35.
export const question = (action, thing, variant = 0) =>
  ways[variant % 4].replace('{a}', actions[action][Math.floor(variant / 4) % 3]).replace('{t}', things[thing][Math.floor(variant / 12)]);

// Labelled pairs as a CSV file; no text comes twice.
export function pairs(same, different) {
  const rows = ['label,text_a,text_b'];
  const used = new Set();
  const take = (topic, from) => {
    for (let i = 0; i < variants; i++) {
      const text = question(topic % actions.length, Math.floor(topic / actions.length) % things.length, (from + 5 * i) % variants);
      if (!used.has(text)) return used.add(text), text;
    }
  };
  for (let i = 0; i < same; i++) rows.push(`same,${take(i % topics, 7 * i)},${take(i % topics, 7 * i + 13)}`);
  for (let i = 0; i < different; i++) rows.push(`different,${take(i % topics, 7 * i)},${take((i + (i % 2 ? 1 : actions.length)) % topics, 7 * i)}`);
  return `${rows.join('\n')}\n`;
}

const dimensions = 24;
function direction(seed, length = 1) {
  const bytes = createHash('sha256').update(seed).digest();
  const vector = Array.from({ length: dimensions }, (_, i) => bytes[i] - 127.5);
  const size = Math.hypot(...vector);
  return vector.map((value) => (value / size) * length);
}

const meaning = (text, words, kind) => {
  const at = words.findIndex((list) => list.some((word) => new RegExp(`\\b${word}\\b`).test(text)));
  return direction(`${kind} ${at}`);
};
const vectorOf = (text) => {
  const parts = [meaning(text, actions, 'action'), meaning(text, things, 'thing'), direction(text, 0.25)];
  return parts[0].map((value, i) => value + parts[1][i] + parts[2][i]);
};

const reply = (body, change = (vector) => vector) => ({
  object: 'list',
  model: body.model,
  data: body.input.map((text, index) => ({ object: 'embedding', index, embedding: change(vectorOf(text)) })),
  usage: { prompt_tokens: 5 * body.input.length, total_tokens: 5 * body.input.length },
});

// `turn`: how many requests came in this mode before.
const modes = {
  growing: (body, turn) => JSON.stringify(reply(body, (vector) => (turn ? [...vector, 1] : vector))),
  lost: (body) => JSON.stringify(reply(body, (vector) => vector.map((value) => -value))),
  good: (body) => JSON.stringify(reply(body)),
  shorter: (body) => JSON.stringify(reply(body, (vector) => vector.slice(1))),
  nan: (body) => JSON.stringify(reply(body)).replace(/("embedding":\[)[^,]+/g, '$1NaN'),
  missing: (body) => JSON.stringify(reply(body, (vector) => vector.map((value, i) => (i === 3 ? null : value)))),
  zero: (body) => JSON.stringify(reply(body, (vector) => vector.map(() => 0))),
  base64: (body) => JSON.stringify(reply(body, (vector) => Buffer.from(Float32Array.from(vector).buffer).toString('base64'))),
  none: () => JSON.stringify({ object: 'list', data: [] }),
  garbage: () => '{"data": [',
  untold: (body) => JSON.stringify({ ...reply(body), usage: undefined }),
};

// {url, asked: [{body, headers}], left: how many went before their answer was there, mode: one of the above, "error" with a
// status ("error500"), "first" with that of the first reply only, "hang", or "late" with milliseconds. May be changed at any time}.
export async function embedder(t) {
  const it = { asked: [], left: 0, mode: 'good' };
  let last, turn;
  const server = http.createServer(async (request, answer) => {
    request.on('error', () => {});
    answer.on('close', () => (it.left += !answer.writableFinished));
    const chunks = [];
    for await (const bytes of request) chunks.push(bytes);
    const body = JSON.parse(Buffer.concat(chunks).toString());
    it.asked.push({ url: request.url, body, headers: request.headers });
    turn = it.mode === last ? turn + 1 : 0;
    last = it.mode;
    const [, word, number] = /^([a-z]+?)(\d*)$/.exec(it.mode === 'base64' ? 'base' : it.mode);
    if (word === 'hang') return;
    if (word === 'error' || (word === 'first' && turn === 0)) return answer.writeHead(Number(number), { 'content-type': 'application/json' }).end(`{"error":{"message":"scripted ${number}"}}`);
    if (word === 'late') await sleep(Number(number));
    answer.writeHead(200, { 'content-type': 'application/json' }).end((modes[it.mode] ?? modes.good)(body, turn));
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  atEnd(t, () => {
    server.closeAllConnections();
    return new Promise((closed) => server.close(closed));
  });
  return Object.assign(it, { url: `http://127.0.0.1:${server.address().port}/v1` });
}
