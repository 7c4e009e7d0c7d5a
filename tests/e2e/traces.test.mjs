// Traces as OTLP over HTTP, received by a collector that knows both published encodings: the shape of every span, whose child
// each is, who decides what is traced, and that a collector that is ill costs no request anything.
import assert from 'node:assert/strict';
import test from 'node:test';
import { start, recordOf, user } from './chats.mjs';
import { collector } from './collector.mjs';
import { command, folder, serve, sleep, storeWithModels, until } from './penstock.mjs';
import { billingText } from './samples.mjs';

const trace = 'ab'.repeat(16), caller = 'cd'.repeat(8);
const parent = (sampled, id = trace) => ({ traceparent: `00-${id}-${caller}-0${sampled}` });
const metric = async (server, name) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec((await server.get('/metrics')).text)[1]);

test('a chat that was retried, as spans', { timeout: 300_000 }, async (t) => {
  const got = await collector(t);
  process.env.OTLP_HEADER = 'authorization: Bearer of-the-collector';
  const { up, server, ask } = await start(t, { telemetry: { otlp: got.url, header: '${env:OTLP_HEADER}', sample: '0%' }, fails: { flaky: 'error500' }, more: { pair: { kind: 'chat', rollout: [{ upstream: 'main', model: 'error500' }], fallbacks: [{ model: 'ok', upstream: 'main' }] } } });
  const reply = await ask('pair', {}, { headers: parent(1) });
  assert.equal(reply.status, 200, reply.text);
  const request = await until('the spans', () => got.spans.find((span) => span.kind === 2));
  assert.equal(request.traceId, trace);
  assert.equal(request.parentSpanId, caller);
  assert.equal(request.name, 'chat pair');
  assert.equal(request.at['penstock.request_id'], reply.headers['x-request-id']);
  assert.equal(request.at['http.response.status_code'], '200');
  assert.equal(request.at['gen_ai.operation.name'], 'chat');
  assert.ok(Number(request.at['gen_ai.usage.output_tokens']) > 0);
  assert.equal(request.status, undefined);
  assert.ok(got.spans.every((span) => span === request || (span.traceId === trace && span.parentSpanId === request.spanId)));
  const calls = got.spans.filter((span) => span.kind === 3);
  assert.ok(calls.length >= 3, 'a call, its retries, and the fallback');
  assert.equal(calls[0].at['error.type'], 'server');
  assert.equal(calls[0].at['http.response.status_code'], '500');
  assert.equal(calls[0].status.message, 'server');
  assert.equal(calls[1].at['http.request.resend_count'], '1');
  assert.equal(calls.at(-1).at['gen_ai.request.model'], 'ok');
  assert.equal(calls.at(-1).status, undefined);
  // each is the one that the upstream was told
  assert.deepEqual(up.asked.map(({ headers }) => headers.traceparent), calls.map(({ spanId }) => `00-${trace}-${spanId}-01`));
  const stages = got.spans.filter((span) => span.kind === 1);
  assert.ok(stages.some(({ name }) => name === 'call') && stages.some(({ name }) => name === 'authenticate'));
  assert.equal(got.headers[0].authorization, 'Bearer of-the-collector');
  assert.equal(got.headers[0]['content-type'], 'application/json');
  assert.ok(!server.stderr.includes('of-the-collector'));
  // The same story without a collector: the record, the log line, the command.
  const id = reply.headers['x-request-id'];
  const record = await recordOf(server, id);
  const { body: whole } = await server.get(`/v1/requests/${id}`, { check: true });
  assert.ok(whole.length > 0);
  assert.equal(record.calls.length, calls.length);
  assert.deepEqual(record.calls.map(({ failure }) => failure), calls.map(({ at }) => at['error.type'] ?? null));
  assert.equal(record.trace_id, trace);
  const line = await server.logged('request', (one) => one.request_id === id);
  assert.equal(line.trace_id, trace);
  assert.match((await command(['requests', 'show', id, '-c', server.configPath], { env: { OTLP_HEADER: process.env.OTLP_HEADER } })).stdout, /calls .*main\/error500, attempt 1, .*server \(500\)\n.*attempt 2/);
});

