// Responses that build on earlier ones by their ID: kept here, so that any upstream can be asked, for their own client only.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { anthropicClient, openaiClient, start, user } from './chats.mjs';
import { judges, skip } from './judges.mjs';
import { createKey, folder, serve, sleep, until } from './penstock.mjs';
import { sentence, upstream } from './upstream.mjs';

const textOf = ({ content }) => (typeof content === 'string' ? content : content.map(({ text }) => text).join(''));
const said = ({ body }) => body.messages.map((message) => `${message.role}: ${textOf(message)}`);

test('a conversation goes on by its last response', { skip, timeout: 300_000 }, async (t) => {
  const claude = await upstream(t);
  const kept = (target, more) => ({ kind: 'chat', conversations: '1h', rollout: [target], ...more });
  const { up, server, post } = await start(t, {
    upstreams: { claude: { kind: 'anthropic', url: claude.url } },
    more: {
      talk: kept({ upstream: 'main', model: 'ok' }),
      other: kept({ upstream: 'claude', model: 'ok' }),
      brief: { kind: 'chat', rollout: [{ upstream: 'main', model: 'ok' }] },
      short: kept({ upstream: 'main', model: 'ok' }, { conversations: '1s' }),
    },
  });
  const openai = openaiClient(server);
  const first = await openai.responses.create({ model: 'talk', input: 'One?', instructions: 'Be brief.' });

  await t.test('whole', async () => {
    const second = await openai.responses.create({ model: 'talk', input: 'Two?', previous_response_id: first.id });
    assert.deepEqual(said(up.asked.at(-1)), ['user: One?', `assistant: ${sentence}`, 'user: Two?'], 'instructions are each request\'s own');
    assert.equal(second.output_text, sentence);
    await openai.responses.create({ model: 'talk', input: user('Three?'), previous_response_id: second.id });
    assert.deepEqual(said(up.asked.at(-1)), ['user: One?', `assistant: ${sentence}`, 'user: Two?', `assistant: ${sentence}`, 'user: Three?']);
  });
  await t.test('from another point, and by another kind of upstream', async () => {
    await openai.responses.create({ model: 'other', input: 'Else?', previous_response_id: first.id });
    assert.deepEqual(said(claude.asked.at(-1)), ['user: One?', `assistant: ${sentence}`, 'user: Else?']);
  });
  await t.test('streams', async () => {
    let id;
    for await (const event of await openai.responses.create({ model: 'talk', input: 'One?', stream: true })) if (event.type === 'response.completed') id = event.response.id;
    assert.ok(id);
    await openai.responses.create({ model: 'talk', input: 'Two?', previous_response_id: id, stream: true }).then(async (stream) => { for await (const event of stream) void event; });
    assert.deepEqual(said(up.asked.at(-1)), ['user: One?', `assistant: ${sentence}`, 'user: Two?']);
  });
  await t.test('tool calls stay with their results', async () => {
    const tools = [{ type: 'function', name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } }, strict: false }];
    const called = await openai.responses.create({ model: 'talk', input: 'Weather?', tools });
    const [call] = called.output.filter(({ type }) => type === 'function_call');
    await openai.responses.create({ model: 'talk', tools, previous_response_id: called.id, input: [{ type: 'function_call_output', call_id: call.call_id, output: 'sunny' }] });
    const { messages } = up.asked.at(-1).body;
    assert.equal(messages.at(-2).tool_calls[0].id, call.call_id);
    assert.equal(messages.at(-1).tool_call_id, call.call_id);
  });
  await t.test('items that are named instead of said', async () => {
    const one = await openai.responses.create({ model: 'talk', input: 'One?' });
    const named = (id) => [{ role: 'user', content: 'One?' }, { type: 'item_reference', id }, { role: 'user', content: 'Two?' }];
    const two = await openai.responses.create({ model: 'talk', input: named(one.output[0].id) });
    assert.deepEqual(said(up.asked.at(-1)), ['user: One?', `assistant: ${sentence}`, 'user: Two?']);
    await openai.responses.create({ model: 'talk', input: 'Three?', previous_response_id: two.id });
    assert.deepEqual(said(up.asked.at(-1)), ['user: One?', `assistant: ${sentence}`, 'user: Two?', `assistant: ${sentence}`, 'user: Three?']);
    const unknown = await post('/v1/responses', { model: 'talk', input: named('msg_none') });
    assert.equal(`${unknown.status} ${unknown.json.error.param}`, '404 input', unknown.text);
  });
  await t.test('a conversation with an ID of its own', async () => {
    const conversation = await openai.conversations.create({ metadata: { topic: 'numbers' }, items: [{ type: 'message', role: 'user', content: 'Zero?' }] });
    assert.match(conversation.id, /^conv_/);
    await openai.responses.create({ model: 'talk', input: 'One?', conversation: conversation.id });
    assert.deepEqual(said(up.asked.at(-1)), ['user: Zero?', 'user: One?']);
    await openai.responses.create({ model: 'other', input: 'Two?', conversation: { id: conversation.id } });
    assert.deepEqual(said(claude.asked.at(-1)).at(-1), 'user: Two?');
    const found = await openai.conversations.retrieve(conversation.id);
    assert.deepEqual(found.metadata, { topic: 'numbers' });
    const items = [];
    for await (const item of openai.conversations.items.list(conversation.id)) items.push(item);
    assert.deepEqual(items.map(({ role }) => role), ['user', 'user', 'assistant', 'user', 'assistant']);

    const both = await Promise.all([1, 2, 3].map((i) => post('/v1/responses', { model: 'talk', input: `At once ${i}?`, conversation: conversation.id })));
    assert.ok(both.some(({ status }) => status === 200), both.map(({ text }) => text).join(' '));
    assert.ok(both.every(({ status, json }) => status === 200 || (status === 409 && json.error.param === 'conversation')), 'who came too late is told');
    const after = [];
    for await (const item of openai.conversations.items.list(conversation.id)) after.push(item);
    assert.equal(after.length, items.length + 2 * both.filter(({ status }) => status === 200).length, 'and nothing is lost');
    const confused = await post('/v1/responses', { model: 'talk', input: '?', conversation: conversation.id, previous_response_id: first.id });
    assert.equal(`${confused.status} ${confused.json.error.param}`, '400 conversation');
    assert.equal((await openai.conversations.delete(conversation.id)).deleted, true);
    const gone = await post('/v1/responses', { model: 'talk', input: '?', conversation: conversation.id });
    assert.equal(`${gone.status} ${gone.json.error.param}`, '404 conversation');
    for (const body of [{ items: 7 }, { metadata: [] }, []]) assert.equal((await post('/v1/conversations', body)).status, 400);
  });
  await t.test('the AI SDK goes on by itself', async () => {
    const model = judges.createOpenAI({ baseURL: `http://127.0.0.1:${server.port}/v1`, apiKey: 'none' }).responses('talk');
    const one = await judges.generateText({ model, messages: user('One?') });
    await judges.generateText({ model, messages: [...user('One?'), ...one.response.messages, ...user('Two?')] });
    assert.deepEqual(said(up.asked.at(-1)), ['user: One?', `assistant: ${sentence}`, 'user: Two?']);
  });
  await t.test('shown, its input too, and deleted', async () => {
    assert.equal((await openai.responses.retrieve(first.id)).output_text, sentence);
    const items = [];
    for await (const item of openai.responses.inputItems.list(first.id)) items.push(item);
    assert.deepEqual(items, [{ role: 'user', content: 'One?' }]);
    await openai.responses.delete(first.id);
    await assert.rejects(openai.responses.retrieve(first.id), /There is no response/);
    const gone = await post('/v1/responses', { model: 'talk', input: '?', previous_response_id: first.id });
    assert.equal(`${gone.status} ${gone.json.error.param}`, '404 previous_response_id');
  });
  await t.test('store: false, endpoints that keep nothing, and what is over', async () => {
    const unkept = await openai.responses.create({ model: 'talk', input: 'One?', store: false });
    assert.equal((await post('/v1/responses', { model: 'talk', input: '?', previous_response_id: unkept.id })).status, 404);
    const brief = await openai.responses.create({ model: 'brief', input: 'One?' });
    await assert.rejects(openai.responses.retrieve(brief.id), /There is no response/);
    assert.equal((await post('/v1/responses', { model: 'brief', input: '?', previous_response_id: brief.id })).json.error.param, 'previous_response_id');
    const short = await openai.responses.create({ model: 'short', input: 'One?' });
    await until('its end', async () => (await post('/v1/responses', { model: 'short', input: '?', previous_response_id: short.id })).status === 404);
  });
  await server.healthy();
});

