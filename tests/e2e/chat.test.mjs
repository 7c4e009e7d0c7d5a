// Chats through the official `openai` client and byte by byte: what passes, what streams, what the client sees when upstreams fail.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { recordOf, start, user } from './chats.mjs';
import { judges, skip } from './judges.mjs';
import { createKey, folder, serve, sleep, until } from './penstock.mjs';
import { sentence, upstream } from './upstream.mjs';

const eventsOf = (text) => text.split('\n\n').filter(Boolean).map((event) => event.replace(/^data: /, ''));

test('the openai client', { skip, timeout: 300_000 }, async (t) => {
  const { up, server } = await start(t, { more: { vectors: { kind: 'embed', rollout: [{ upstream: 'main', model: 'ok' }] } } });
  const client = new judges.OpenAI({ baseURL: `http://127.0.0.1:${server.port}/v1`, apiKey: 'none', maxRetries: 0 });
  const tools = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } } }];

  await t.test('a chat', async () => {
    const reply = await client.chat.completions.create({ model: 'assistant', messages: user('Hello?'), seed: 7 });
    assert.equal(reply.choices[0].message.content, sentence);
    assert.equal(reply.usage.total_tokens, 15);
    assert.equal(up.asked.at(-1).body.model, 'ok', 'the upstream hears its own name for the model');
    assert.equal(up.asked.at(-1).body.seed, 7);
  });
  await t.test('a stream', async () => {
    let text = '';
    const stream = await client.chat.completions.create({ model: 'assistant', messages: user('Hello?'), stream: true });
    for await (const part of stream) text += part.choices[0]?.delta?.content ?? '';
    assert.equal(text, sentence);
  });
  await t.test('a stream with its usage, for who asks', async () => {
    const stream = await client.chat.completions.create({ model: 'assistant', messages: user('Hello?'), stream: true, stream_options: { include_usage: true } });
    let last;
    for await (const part of stream) last = part;
    assert.equal(last.usage.total_tokens, 15);
  });
  await t.test('the stream helper sees the whole message', async () => {
    const final = await client.chat.completions.stream({ model: 'assistant', messages: user('Hello?') }).finalChatCompletion();
    assert.equal(final.choices[0].message.content, sentence);
  });
  await t.test('tools, whole and streamed', async () => {
    const reply = await client.chat.completions.create({ model: 'assistant', messages: user('Weather?'), tools });
    assert.equal(reply.choices[0].message.tool_calls[0].function.arguments, '{"city":"Ulm"}');
    const final = await client.chat.completions.stream({ model: 'assistant', messages: user('Weather?'), tools }).finalChatCompletion();
    assert.equal(final.choices[0].message.tool_calls[0].function.arguments, '{"city":"Ulm"}');
    assert.equal(final.choices[0].finish_reason, 'tool_calls');
  });
  await t.test('structured output and images pass through', async () => {
    const content = [{ type: 'text', text: 'Which city?' }, { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }];
    const response_format = { type: 'json_schema', json_schema: { name: 'city', strict: true, schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: true } } };
    const reply = await client.chat.completions.create({ model: 'assistant', messages: user(content), response_format });
    assert.equal(JSON.parse(reply.choices[0].message.content).city, 'Ulm');
    assert.deepEqual(up.asked.at(-1).body.messages[0].content, content);
    assert.deepEqual(up.asked.at(-1).body.response_format, response_format);
  });
  await t.test('embeddings, completions and models', async () => {
    const vectors = await client.embeddings.create({ model: 'vectors', input: ['a', 'b'], encoding_format: 'float' });
    assert.deepEqual(vectors.data.map((row) => row.embedding), [[0.25, -0.5, 1], [0.25, -0.5, 1]]);
    assert.equal((await client.completions.create({ model: 'assistant', prompt: 'Hello?' })).choices[0].text, sentence);
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    assert.deepEqual(names.sort(), ['assistant', 'vectors']);
    assert.equal((await client.models.retrieve('assistant')).id, 'assistant');
  });
  await t.test('errors are the ones that the client knows', async () => {
    await assert.rejects(client.chat.completions.create({ model: 'nobody', messages: user('?') }), judges.OpenAI.NotFoundError);
    const wrong = client.chat.completions.create({ model: 'assistant', messages: [{ role: 'nobody', content: '?' }] });
    await assert.rejects(wrong, (error) => error instanceof judges.OpenAI.BadRequestError && error.param === 'messages[0].role' && /system, developer/.test(error.message));
  });
  await server.healthy();
});