test('a hedge and a summary, in protobuf', { timeout: 300_000 }, async (t) => {
  const got = await collector(t);
  const turns = Array.from({ length: 40 }, (_, i) => [...user(`Question ${i}: ${'what about it? '.repeat(4)}`), { role: 'assistant', content: `Answer ${i}.` }]).flat();
  const chat = (model, more) => ({ kind: 'chat', cache: false, rollout: [{ upstream: 'main', model }], ...more });
  const { up, ask } = await start(t, {
    telemetry: { otlp: got.url, sample: '0%', encoding: 'protobuf' },
    upstreamMore: { first_byte_timeout: '20s', idle_timeout: '20s' },
    more: {
      scribe: chat('crlf'),
      summarised: chat('ok', { context: { window: 400, on_limit: 'summarise', summarise_with: 'scribe' } }),
      hedged: chat('hang+ok', { hedge: '99%' }),
    },
  });
  let asked = 0;
  // The calls of one request in the order in which they began, by their purpose.
  const callsOf = async (endpoint, rest) => {
    const id = (++asked).toString(16).padStart(32, '0');
    up.asked.length = 0;
    const reply = await ask(endpoint, rest, { headers: parent(1, id) });
    assert.equal(reply.status, 200, reply.text);
    const mine = () => got.spans.filter((span) => span.traceId === id);
    const request = await until('the spans', () => mine().find((span) => span.kind === 2));
    assert.equal(request.parentSpanId, caller);
    assert.ok(mine().every((span) => span === request || span.parentSpanId === request.spanId));
    const calls = mine().filter((span) => span.kind === 3).sort((a, b) => (BigInt(a.startTimeUnixNano) < BigInt(b.startTimeUnixNano) ? -1 : 1));
    const told = up.asked.map(({ headers }) => headers.traceparent).sort();
    assert.deepEqual(told, calls.map(({ spanId }) => `00-${id}-${spanId}-01`).sort(), 'each is the one that the upstream was told');
    return calls.map(({ at }) => [at['penstock.call'], at['gen_ai.request.model'], at['error.type'] ?? null].join(' ').trim());
  };
  for (let i = 0; i < 25; i++) assert.equal((await ask('assistant')).status, 200); // what is late shows after 20
  assert.deepEqual(await callsOf('assistant', {}), ['answer ok']);
  assert.deepEqual(await callsOf('summarised', { messages: [...turns, ...user('The last question?')] }), ['summary crlf', 'answer ok']);
  assert.deepEqual(await callsOf('hedged', {}), ['answer hang+ok cancelled', 'hedge hang+ok']);
  assert.equal(got.headers[0]['content-type'], 'application/x-protobuf');
});

test('who decides what is traced', { timeout: 300_000 }, async (t) => {
  const got = await collector(t), store = await storeWithModels(t);
  const endpoints = { tickets: { rollout: [{ model: 'tickets@1' }], accept_threshold: 0, cache: false } };
  const config = (sample) => ({ telemetry: { otlp: got.url, sample }, endpoints });
  let server = await serve(t, config('0%'), { store });
  await server.answer('tickets', { text: billingText });
  await server.answer('tickets', { text: billingText }, { headers: parent(0) });
  await server.refused('tickets', { words: 'x' }, 400, 'invalid_field', { check: false }).catch(() => {});
  await server.answer('tickets', { text: billingText }, { headers: parent(1) });
  await until('the caller\'s', () => got.spans.some((span) => span.kind === 2));
  assert.equal(got.spans.filter((span) => span.kind === 2).length, 1, 'nothing else');
  assert.equal(got.spans[0].traceId, trace);
  assert.equal(got.spans[0].name, 'predict tickets');
  assert.equal(got.spans[0].at['penstock.model'], 'tickets@1');
  await server.stop();
  got.spans.length = 0;
  server = await serve(t, config('100%'), { store });
  for (let i = 0; i < 50; i++) await server.answer('tickets', { text: `${billingText} ${i}` });
  await server.answer('tickets', { text: billingText }, { headers: parent(0) }); // the caller does not want it
  await server.stop(); // what waits is sent before the end
  const requests = got.spans.filter((span) => span.kind === 2);
  assert.equal(requests.length, 50);
  assert.equal(new Set(requests.map(({ traceId }) => traceId)).size, 50);
  assert.ok(requests.every(({ parentSpanId }) => parentSpanId === undefined));
  got.spans.length = 0;
  server = await serve(t, config('20%'), { store });
  for (let i = 0; i < 300; i++) await server.answer('tickets', { text: `${billingText} ${i}` });
  await server.stop();
  const share = got.spans.filter((span) => span.kind === 2).length / 300;
  assert.ok(share > 0.08 && share < 0.35, `${share}`); // ± 5 sigma
});

