// What others can know of a request: the caller's trace goes on to the upstream and into the record, and calls to language models are
// counted by the names of OpenTelemetry's conventions.
import assert from 'node:assert/strict';
import test from 'node:test';
import { recordOf, start, user } from './chats.mjs';

const id = '0af7651916cd43dd8448eb211c80319c', parent = `00-${id}-b7ad6b7169203331-01`;

test('a trace context goes through', { timeout: 300_000 }, async (t) => {
  const { up, server, ask } = await start(t, { fails: { twice: 'error500+ok' } });
  let seed = 1;
  const sent = (headers) => ask('assistant', { seed: seed++ }, { headers: { 'content-type': 'application/json', ...headers } });
  const reply = await sent({ traceparent: parent, tracestate: 'vendor=1' });
  const { headers } = up.asked.at(-1);
  assert.match(headers.traceparent, new RegExp(`^00-${id}-[0-9a-f]{16}-01$`));
  assert.notEqual(headers.traceparent, parent, 'the call is a span of its own');
  assert.equal(headers.tracestate, 'vendor=1');
  assert.equal((await recordOf(server, reply.headers['x-request-id'])).trace_id, id);
  const line = await server.logged('request', (one) => one.request_id === reply.headers['x-request-id']);
  assert.equal(line.trace_id, id);

  await ask('twice', {}, { headers: { 'content-type': 'application/json', traceparent: parent } });
  const spans = up.asked.slice(-2).map((asked) => asked.headers.traceparent);
  assert.equal(new Set(spans).size, 2, 'each attempt is one');

  const none = await sent({ traceparent: `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, tracestate: 'vendor=1' });
  assert.equal(none.status, 200);
  assert.equal(up.asked.at(-1).headers.traceparent, undefined, 'what is no trace is not passed on');
  assert.equal(up.asked.at(-1).headers.tracestate, undefined);
  assert.equal('trace_id' in (await recordOf(server, none.headers['x-request-id'])), false);
});

test('metrics of language models', { timeout: 300_000 }, async (t) => {
  const { server, ask } = await start(t, { fails: { failing: 'error500' }, more: { dear: { kind: 'chat', rollout: [{ upstream: 'main', model: 'slow' }] } } });
  for (let i = 0; i < 3; i++) assert.equal((await ask('assistant', { seed: i })).status, 200);
  assert.equal((await ask('dear', { stream: true, messages: user('slowly') })).status, 200);
  assert.equal((await ask('failing')).status, 502);
  const { text } = await server.get('/metrics');
  const value = (name, labels = {}) => {
    const wanted = Object.entries(labels).map(([key, text]) => `${key}="${text}"`);
    const found = text.split('\n').filter((line) => line.startsWith(`${name}{`) && wanted.every((label) => line.includes(label)));
    return found.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  };
  const of = { endpoint: 'assistant', model: 'main/ok' }, whole = { ...of, gen_ai_operation_name: 'chat', gen_ai_provider_name: 'openai', gen_ai_request_model: 'ok' }, streamed = { endpoint: 'dear' };
  assert.equal(value('gen_ai_client_operation_duration_seconds_count', whole), 3);
  assert.ok(value('gen_ai_client_operation_duration_seconds_sum', whole) > 0);
  assert.equal(value('gen_ai_client_token_usage_sum', { ...whole, gen_ai_token_type: 'input' }), 36);
  assert.equal(value('gen_ai_client_token_usage_sum', { ...whole, gen_ai_token_type: 'output' }), 9);
  assert.equal(value('gen_ai_client_operation_duration_seconds_count', { endpoint: 'failing', gen_ai_request_model: 'error500' }), 1, 'a request that fails took its time, too');
  assert.equal(value('gen_ai_client_operation_duration_seconds_count', { endpoint: 'failing', error_type: 'upstream_failed' }), 1, 'and what it failed of is said');
  assert.equal(text.split('\n').filter((line) => line.includes('error_type') && line.includes('"assistant"')).length, 0, 'a good one has no such label');
  assert.equal(value('gen_ai_server_time_to_first_token_seconds_count', whole), 0, 'a whole reply has no first token');
  assert.equal(value('gen_ai_server_time_to_first_token_seconds_count', streamed), 1);
  assert.equal(value('gen_ai_server_time_per_output_token_seconds_count', streamed), 1);
  assert.ok(value('gen_ai_server_time_per_output_token_seconds_sum', streamed) > 0.05);
  assert.equal(value('penstock_overhead_seconds_count', of), 3);
  assert.equal(value('penstock_unpriced_requests_total', of), 3, 'no price list: unknown, not free');
});
