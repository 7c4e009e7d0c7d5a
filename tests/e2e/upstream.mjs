// A scripted upstream: speaks OpenAI's APIs and Anthropic's messages, plays each way of failing, and remembers what it was
// asked. What it does with a request, the requested model's name says: scripts joined by "+", one for each request that
// names this model, the last one for all later ones ("error500+ok": the first request fails), or from the beginning again
// ("ok+error500+": every second one fails). A script is a word, with a number where it takes one, a key of `scripts`,
// `breaks` or `manners`; anything else answers as it should.
import http from 'node:http';
import https from 'node:https';
import { atEnd, sleep } from './penstock.mjs';
import { chunk, event, namedEvent, speech, usage } from './upstream_speech.mjs';

export { completion, sentence, structure, words } from './upstream_speech.mjs';

const anthropicTypes = { 400: 'invalid_request_error', 401: 'authentication_error', 404: 'not_found_error', 429: 'rate_limit_error', 529: 'overloaded_error' };

function fail({ reply, api }, status, error, headers = {}) {
  reply.writeHead(status, { 'content-type': 'application/json', ...headers });
  const body = { type: 'error', error: { type: anthropicTypes[status] ?? 'api_error', message: error.message } };
  reply.end(JSON.stringify(api.anthropic ? body : { error }));
}

const say = ({ reply }, type, body) => reply.writeHead(200, { 'content-type': type }).end(body);
const raw = ({ reply }, ...lines) => reply.socket.end(lines.join('\r\n'));
const head = (...more) => ['HTTP/1.1 200 OK', 'Content-Type: application/json', ...more, ''];

// Instead of an answer.
const scripts = {
  error: (call, status) => fail(call, status, { message: `scripted ${status}`, type: 'server_error', code: null, param: null }),
  invalid: (call) => fail(call, 400, { message: 'no such thing', type: 'invalid_request_error', code: 'invalid_value', param: 'messages[0].content' }),
  rate: (call, seconds) => fail(call, 429, { message: 'slow down', type: 'rate_limit_error', code: 'rate_limit_exceeded' }, { 'retry-after': seconds || '1' }),
  quota: (call) => fail(call, 429, { message: 'no money', type: 'insufficient_quota', code: 'insufficient_quota' }),
  length: (call) => fail(call, 400, { message: "This model's maximum context length is 9 tokens.", type: 'invalid_request_error', code: 'context_length_exceeded' }),
  twohundred: (call) => say(call, 'application/json', '{"error":{"message":"not really","type":"server_error"}}'),
  hang: () => {},
  headonly: ({ reply }) => reply.writeHead(200, { 'content-type': 'application/json' }).flushHeaders(),
  reset: ({ request }) => request.socket.resetAndDestroy(),
  hangup: ({ request }) => request.socket.end(),
  garbage: (call) => raw(call, 'this is not HTTP', '', ''),
  badjson: (call) => say(call, 'application/json', '{"choices": ['),
  nothing: (call) => say(call, 'application/json', ''),
  empty: (call) => say(call, 'application/json', '{}'),
  html: (call) => say(call, 'text/html', '<html>A proxy speaks.</html>'),
  redirect: ({ reply }) => reply.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
  deep: (call) => say(call, 'application/json', '['.repeat(100_000)),
  badutf: (call) => say(call, 'application/json', Buffer.from('{"choices":[{"message":{"content":"\xff\xfe"}}]}', 'latin1')),
  short: (call) => raw(call, ...head('Content-Length: 5000'), '{"choices":[]}'),
  twolengths: (call) => raw(call, ...head('Content-Length: 2', 'Content-Length: 14'), '{"choices":[]}'),
  badchunk: (call) => raw(call, ...head('Transfer-Encoding: chunked'), 'zz', '{"choices":[]}', '0', '', ''),
};

// In the middle of a stream, behind its second word. True: the stream is over, or left as it is.
const breaks = {
  cut: async ({ reply }) => {
    await sleep(30);
    reply.destroy();
  },
  stall: () => {},
  errorevent: ({ reply, api }) =>
    reply.end(api.anthropic ? namedEvent({ type: 'error', error: { type: 'overloaded_error', message: 'it broke' } }) : event({ error: { message: 'it broke', type: 'server_error' } })),
  brokenevent: ({ reply }) => reply.end(event('{"choices": [{')),
  halfline: ({ reply }) => reply.end('data: {"choices": [{"index": 0, "del'),
  badutfevent: ({ reply }) => reply.end(Buffer.from(event('{"choices":[{"index":0,"delta":{"content":"\xff\xfe"}}]}'), 'latin1')),
  nodone: ({ reply }) => reply.end(),
};