test('5xx is always traced', { timeout: 300_000 }, async (t) => {
  const got = await collector(t);
  const { ask } = await start(t, { telemetry: { otlp: got.url, sample: '0%' }, fails: { broken: 'error500' }, upstreamMore: { retry: { attempts: 1 } } });
  assert.equal((await ask('assistant')).status, 200);
  const reply = await ask('broken');
  assert.ok(reply.status >= 500, reply.text);
  const request = await until('the spans', () => got.spans.find((span) => span.kind === 2));
  assert.equal(request.at['penstock.endpoint'], 'broken');
  assert.equal(request.status.code, 2);
  await sleep(1200);
  assert.equal(got.spans.filter((span) => span.kind === 2).length, 1);
});

test('a collector that is ill', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const endpoints = { tickets: { rollout: [{ model: 'tickets@1' }], accept_threshold: 0 } };
  const slowest = async (server, n) => {
    let most = 0;
    for (let i = 0; i < n; i++) {
      const began = performance.now();
      await server.answer('tickets', { text: `${billingText} ${i}` });
      most = Math.max(most, performance.now() - began);
    }
    return most;
  };
  await t.test('503 with Retry-After: sent again', async () => {
    const got = await collector(t, (response, n) => (n < 3 ? response.writeHead(503, { 'retry-after': '0' }).end() : response.writeHead(200).end('{}')));
    const server = await serve(t, { telemetry: { otlp: got.url, sample: '100%' }, endpoints }, { store });
    await slowest(server, 5);
    await until('the third message', () => got.spans.length > 0);
    await until('the count', async () => (await metric(server, 'penstock_spans_exported_total')) === got.spans.length);
    await server.stop();
  });
  await t.test('400: dropped and counted', async () => {
    const got = await collector(t, (response) => response.writeHead(400).end('no'));
    const server = await serve(t, { telemetry: { otlp: got.url, sample: '100%' }, endpoints }, { store });
    await slowest(server, 5);
    await until('the count', async () => (await metric(server, 'penstock_spans_failed_total')) > 0);
    await server.logged('tracing.lost', (line) => /status 400/.test(line.message));
    await server.stop();
  });
  await t.test('one that hangs, and one that is not there', async () => {
    const hanging = await collector(t, () => {});
    for (const otlp of [hanging.url, 'http://127.0.0.1:1/v1/traces']) {
      const server = await serve(t, { telemetry: { otlp, sample: '100%' }, limits: { rate: 100000 }, endpoints }, { store });
      await slowest(server, 20);
      await until('a first message under way', () => otlp !== hanging.url || hanging.messages > 0);
      assert.ok((await slowest(server, 300)) < 9000, 'nobody waits for it');
      const began = Date.now();
      await server.stop();
      assert.ok(Date.now() - began < 60_000, 'nor does the end');
    }
  });
  for (const [telemetry, says] of [[{ otlp: 'ftp://x/' }, /otlp/], [{ otlp: 'http://x/', ca: 'no.pem' }, /ca/], [{ sample: '200%' }, /sample/]]) {
    const dir = folder(t), fs = await import('node:fs');
    fs.writeFileSync(`${dir}/p.yaml`, JSON.stringify({ telemetry, endpoints: {} }));
    assert.match((await command(['config', 'check', '-c', `${dir}/p.yaml`], { code: 2 })).stderr, says);
  }
});