test('what goes through is not touched', { timeout: 300_000 }, async (t) => {
  const { up, post } = await start(t);
  const body = '{ "messages" : [{"role":"user","content":"a\\u0041 \\" }, ]"}], "seed":12345678901234567890,\n "model":"assistant", "x_own": {"model": "inner", "n": [1.0, 1e3]} }';
  const raw = await post('/v1/chat/completions', body, { headers: { 'content-type': 'application/json' } });
  assert.equal(raw.status, 200, raw.text);
  const { body: heard } = up.asked.at(-1);
  assert.equal(heard.messages[0].content, 'aA " }, ]');
  assert.deepEqual(heard.x_own, { model: 'inner', n: [1, 1000] });
  const streamed = (options) => post('/v1/chat/completions', { model: 'assistant', messages: user('?'), stream: true, ...options });
  for (const options of [undefined, {}, { include_obfuscation: false }, { include_usage: false }, { include_usage: null }]) {
    const reply = await streamed(options && { stream_options: options });
    assert.equal(up.asked.at(-1).body.stream_options.include_usage, true, JSON.stringify(options));
    assert.ok(!reply.text.includes('total_tokens'), 'usage is for who asked for it');
  }
  assert.equal((await streamed({ stream_options: { include_obfuscation: false } })).status, 200);
  assert.equal(up.asked.at(-1).body.stream_options.include_obfuscation, false);
});

test('what the client sees when the upstream fails', { timeout: 300_000 }, async (t) => {
  const scripts = ['error500', 'error502', 'error503', 'rate', 'quota', 'hang', 'reset', 'garbage', 'badjson', 'badutf', 'short', 'twohundred', 'error401', 'error404', 'invalid', 'length'];
  const expected = {
    error503: '503 overloaded', rate: '503 overloaded', hang: '504 deadline_exceeded', invalid: '400 bad_request', length: '400 context_length_exceeded',
  };
  const rescue = (script) => ({ kind: 'chat', rollout: [{ upstream: 'main', model: script }], fallbacks: [{ upstream: 'main', model: 'ok' }] });
  const { server, ask } = await start(t, {
    fails: Object.fromEntries(scripts.map((script) => [script, script])),
    more: Object.fromEntries(scripts.map((script) => [`${script}-rescued`, rescue(script)])),
    upstreamMore: { retry: { attempts: 1 }, breaker: { minimum: 1000, errors: '100%' } },
  });
  for (const script of scripts)
    await t.test(script, async () => {
      for (const stream of [false, true]) {
        const reply = await ask(script, { stream });
        assert.equal(`${reply.status} ${reply.json.error.code}`, expected[script] ?? '502 upstream_failed', reply.text);
        assert.match(reply.json.error.message, script === 'hang' ? /Upstream "hasty"/ : /Upstream "main"/);
        if (script === 'error401') assert.doesNotMatch(reply.json.error.message, /scripted/, 'what is said about our key stays here');
        const rescued = await ask(`${script}-rescued`, { stream });
        if (script === 'invalid') {
          assert.equal(rescued.status, 400, 'another upstream would not like it better');
          assert.equal(rescued.json.error.param, 'messages[0].content');
        } else {
          assert.equal(rescued.status, 200, rescued.text);
          assert.equal(rescued.headers['x-penstock-decision'], 'fallback');
          assert.ok(rescued.text.includes('Hello'));
        }
      }
    });
  await server.healthy();
});