test('nobody else finds it, and it outlives the process', { timeout: 300_000 }, async (t) => {
  const dir = folder(t), store = path.join(dir, 'store');
  const keys = { a: await createKey(store, 'a'), b: await createKey(store, 'b') };
  const up = await upstream(t);
  const config = { auth: { required: true }, upstreams: { main: { kind: 'openai', url: up.url } }, endpoints: { talk: { kind: 'chat', conversations: '1h', rollout: [{ upstream: 'main', model: 'ok' }] } } };
  const server = await serve(t, config, { store });
  const ask = (on, key, rest, options) => on.request('POST', '/v1/responses', { body: { model: 'talk', input: 'One?', ...rest }, headers: { 'content-type': 'application/json', authorization: `Bearer ${keys[key]}` }, check: false, agent: false, ...options });
  const first = await ask(server, 'a');
  assert.equal(first.status, 200, first.text);
  const id = first.json.id, foreign = await ask(server, 'b', { previous_response_id: id }), unknown = await ask(server, 'b', { previous_response_id: 'resp_none' });
  assert.equal(foreign.status, 404);
  assert.equal(foreign.json.error.message.replace(id, 'ID'), unknown.json.error.message.replace('resp_none', 'ID'), 'another\'s is told as none');
  for (const method of ['GET', 'DELETE']) {
    const reply = await server.request(method, `/v1/responses/${id}`, { headers: { authorization: `Bearer ${keys.b}` }, check: false });
    assert.equal(reply.status, 404);
  }
  await server.kill();
  const again = await serve(t, config, { store });
  const second = await ask(again, 'a', { input: 'Two?', previous_response_id: id });
  assert.equal(second.status, 200, second.text);
  assert.deepEqual(said(up.asked.at(-1)), ['user: One?', `assistant: ${sentence}`, 'user: Two?']);
});