// How the events of a whole stream are changed: usage in odd places, other line ends, comments.
const manners = {
  usagefirst: (events) => [event(chunk({ role: 'assistant', content: '' }, null, { usage })), ...events.slice(1).filter((data) => !data.includes('total_tokens'))],
  usagewithend: (events) => events.filter((data) => !data.includes('total_tokens')).map((data) => (data.includes('"stop"') ? event(chunk({}, 'stop', { usage })) : data)),
  usagealways: (events) => events.map((data) => (data.includes('"choices":[{') ? event({ ...JSON.parse(data.slice(6)), usage: { ...usage, completion_tokens: 1, total_tokens: 13 } }) : data)),
  nousage: (events) => events.filter((data) => !data.includes('total_tokens')),
  crlf: (events) => [': a comment\r\n\r\n', ...events.map((data) => data.replaceAll('\n', '\r\n'))],
  tight: (events) => [events.join('').replaceAll('data: ', 'data:')],
};

async function stream({ reply, api, body }, word) {
  reply.writeHead(200, { 'content-type': 'text/event-stream' });
  const events = (manners[word] ?? ((list) => list))(api.events(body));
  let spoken = 0;
  for (const data of events) {
    if (word === 'drip') for (const byte of Buffer.from(data)) reply.write(Buffer.of(byte)), await sleep(1);
    else reply.write(data);
    spoken += /"(Hello| from)"/.test(data);
    if (breaks[word] && spoken === 2) return breaks[word]({ reply, api });
    await sleep(word === 'slow' ? 100 : 2);
  }
  reply.end();
}

async function whole({ reply, api, body }, word) {
  const bytes = JSON.stringify(api.whole(body));
  reply.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(bytes) });
  if (word === 'drip') for (const byte of bytes) reply.write(byte), await sleep(1);
  reply.end(word === 'drip' ? undefined : bytes);
}

async function play(script, call, says) {
  if (says[script]) call.body.says = says[script];
  const [, word, number] = /^([a-z]+)(\d*)$/.exec(script) ?? [, 'ok', ''];
  if (scripts[word]) return scripts[word](call, word === 'rate' ? number : Number(number));
  if (word === 'late') await sleep(Number(number));
  await (call.body.stream ? stream : whole)(call, word);
  if (word === 'closing') call.request.socket.end(); // though it said that the connection stays
}

function read(request) {
  return new Promise((done) => {
    const chunks = [];
    request.on('data', (bytes) => chunks.push(bytes));
    request.on('end', () => done(JSON.parse(Buffer.concat(chunks).toString())));
  });
}

// {url, asked: [{url, headers, body, port (the connection's)}], counts.left: how many clients went before their reply was
// whole, open(): lets those go on whose script is "held"}. Options: tls, {key, cert}; says, what else a script says: {word: {text, logprob}}.
export async function upstream(t, { tls, says = {} } = {}) {
  const asked = [];
  const counts = { left: 0 };
  const turns = new Map();
  let open;
  const opened = new Promise((done) => (open = done));
  const handle = async (request, reply) => {
    reply.on('close', () => (counts.left += !reply.writableFinished));
    request.on('error', () => {});
    const body = await read(request);
    asked.push({ body, headers: request.headers, url: request.url, port: request.socket.remotePort });
    const api = speech[Object.keys(speech).find((end) => request.url.endsWith(end))];
    if (!api) return reply.writeHead(404, { 'content-type': 'application/json' }).end('{"error":{"message":"no such path"}}');
    const list = body.model.split('+');
    const turn = turns.get(body.model) ?? 0;
    turns.set(body.model, turn + 1);
    const script = list.at(-1) ? list[Math.min(turn, list.length - 1)] : list[turn % (list.length - 1)];
    if (script === 'held') await opened;
    return play(script, { request, reply, api, body: { ...body } }, says).catch(() => {});
  };
  const server = tls ? https.createServer(tls, handle) : http.createServer(handle);
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  atEnd(t, () => {
    server.closeAllConnections();
    return new Promise((closed) => server.close(closed));
  });
  const { port } = server.address();
  return { url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}/v1`, asked, counts, open, server };
}