test('once a stream has begun, a failure is said in the stream', { timeout: 300_000 }, async (t) => {
  const { server, ask } = await start(t, { more: Object.fromEntries(['cut', 'stall', 'errorevent', 'brokenevent', 'nodone'].map((script) => [script, { kind: 'chat', rollout: [{ upstream: 'main', model: script }], fallbacks: [{ upstream: 'main', model: 'ok' }] }])) });
  for (const script of ['cut', 'stall', 'errorevent', 'brokenevent', 'nodone']) {
    const reply = await ask(script, { stream: true });
    const events = eventsOf(reply.text);
    assert.equal(reply.status, 200);
    assert.ok(events.some((data) => data.includes('Hello')), reply.text);
    const last = JSON.parse(events.at(-1));
    assert.ok(last.error.code && last.error.message && last.error.request_id, reply.text);
    assert.ok(!events.includes('[DONE]'), 'it is not said to be whole');
    const record = await until('the record', async () => {
      const found = await server.get(`/v1/requests/${reply.headers['x-request-id']}`, { check: false });
      return found.status === 200 && found.json;
    });
    assert.equal(record.decision, 'rejected');
  }
  if (judges) {
    const client = new judges.OpenAI({ baseURL: `http://127.0.0.1:${server.port}/v1`, apiKey: 'none', maxRetries: 0 });
    const stream = await client.chat.completions.create({ model: 'cut', messages: user('?'), stream: true });
    await assert.rejects(async () => { for await (const part of stream) void part; }, judges.OpenAI.APIError);
  }
});

test('retries, breaker and places', { timeout: 300_000 }, async (t) => {
  await t.test('a failure that passes is not seen', async (t) => {
    const { up, ask } = await start(t, { fails: { once: 'error500+ok', reset: 'reset+ok' } });
    for (const name of ['once', 'reset']) {
      const reply = await ask(name);
      assert.equal(reply.status, 200, reply.text);
      assert.equal(reply.headers['x-penstock-decision'], 'accepted');
    }
    assert.equal(up.asked.length, 4);
  });
  await t.test('no quota is not asked again, a rate limit is, when its time fits', async (t) => {
    const { up, ask } = await start(t, { fails: { quota: 'quota+ok', soon: 'rate1+ok', never: 'rate3000+ok' } });
    assert.equal((await ask('quota')).status, 502);
    const started = Date.now();
    assert.equal((await ask('soon')).status, 200);
    assert.ok(Date.now() - started >= 900, 'it waited as it was told');
    const late = await ask('never');
    assert.equal(late.status, 503);
    assert.equal(late.headers['retry-after'], '3000');
    assert.equal(up.asked.length, 4);
  });
  await t.test('who fails is left alone, tried again, and trusted again', async (t) => {
    const { up, ask } = await start(t, { fails: { flaky: 'error500+error500+error500+error500+ok' }, upstreamMore: { retry: { attempts: 1 }, breaker: { minimum: 4, errors: '50%', open: '2s' } } });
    for (let i = 0; i < 4; i++) assert.equal((await ask('flaky')).status, 502);
    const refused = await ask('flaky');
    assert.equal(refused.status, 503);
    assert.match(refused.json.error.message, /left alone/);
    assert.equal(up.asked.length, 4);
    await until('another try', async () => (await ask('flaky')).status === 200);
    for (let i = 0; i < 3; i++) assert.equal((await ask('flaky')).status, 200);
  });
  await t.test('beyond the places callers wait, beyond the queue they are told to come again', async (t) => {
    const { up, ask } = await start(t, { fails: { slow: 'held' }, upstreamMore: { concurrency: 2, queue: 2 } });
    let answered = 0;
    const calls = Array.from({ length: 8 }, () => ask('slow').finally(() => answered++));
    await until('those beyond', () => answered === 4);
    up.open();
    const replies = await Promise.all(calls);
    const statuses = replies.map((reply) => reply.status).sort();
    assert.deepEqual(statuses, [200, 200, 200, 200, 503, 503, 503, 503]);
    assert.ok(replies.every((reply) => reply.status === 200 || reply.headers['retry-after']));
  });
  await t.test('a client that leaves takes its call with it', async (t) => {
    const { up, server, ask } = await start(t, { fails: { hang: 'hang', stall: 'stall' }, upstreamMore: { first_byte_timeout: '30s', idle_timeout: '30s' } });
    for (const [name, stream] of [['hang', false], ['hang', true], ['stall', true]]) {
      const { left } = up.counts;
      const asked = up.asked.length;
      const abort = new AbortController();
      const call = ask(name, { stream }, { signal: abort.signal });
      call.catch(() => {});
      await until('the call', () => up.asked.length > asked);
      await sleep(50);
      abort.abort();
      await until('the upstream to notice', () => up.counts.left > left);
    }
    await server.healthy();
  });
});

