// Streams: each way of breaking in each client's API from each kind of upstream, odd manners that are none, what is
// recorded and billed of a part, other line ends, TLS, connections that are no more.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { recordOf, start, user } from './chats.mjs';
import { folder } from './penstock.mjs';
import { sentence } from './upstream.mjs';

const eventsOf = (text) => text.split('\n\n').filter(Boolean).map((event) => event.replace(/^(event: [^\n]*\n)?data: /, ''));
const paths = {
  '/v1/chat/completions': { body: { messages: user('Hello?') }, ends: (data) => data === '[DONE]' },
  '/v1/completions': { body: { prompt: 'Hello?' }, ends: (data) => data === '[DONE]' },
  '/v1/messages': { body: { max_tokens: 99, messages: user('Hello?') }, ends: (data) => data.includes('message_stop') },
  '/v1/responses': { body: { input: 'Hello?' }, ends: (data) => data.includes('response.completed') },
};
const torn = ['cut', 'stall', 'errorevent', 'brokenevent', 'halfline', 'badutfevent', 'nodone'];

for (const kind of ['openai', 'anthropic'])
  test(`a stream that breaks says so in every API, upstream ${kind}`, { timeout: 300_000 }, async (t) => {
    const { post, server } = await start(t, { kind, fails: Object.fromEntries(torn.map((script) => [script, script])) });
    for (const [target, { body, ends }] of Object.entries(paths))
      await t.test(target, async () => {
        const whole = await post(target, { model: 'assistant', stream: true, ...body });
        assert.ok(ends(eventsOf(whole.text).at(-1)), whole.text);
        for (const model of torn) {
          const reply = await post(target, { model, stream: true, ...body });
          const events = eventsOf(reply.text);
          assert.equal(reply.status, 200, `${model}: ${reply.text}`);
          assert.ok(!events.some(ends), `${model} is not said to be whole: ${reply.text}`);
          assert.match(reply.text, /Hello/, model);
          assert.match(events.at(-1), /"(upstream_failed|deadline_exceeded|overloaded|api_error|timeout_error|overloaded_error)"/, model);
          assert.match(events.at(-1), new RegExp(reply.headers['x-request-id']), `${model}: it can be looked up`);
          const record = await recordOf(server, reply.headers['x-request-id']);
          assert.equal(record.decision, 'rejected', model);
          assert.match(record.error.code, /upstream_failed|deadline_exceeded|overloaded/, model);
        }
      });
    await server.healthy();
  });

test('odd manners are no failures', { timeout: 300_000 }, async (t) => {
  const manners = ['usagefirst', 'usagewithend', 'usagealways', 'nousage', 'crlf', 'tight', 'drip', 'slow', 'closing'];
  const { ask, server } = await start(t, { fails: Object.fromEntries(manners.map((script) => [script, script])) });
  for (const model of manners)
    for (const options of [undefined, { include_usage: true }]) {
      const reply = await ask(model, { stream: true, stream_options: options });
      const events = eventsOf(reply.text);
      assert.equal(events.pop(), '[DONE]', `${model}: ${reply.text}`);
      const chunks = events.map((data) => JSON.parse(data));
      assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta?.content ?? '').join(''), sentence, model);
      if (model !== 'nousage') {
        const record = await recordOf(server, reply.headers['x-request-id']);
        assert.match(JSON.stringify(record), /"input_tokens":12.*"output_tokens":3/, `${model}: billed once, by the last count`);
      }
    }
  await server.healthy();
});

test('a connection that the upstream closed unsaid is not seen', { timeout: 300_000 }, async (t) => {
  const { ask, up } = await start(t, { upstreamMore: { retry: { attempts: 1 } }, fails: { closing: 'closing' }, server: { loops: 1 } });
  for (let i = 0; i < 20; i++) assert.equal((await ask('closing', { n: 1, seed: i })).status, 200);
  assert.ok(up.asked.length >= 20 && up.asked.length <= 40);
  for (let i = 0; i < 5; i++) assert.equal((await ask('assistant', { seed: i })).status, 200);
  assert.equal(new Set(up.asked.slice(-4).map((call) => call.port)).size, 1, 'one that stays is used again');
});

// A private authority and a certificate for 127.0.0.1 that it signed.
function authority(t) {
  const dir = folder(t);
  const openssl = (...args) => execFileSync('openssl', args, { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=Test authority', '-keyout', 'ca.key', '-out', 'ca.pem');
  openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=upstream', '-keyout', 'key.pem', '-out', 'request.pem');
  fs.writeFileSync(path.join(dir, 'names'), 'subjectAltName=IP:127.0.0.1\n');
  openssl('x509', '-req', '-days', '2', '-in', 'request.pem', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names', '-out', 'cert.pem');
  const read = (name) => fs.readFileSync(path.join(dir, name));
  return { ca: path.join(dir, 'ca.pem'), tls: { key: read('key.pem'), cert: read('cert.pem') } };
}

test('an upstream with TLS and an authority of its own', { timeout: 300_000 }, async (t) => {
  const { ca, tls } = authority(t);
  await t.test('is trusted where the configuration says so', async (t) => {
    const { ask } = await start(t, { tls, upstreamMore: { ca } });
    for (const stream of [false, true]) assert.match((await ask('assistant', { stream })).text, /Hello/);
  });
  await t.test('and only there', async (t) => {
    const { ask, up } = await start(t, { tls, upstreamMore: { retry: { attempts: 1 } } });
    const reply = await ask('assistant');
    assert.equal(`${reply.status} ${reply.json.error.code}`, '502 upstream_failed', reply.text);
    assert.match(reply.json.error.message, /certificate/);
    assert.equal(up.asked.length, 0);
  });
});