test('what was acknowledged is there after kill -9 under load', { timeout: 300_000 }, async (t) => {
  const store = path.join(folder(t), 'store'), up = await upstream(t);
  const config = { upstreams: { main: { kind: 'openai', url: up.url } }, endpoints: { talk: { kind: 'chat', conversations: '1h', rollout: [{ upstream: 'main', model: 'ok' }] } } };
  const acknowledged = [], server = await serve(t, config, { store });
  const talk = async () => {
    for (let last; ; acknowledged.push(last)) {
      const reply = await server.request('POST', '/v1/responses', { body: { model: 'talk', input: '?', previous_response_id: last }, check: false, agent: false }).catch(() => undefined);
      if (!reply) return; // the server is gone
      assert.equal(reply.status, 200, reply.text);
      last = reply.json.id;
    }
  };
  const talks = Array.from({ length: 12 }, talk);
  await until('some answers', () => acknowledged.length > 100);
  await server.kill();
  await Promise.all(talks);
  const again = await serve(t, config, { store });
  for (const id of acknowledged) assert.equal((await again.get(`/v1/responses/${id}`)).status, 200, id);
});

test('the simulator, where nothing is kept, does not pass over a conversation', { timeout: 300_000 }, async (t) => {
  const endpoint = (more) => ({ kind: 'chat', rollout: [{ upstream: 'sim', model: 'sim' }], ...more });
  const server = await serve(t, { upstreams: { sim: { kind: 'simulator' } }, endpoints: { brief: endpoint(), talk: endpoint({ conversations: '1h' }) } });
  const ask = (model, rest) => server.request('POST', '/v1/responses', { body: { model, input: 'One?', ...rest }, check: false });
  for (const [field, value] of [['previous_response_id', 'resp_x'], ['conversation', 'conv_x']]) {
    const reply = await ask('brief', { [field]: value });
    assert.equal(`${reply.status} ${reply.json.error.param}`, `400 ${field}`, reply.text);
  }
  const first = await ask('talk');
  assert.equal((await ask('talk', { previous_response_id: first.json.id })).status, 200);
});