test('the cache, tenants and keys', { timeout: 300_000 }, async (t) => {
  const store = folder(t);
  const [one, two] = [await createKey(store, 'one'), await createKey(store, 'two')];
  const up = await upstream(t);
  const server = await serve(t, {
    auth: { required: true },
    upstreams: { main: { kind: 'openai', url: up.url, key: '${env:UPSTREAM_KEY}' } },
    endpoints: { assistant: { kind: 'chat', rollout: [{ upstream: 'main', model: 'ok' }] } },
  }, { store, env: { UPSTREAM_KEY: 'sk-very-secret' } });
  const ask = (key, rest) => server.request('POST', '/v1/chat/completions', { key, check: false, body: { model: 'assistant', temperature: 0, messages: user('Hello?'), ...rest } });
  const decision = async (key, rest) => (await ask(key, rest)).headers['x-penstock-decision'];
  assert.equal((await ask(undefined)).status, 401);
  assert.equal((await ask('psk_wrong')).status, 401);
  assert.equal(await decision(one), 'accepted');
  assert.equal(up.asked.at(-1).headers.authorization, 'Bearer sk-very-secret');
  assert.equal(await decision(one), 'cached');
  assert.equal(await decision(two), 'accepted', "another tenant's answer is not given");
  assert.equal(await decision(one, { temperature: 0.7 }), 'accepted', 'what chance has a part in is not kept');
  assert.equal(await decision(one, { temperature: 0.7 }), 'accepted');
  assert.equal(await decision(one, { max_tokens: 5 }), 'accepted', 'other parameters, another answer');
  assert.equal(await decision(one, { messages: [{ role: 'system', content: 'Be brief.' }, ...user('Hello?')] }), 'accepted');
  const first = await ask(one, { stream: true });
  const again = await ask(one, { stream: true });
  assert.equal(first.headers['x-penstock-decision'], 'accepted');
  assert.equal(again.headers['x-penstock-decision'], 'cached');
  assert.equal(again.text, first.text, 'a stream is given again as a stream');
  assert.ok(!server.stderr.includes('very-secret'));
});

test('what cannot be said to the upstream of an endpoint is refused, and nothing else', { timeout: 300_000 }, async (t) => {
  const up = await upstream(t);
  const server = await serve(t, {
    upstreams: { claude: { kind: 'anthropic', url: up.url } },
    endpoints: { assistant: { kind: 'chat', rollout: [{ upstream: 'claude', model: 'ok' }] } },
  });
  const audio = [{ type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }];
  for (let i = 0; i < 3; i++) {
    const reply = await server.request('POST', '/v1/chat/completions', { body: { model: 'assistant', messages: user(audio) }, check: false });
    assert.equal(reply.status, 400, reply.text);
    assert.match(reply.json.error.message, /input_audio|counterpart|audio/);
  }
  await server.healthy();
});

test('what clients send that is wrong', { timeout: 300_000 }, async (t) => {
  const { server, post } = await start(t);
  const wrong = async (path, body, param, status = 400) => {
    const reply = await post(path, body, typeof body === 'string' ? { headers: { 'content-type': 'application/json' } } : {});
    assert.equal(reply.status, status, `${JSON.stringify(body).slice(0, 200)}: ${reply.text}`);
    const { error } = reply.json;
    assert.ok(error.message && error.type && (error.request_id ?? reply.json.request_id), reply.text);
    assert.equal(error.param ?? null, param, reply.text);
  };
  const chat = '/v1/chat/completions', good = { model: 'assistant', messages: user('?') };
  await wrong(chat, 'no json', null);
  await wrong(chat, '[]', null);
  await wrong(chat, '', null);
  await wrong(chat, {}, 'model');
  await wrong(chat, { model: 'assistant' }, 'messages');
  await wrong(chat, { ...good, messages: [] }, 'messages');
  await wrong(chat, { ...good, messages: 'hello' }, 'messages');
  await wrong(chat, { ...good, messages: [1] }, 'messages[0]');
  await wrong(chat, { ...good, messages: [{ content: 'x' }] }, 'messages[0].role');
  await wrong(chat, { ...good, messages: [{ role: 'user', content: 7 }] }, 'messages[0].content');
  await wrong(chat, { ...good, messages: user([{ text: 'x' }]) }, 'messages[0].content[0].type');
  await wrong(chat, { ...good, messages: Array.from({ length: 10001 }, () => user('x')[0]) }, 'messages');
  for (const [name, value] of Object.entries({ stream: 'yes', temperature: 'hot', top_p: 2, n: 0, max_tokens: -1, logprobs: 1, top_logprobs: 99, stop: 5, tools: {}, tool_choice: 7, response_format: 'json', user: 5, seed: 'x', stream_options: true, metadata: [], presence_penalty: 3 }))
    await wrong(chat, { ...good, [name]: value }, name);
  await wrong(chat, '{"model":"assistant","model":"assistant","messages":[]}', null);
  await wrong(chat, `{"model":"assistant","messages":${'['.repeat(500)}${']'.repeat(500)}}`, null);
  await wrong(chat, { ...good, messages: user('x'.repeat(10_500_000)) }, null, 413);
  await wrong('/v1/embeddings', { model: 'assistant', input: 'x' }, 'model');
  await wrong('/v1/embeddings', { model: 'assistant' }, 'input');
  await wrong('/v1/messages', { model: 'assistant', messages: user('?') }, null); // Anthropic's errors have no param
  const large = await post(chat, { ...good, messages: Array.from({ length: 10000 }, () => user('x')[0]) });
  assert.equal(large.status, 200, large.text);
  await server.healthy();
});

test('routes by cost and by latency, with the others standing by', { timeout: 300_000 }, async (t) => {
  const up = await upstream(t);
  const [cheap, dear] = ['ok', 'late60'];
  const prices = path.join(folder(t), 'prices.json');
  const row = (input, output) => ({ input_cost_per_token: input, output_cost_per_token: output });
  fs.writeFileSync(prices, JSON.stringify({ [cheap]: row(1e-6, 2e-6), [dear]: row(1e-5, 2e-5), 'error500': row(1e-7, 1e-7) }));
  const rollout = (...models) => models.map((model) => ({ upstream: 'main', model }));
  const server = await serve(t, {
    upstreams: { main: { kind: 'openai', url: up.url, retry: { attempts: 1 }, breaker: { minimum: 1000 } } },
    pricing: { models: prices },
    endpoints: {
      cheapest: { kind: 'chat', route: 'cost', rollout: rollout(dear, cheap) },
      standby: { kind: 'chat', route: 'cost', rollout: rollout(dear, 'error500', cheap) },
    },
  });
  const ask = (model) => server.request('POST', '/v1/chat/completions', { check: false, body: { model, messages: user('Hello?') } });
  for (let i = 0; i < 3; i++) {
    const reply = await ask('cheapest');
    assert.equal(reply.headers['x-penstock-model'], 'main/ok');
    // 12 tokens in, 4 of them from the provider's cache without a price of its own; 3 out.
    assert.equal(reply.headers['x-penstock-cost-usd'], '0.000018000');
  }
  const reply = await ask('standby');
  assert.equal(reply.headers['x-penstock-model'], 'main/ok', 'the cheapest failed, the next one answered');
  const record = await until('the record', async () => {
    const found = await server.get(`/v1/requests/${reply.headers['x-request-id']}`);
    return found.status === 200 && found.json;
  });
  assert.equal(record.cost_usd, 0.000018);
  assert.deepEqual(record.usage, { input_tokens: 12, cached_input_tokens: 4, output_tokens: 3 });
  assert.equal(record.attempts, 2);
});

test('budgets: reserved before, settled after, kept over kill -9', { timeout: 300_000 }, async (t) => {
  const dir = folder(t);
  const store = path.join(dir, 'store');
  const [one, two] = [await createKey(store, 'one'), await createKey(store, 'two')];
  const up = await upstream(t);
  const prices = path.join(dir, 'prices.json');
  fs.writeFileSync(prices, JSON.stringify({ ok: { input_cost_per_token: 1e-6, output_cost_per_token: 1e-6 }, 'late150': { input_cost_per_token: 1e-6, output_cost_per_token: 1e-6 } }));
  const chat = (model) => ({ kind: 'chat', rollout: [{ upstream: 'main', model }], cache: false });
  const config = {
    auth: { required: true },
    upstreams: { main: { kind: 'openai', url: up.url } },
    pricing: { models: prices },
    budgets: [{ scope: 'client', per: 'ever', requests: 8 }, { scope: 'client', name: 'two', per: 'ever', tokens: 1000 }, { scope: 'all', per: 'ever', usd: 1 }],
    endpoints: { assistant: chat('ok'), slow: chat('late150'), unpriced: chat('late1') },
  };
  let server = await serve(t, config, { store });
  const ask = (key, model = 'assistant', rest = { max_tokens: 10 }) => server.request('POST', '/v1/chat/completions', { key, check: false, agent: false, body: { model, messages: user('Hello?'), ...rest } });

  const dear = await ask(two, 'assistant', {});
  assert.equal(dear.status, 429, 'an answer of any length could cost more than is left');
  assert.equal(dear.json.error.code, 'budget_exceeded');
  assert.match(dear.json.error.message, /tokens/);
  assert.equal((await ask(two)).status, 200);
  assert.equal((await ask(one, 'unpriced')).status, 403, 'what is not known is not zero');
  assert.equal(up.asked.length, 1, 'what is refused is not asked');

  // Eight requests are possible, however many come at once.
  const replies = await Promise.all(Array.from({ length: 20 }, () => ask(one, 'slow')));
  assert.equal(replies.filter((reply) => reply.status === 200).length, 8);
  assert.equal(replies.filter((reply) => reply.status === 429).length, 12);
  await server.kill();
  server = await serve(t, config, { store });
  assert.equal((await ask(one)).status, 429, 'what was answered is still billed');
  for (let i = 0; i < 7; i++) assert.equal((await ask(two)).status, 200, 'and only that');
});

test('a conversation that outgrows the window', { timeout: 300_000 }, async (t) => {
  const { up, ask, post } = await start(t, {
    more: {
      strict: { kind: 'chat', rollout: [{ upstream: 'main', model: 'ok' }], context: { window: 200 } },
      shortened: { kind: 'chat', rollout: [{ upstream: 'main', model: 'ok' }], context: { window: 200, on_limit: 'drop_oldest' } },
    },
  });
  const turns = Array.from({ length: 20 }, (_, i) => [...user(`Question ${i}: ${'what about it? '.repeat(4)}`), { role: 'assistant', content: `Answer ${i}.` }]).flat();
  const messages = [{ role: 'system', content: 'Be brief.' }, ...turns, ...user('The last question?')];
  const refused = await ask('strict', { messages });
  assert.equal(`${refused.status} ${refused.json.error.code}`, '400 context_length_exceeded');
  assert.match(refused.json.error.message, /200/);
  assert.equal(up.asked.length, 0);
  assert.equal((await ask('strict')).status, 200, 'a short one fits');

  assert.equal((await ask('shortened', { messages, seed: 7 })).status, 200);
  const { body } = up.asked.at(-1);
  assert.deepEqual(body.messages[0], messages[0], 'the system prompt stays');
  assert.deepEqual(body.messages.at(-1), messages.at(-1), 'so does the last question');
  assert.ok(body.messages.length > 3 && body.messages.length < 20, `${body.messages.length} messages`);
  assert.deepEqual(body.messages.slice(1), messages.slice(1 - body.messages.length), 'the oldest turns went');
  assert.equal(body.seed, 7, 'the rest is as it was');
  const alone = await ask('shortened', { messages: user('much too long '.repeat(300)) });
  assert.equal(alone.json.error.code, 'context_length_exceeded', 'the last question is never left out');
  const message = await post('/v1/messages', { model: 'strict', max_tokens: 9, messages: user('much too long '.repeat(300)) });
  assert.equal(message.status, 400, message.text);

  // The other APIs' turns are shortened in their own words, calls kept with their results.
  const call = [{ role: 'assistant', content: [{ type: 'tool_use', id: 'c1', name: 'f', input: {} }] }, user([{ type: 'tool_result', tool_use_id: 'c1', content: 'r' }])].flat();
  const claude = await post('/v1/messages', { model: 'shortened', max_tokens: 9, system: 'Be brief.', messages: [...turns, ...user('Call it.'), ...call] });
  assert.equal(claude.status, 200, claude.text);
  assert.equal(claude.headers['x-penstock-context'], 'dropped');
  const heard = up.asked.at(-1).body.messages;
  assert.equal(heard[0].content, 'Be brief.');
  assert.equal(heard.at(-1).tool_call_id, heard.at(-2).tool_calls[0].id);
  assert.ok(heard.length < 25, `${heard.length} messages`);
  const items = [...turns.map(({ role, content }) => ({ role, content })), { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{}' }, { type: 'function_call_output', call_id: 'c1', output: 'r' }];
  const response = await post('/v1/responses', { model: 'shortened', instructions: 'Be brief.', input: items });
  assert.equal(response.status, 200, response.text);
  assert.ok(up.asked.at(-1).body.messages.length < 25);
});

test('an upstream that does not take our key', { timeout: 300_000 }, async (t) => {
  const { up, server, ask } = await start(t, { fails: { wrong: 'error401' }, more: { rescued: { kind: 'chat', rollout: [{ upstream: 'main', model: 'error403' }], fallbacks: [{ upstream: 'main', model: 'ok' }] } }, upstreamMore: { breaker: { minimum: 2 } } });
  for (let i = 0; i < 8; i++) {
    const reply = await ask('wrong');
    assert.equal(reply.status, 502);
    assert.match(reply.json.error.message, /key/, 'what is wrong is said each time, not that the upstream is left alone');
  }
  assert.equal(up.asked.length, 8, 'not retried, and its breaker stays closed');
  assert.equal((await ask('rescued')).headers['x-penstock-decision'], 'fallback');
  assert.equal(server.log('upstream.key_refused').length, 1, 'the operator is told, once a minute');
});

test('one that asks for patience is not waited for where another answers', { timeout: 300_000 }, async (t) => {
  const rescue = (model) => ({ kind: 'chat', rollout: [{ upstream: 'main', model }], fallbacks: [{ upstream: 'main', model: 'ok' }] });
  const { up, ask } = await start(t, { more: { rescued: rescue('rate9'), soon: rescue('rate1') } });
  const began = Date.now(), reply = await ask('rescued');
  assert.equal(reply.headers['x-penstock-decision'], 'fallback', reply.text);
  assert.ok(Date.now() - began < 9000);
  assert.equal((await ask('soon')).headers['x-penstock-decision'], 'fallback');
  assert.deepEqual(up.asked.map(({ body }) => body.model), ['rate9', 'ok', 'rate1', 'ok'], 'nor asked a second time');
});

test('token counts follow what the provider counts', { timeout: 300_000 }, async (t) => {
  const { ask } = await start(t, { more: { strict: { kind: 'chat', cache: false, rollout: [{ upstream: 'main', model: 'ok' }], context: { window: 200 } } } });
  const long = { messages: user('what about it? '.repeat(70)) }, short = { messages: user('what about it? '.repeat(20)) };
  assert.equal((await ask('strict', long)).json.error.code, 'context_length_exceeded');
  for (let i = 0; i < 20; i++) assert.equal((await ask('strict', short)).status, 200);
  assert.equal((await ask('strict', long)).status, 200, 'this provider counts a dozen tokens where we estimated some eighty');
});

test('a conversation whose oldest turns are summarised', { timeout: 300_000 }, async (t) => {
  const { up, server, ask, post } = await start(t, {
    more: {
      scribe: { kind: 'chat', rollout: [{ upstream: 'main', model: 'crlf' }] },
      broken: { kind: 'chat', rollout: [{ upstream: 'main', model: 'error500' }] },
      summarised: { kind: 'chat', rollout: [{ upstream: 'main', model: 'ok' }], context: { window: 400, on_limit: 'summarise', summarise_with: 'scribe' } },
      unlucky: { kind: 'chat', rollout: [{ upstream: 'main', model: 'ok' }], context: { window: 400, on_limit: 'summarise', summarise_with: 'broken' } },
    },
  });
  const turns = Array.from({ length: 40 }, (_, i) => [...user(`Question ${i}: ${'what about it? '.repeat(4)}`), { role: 'assistant', content: `Answer ${i}.` }]).flat();
  const messages = [{ role: 'system', content: 'Be brief.' }, ...turns, ...user('The last question?')];
  const short = await ask('summarised');
  assert.equal(short.headers['x-penstock-context'], undefined);
  up.asked.length = 0;

  const reply = await ask('summarised', { messages });
  assert.equal(reply.status, 200, reply.text);
  assert.equal(reply.headers['x-penstock-context'], 'summarised');
  assert.equal(up.asked.length, 2);
  const [summary, answer] = up.asked.map(({ body }) => body);
  assert.equal(summary.model, 'crlf');
  assert.match(summary.messages[1].content, /^user: Question 0: what about it\?/);
  assert.match(summary.messages[1].content, /assistant: Answer 0\./);
  assert.deepEqual(answer.messages[0], messages[0]);
  assert.deepEqual(answer.messages[1], { role: 'system', content: `Summary of the earlier conversation: ${sentence}` });
  assert.deepEqual(answer.messages.at(-1), messages.at(-1));
  const record = await recordOf(server, reply.headers['x-request-id']);
  assert.equal(record.attempts, 2);
  assert.equal(record.usage.input_tokens, 2 * reply.json.usage.prompt_tokens, 'the summary is accounted for');
  assert.ok('fit' in record.stages);

  up.asked.length = 0;
  assert.equal((await ask('summarised', { messages, seed: 2 })).headers['x-penstock-context'], 'summarised');
  assert.equal(up.asked.length, 1, 'the summary of the same turns is kept');

  const claude = await post('/v1/messages', { model: 'summarised', max_tokens: 9, messages: messages.slice(1) });
  assert.equal(claude.headers['x-penstock-context'], 'summarised', claude.text);
  assert.match(up.asked.at(-1).body.messages[0].content, /^Summary of the earlier conversation/);

  const without = await ask('unlucky', { messages });
  assert.equal(without.status, 200, without.text);
  assert.equal(without.headers['x-penstock-context'], 'dropped', 'without a summary they are left out, and the reply says so');
  await server.healthy();
});
