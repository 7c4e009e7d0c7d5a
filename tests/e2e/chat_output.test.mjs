// Answers that are looked at before a client gets them: held to a schema, repaired, handed on to the next model, compared
// with each other, judged by how sure they are.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { anthropicClient, openaiClient, recordOf, start, user } from './chats.mjs';
import { judges, skip } from './judges.mjs';
import { command, complete, folder, until } from './penstock.mjs';

const schema = {
  type: 'object',
  properties: { city: { type: 'string' }, people: { type: 'integer' } },
  required: ['city', 'people'],
  additionalProperties: false,
};
const response_format = { type: 'json_schema', json_schema: { name: 'city', strict: true, schema } };
const right = '{"city":"Ulm","people":126000}';
const other = '{"city":"Bonn","people":336000}';
const says = {
  right: { text: right },
  spelled: { text: '{ "people": 126000.0, "city": "Ulm" }' },
  other: { text: other },
  third: { text: '{"city":"Kiel","people":247000}' },
  wrong: { text: '{"city":"Ulm","people":"many"}' },
  prose: { text: 'The city is Ulm.' },
  halved: { text: '{"city":"Ul', finish: 'length' },
  quoting: { text: ' {"city":"```Ulm```","people":1}\n' },
  fenced: { text: '```json\n' + right + '\n```' },
  sure: { text: right, logprob: -0.01 },
  middling: { text: right, logprob: -0.3 },
  unsure: { text: right, logprob: -2 },
};

function schemaFile(t, json = schema) {
  const file = path.join(folder(t), 'city.json');
  fs.writeFileSync(file, JSON.stringify(json));
  return file;
}

const endpoint = (model, output, more = {}) => ({ kind: 'chat', cache: false, rollout: [{ upstream: 'main', model }], output, ...more });
const contentOf = (reply) => reply.json.choices[0].message.content;

test("a request's own schema", { skip, timeout: 300_000 }, async (t) => {
  const check = { check: true };
  const { up, server, ask } = await start(t, {
    says,
    more: {
      right: endpoint('right', check),
      repaired: endpoint('wrong+right+', check),
      never: endpoint('wrong', check),
      halved: endpoint('halved', check),
      unrepaired: endpoint('wrong', { ...check, repair: false }),
      unchecked: endpoint('wrong', { confidence: 'unknown' }),
      chain: endpoint('wrong', check, { fallbacks: [{ upstream: 'main', model: 'prose+right' }] }),
      text: endpoint('wrong', check, { fallbacks: [{ text: '{}' }] }),
      fenced: endpoint('fenced', check),
      quoting: endpoint('quoting', check),
    },
  });
  const openai = openaiClient(server);
  const asked = async (work) => {
    const before = up.asked.length;
    await work();
    return up.asked.slice(before);
  };

  await t.test('an answer as it says goes out after one call', async () => {
    const calls = await asked(async () => {
      const chat = await openai.chat.completions.create({ model: 'right', messages: user('?'), response_format });
      assert.equal(chat.choices[0].message.content, right);
    });
    assert.equal(calls.length, 1);
    assert.deepEqual(calls[0].body.response_format, response_format, 'as the client said it');
  });

  await t.test('another one is repaired by its model', async () => {
    const reply = await ask('repaired', { response_format });
    assert.equal(reply.status, 200, reply.text);
    assert.equal(contentOf(reply), right);
    assert.equal(reply.headers['x-penstock-decision'], 'accepted');
    const [first, second] = up.asked.slice(-2).map(({ body }) => body);
    assert.equal(second.messages.length, first.messages.length + 2);
    assert.deepEqual(second.messages.at(-2), { role: 'assistant', content: says.wrong.text });
    assert.match(second.messages.at(-1).content, /at \/people: expected an? ?integer|expected integer/);
    assert.deepEqual(second.response_format, first.response_format);
    const record = await recordOf(server, reply.headers['x-request-id']);
    assert.deepEqual([record.usage.input_tokens, record.usage.output_tokens, record.attempts], [24, 6, 2], 'both calls, each once');
  });

  await t.test('without a repair the next candidate is asked; the last word is 502 invalid_output', async () => {
    for (const [model, calls, why] of [['halved', 1, /cut at the most tokens/], ['never', 2, /also when asked for a repair/], ['unrepaired', 1, /expected integer, found the string \\?"many/]]) {
      const before = up.asked.length;
      const reply = await ask(model, { response_format });
      assert.equal(`${reply.status} ${reply.json.error.code}`, '502 invalid_output', reply.text);
      assert.match(reply.json.error.message, why);
        assert.match(reply.json.error.message, /main\/(wrong|halved)/);
      assert.equal(up.asked.length - before, calls, model);
    }
    const chain = await ask('chain', { response_format });
    assert.equal(contentOf(chain), right);
    assert.equal(chain.headers['x-penstock-decision'], 'fallback');
    const record = await recordOf(server, chain.headers['x-request-id']);
    assert.match(JSON.stringify(record), /main\/prose\+right: invalid_output/);
    const text = await ask('text', { response_format });
    assert.equal(contentOf(text), '{}', "the operator's own text");
    const unchecked = await ask('unchecked', { response_format });
    assert.equal(contentOf(unchecked), says.wrong.text, 'an endpoint that does not ask for it');
  });

  await t.test('streams are held back, repaired, and replayed', async () => {
    for (const model of ['right', 'repaired', 'fenced']) {
      const stream = openai.chat.completions.stream({ model, messages: user('?'), response_format, stream_options: { include_usage: true } });
      const chat = await stream.finalChatCompletion();
      assert.equal(chat.choices[0].message.content, right, model);
      assert.equal(chat.usage.prompt_tokens, 12);
    }
    const broken = await ask('never', { response_format, stream: true });
    assert.equal(`${broken.status} ${broken.json.error.code}`, '502 invalid_output', 'no stream that breaks: an error');
    const reply = await ask('right', { response_format, stream: true });
    assert.match(reply.headers['content-type'], /^text\/event-stream/);
    assert.match(reply.text, /data: \[DONE\]\n\n$/);
  });

  await t.test('responses and messages, whole and streamed', async () => {
    const text = { format: { type: 'json_schema', name: 'city', strict: true, schema } };
    const output_config = { format: { type: 'json_schema', schema } };
    const anthropic = anthropicClient(server);
    for (const model of ['right', 'repaired']) {
      const ask = { model, input: 'Where?', text };
      assert.equal((await openai.responses.create(ask)).output_text, right);
      assert.equal((await openai.responses.stream(ask).finalResponse()).output_text, right);
      const message = { model, max_tokens: 99, messages: user('Where?'), output_config };
      assert.equal((await anthropic.messages.create(message)).content[0].text, right);
      assert.equal((await anthropic.messages.stream(message).finalMessage()).content[0].text, right);
    }
  });

  await t.test("Vercel's client gets its object", async () => {
    const provider = judges.createOpenAI({ baseURL: `http://127.0.0.1:${server.port}/v1`, apiKey: 'none' });
    for (const model of [provider.chat('repaired'), provider('right')]) {
      const { object } = await judges.generateObject({ model, schema: judges.jsonSchema(schema), prompt: 'Where?' });
      assert.deepEqual(object, JSON.parse(right));
      const { partialObjectStream, object: whole } = judges.streamObject({ model, schema: judges.jsonSchema(schema), prompt: 'Where?' });
      for await (const part of partialObjectStream) assert.ok(part);
      assert.deepEqual(await whole, JSON.parse(right));
    }
  });

  await t.test('a fence around the JSON is taken off', async () => {
    const reply = await ask('fenced', { response_format });
    assert.equal(contentOf(reply), right);
    assert.equal(reply.json.usage.prompt_tokens, 12);
    const quoting = await ask('quoting', { response_format });
    assert.equal(contentOf(quoting), says.quoting.text, 'what is within the answer is not one');
    assert.equal(quoting.json.id, 'chatcmpl-1', 'and the reply stays as it came');
  });

  await t.test('tool calls are no answers and pass', async () => {
    const tools = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object' } } }];
    const before = up.asked.length;
    const chat = await openai.chat.completions.create({ model: 'never', messages: user('?'), response_format, tools });
    assert.equal(chat.choices[0].message.tool_calls[0].function.name, 'weather');
    const stream = openai.chat.completions.stream({ model: 'never', messages: user('?'), response_format, tools });
    assert.equal((await stream.finalChatCompletion()).choices[0].finish_reason, 'tool_calls');
    assert.equal(up.asked.length - before, 2);
  });

  await t.test('json_object is any object', async () => {
    assert.equal(contentOf(await ask('never', { response_format: { type: 'json_object' } })), says.wrong.text);
    const plain = await ask('assistant');
    assert.equal(plain.status, 200);
  });

  await t.test('what cannot be checked is refused by name', async () => {
    const bad = { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object', properties: { a: { type: 'strin' } } } } };
    for (const [rest, param, why] of [
      [{ response_format: bad }, 'response_format', /\/properties\/a\/type/],
      [{ response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { $ref: 'https://x.example/y' } } } }, 'response_format', /cannot by this schema/],
      [{ response_format, n: 2 }, 'n', /one at a time/],
    ]) {
      const before = up.asked.length;
      const reply = await ask('right', rest);
      assert.equal(`${reply.status} ${reply.json.error.param}`, `400 ${param}`, reply.text);
      assert.match(reply.json.error.message, why);
      assert.equal(up.asked.length, before);
    }
  });
  const counted = async (endpoint) => Object.fromEntries([...(await server.get('/metrics')).text.matchAll(new RegExp(`penstock_answers_checked_total\\{endpoint="${endpoint}",verdict="(\\w+)"\\} (\\d+)`, 'g'))].map(([, verdict, n]) => [verdict, Number(n)]));
  assert.deepEqual(Object.keys(await counted('repaired')), ['repaired']);
  assert.deepEqual(await counted('chain'), { repaired: 1, invalid: 1 });
  assert.deepEqual(await counted('unchecked'), {});
  await server.healthy();
});

test("an endpoint's schema", { skip, timeout: 300_000 }, async (t) => {
  const file = schemaFile(t);
  const open = schemaFile(t, { ...schema, additionalProperties: true });
  const { up, server, ask, post } = await start(t, {
    says,
    more: {
      city: endpoint('right', { schema: file }),
      repaired: endpoint('wrong+right+', { schema: file }),
      open: endpoint('right', { schema: open }),
      always: endpoint('right', { schema: open, send_schema: 'always' }),
      never: endpoint('right', { schema: file, send_schema: 'never' }),
      text: endpoint('wrong', { schema: file }, { fallbacks: [{ text: other }] }),
    },
  });
  const sent = async (model, rest) => {
    const reply = await ask(model, rest);
    assert.equal(reply.status, 200, reply.text);
    return up.asked.at(-1).body;
  };
  const wanted = { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema } };
  assert.deepEqual((await sent('city')).response_format, wanted, 'upstreams are asked for it');
  assert.equal((await sent('open')).response_format, undefined, 'what their API does not take is only checked');
  assert.equal((await sent('never')).response_format, undefined);
  assert.equal((await sent('always')).response_format.json_schema.schema.additionalProperties, true);
  const own = { type: 'json_schema', json_schema: { name: 'own', schema: { type: 'object' } } };
  assert.deepEqual((await sent('city', { response_format: own })).response_format, own, "the request's own goes before");
  assert.equal(contentOf(await ask('repaired')), right);
  assert.equal(contentOf(await ask('text')), other);
  const message = await post('/v1/messages', { model: 'repaired', max_tokens: 9, messages: user('?') });
  assert.equal(message.json.content[0].text, right);
  assert.deepEqual(up.asked.at(-1).body.response_format, wanted);
  const completion = await post('/v1/completions', { model: 'text', prompt: '?' });
  assert.equal(completion.json.choices[0].text, other, 'a completion has no turns for a repair: the next one is asked');
  await server.healthy();
});

test("Anthropic's upstreams are asked for schemas in their words", { skip, timeout: 300_000 }, async (t) => {
  const optional = { ...schema, required: ['city'] };
  const { up, ask } = await start(t, {
    kind: 'anthropic',
    says,
    more: { city: endpoint('prose+right', { schema: schemaFile(t) }), optional: endpoint('right', { schema: schemaFile(t, optional) }) },
  });
  const reply = await ask('city');
  assert.equal(contentOf(reply), right);
  assert.deepEqual(up.asked[0].body.output_config, { format: { type: 'json_schema', schema } });
  assert.deepEqual(up.asked[1].body.messages.slice(-2).map(({ role }) => role), ['assistant', 'user']);
  assert.equal((await ask('optional')).status, 200);
  assert.deepEqual(up.asked.at(-1).body.output_config, { format: { type: 'json_schema', schema: optional } });
});

test('a schema that is none is a problem of the configuration', async (t) => {
  const dir = folder(t);
  const file = path.join(dir, 'schema.json');
  const config = path.join(dir, 'penstock.yaml');
  const problems = async (text, more = {}) => {
    fs.writeFileSync(file, text);
    const whole = {
      upstreams: { main: { kind: 'simulator' } },
      endpoints: { city: { kind: 'chat', rollout: [{ upstream: 'main', model: 'm' }], output: { schema: file }, ...more } },
    };
    fs.writeFileSync(config, JSON.stringify(complete(whole, path.join(dir, 'store')), null, 2));
    const { stderr } = await command(['serve', '-c', config], { code: null });
    return stderr;
  };
  assert.match(await problems('{\n"type": "object",\n}'), /penstock\.yaml:\d+:\d+: .*schema\.json:2: not JSON/);
  assert.match(await problems('{"type":"objekt"}'), /penstock\.yaml:\d+:\d+: .*schema\.json: .*\/type/);
  assert.match(await problems(JSON.stringify(schema), { fallbacks: [{ text: 'Sorry.' }] }), /the text of its fallbacks does not meet this schema/);
});

const reviews = async (server, more = '') => (await server.get(`/v1/review${more}`)).json;

test('confidence by log-probabilities', { skip, timeout: 300_000 }, async (t) => {
  const output = { confidence: 'logprobs' };
  const dir = folder(t);
  const rules = path.join(dir, 'verify.lua');
  fs.writeFileSync(rules, `function verify(r)
    if r.text ~= "How many?" then return false, "not what was asked: " .. r.text end
    return r.fields.people > 200000, string.format("too few people: %d", r.fields.people)
  end`);
  const { up, server, ask, post } = await start(t, {
    says: { ...says, large: { text: other, logprob: -0.3 } },
    upstreams: {},
    more: {
      sure: endpoint('sure', output, { cache: true }),
      middling: endpoint('middling', output),
      small: endpoint('middling', output, { rules }),
      large: endpoint('large', output, { rules, cache: true }),
      unsure: endpoint('unsure', output, { keep_inputs: 'review', cache: true }),
      lenient: endpoint('unsure', output, { accept_threshold: '10%', review_threshold: '5%' }),
      withheld: endpoint('unsure', { ...output, on_review: 'withhold' }),
      chain: endpoint('error500', output, { fallbacks: [{ upstream: 'main', model: 'sure' }] }),
      sorry: endpoint('error500', output, { fallbacks: [{ text: 'Sorry.' }] }),
    },
  });
  const messages = user('How many?');
  const outcome = ({ headers }) => [headers['x-penstock-decision'], headers['x-penstock-confidence']];

  await t.test('three bands', async () => {
    for (const [model, decision, sure] of [
      ['sure', 'accepted', 0.99],
      ['middling', 'review', 0.741],
      ['small', 'review', 0.741],
      ['large', 'verified', 0.741],
      ['unsure', 'review', 0.135],
      ['lenient', 'accepted', 0.135],
      ['chain', 'fallback', 0.99],
    ])
      for (const stream of [false, true]) {
        const reply = await ask(model, { messages, stream, temperature: 0 });
        assert.equal(reply.status, 200, reply.text);
        assert.equal(reply.headers['x-penstock-decision'], decision, model);
        assert.ok(Math.abs(Number(reply.headers['x-penstock-confidence']) - sure) < 0.001 || reply.headers['x-penstock-decision'] === 'cached', model);
        assert.equal(Boolean(reply.headers['x-penstock-review-id']), decision === 'review');
        assert.match(reply.text, /Ulm|Bonn/, 'the client gets its answer all the same');
      }
    assert.deepEqual(outcome(await ask('sorry')), ['fallback', undefined], "a text of the operator's needs no judge");
    assert.deepEqual(outcome(await ask('sure', { messages, stream: false, temperature: 0 })), ['cached', undefined]);
    assert.deepEqual(outcome(await ask('large', { messages, stream: false, temperature: 0 })), ['cached', undefined]);
    assert.equal(outcome(await ask('unsure', { messages, stream: false, temperature: 0 }))[0], 'review', 'what a person is to decide is not kept');
  });

  await t.test('a review is there when the reply is, and is resolved as any', async () => {
    const reply = await ask('unsure', { messages });
    const id = reply.headers['x-penstock-review-id'];
    const item = (await server.get(`/v1/review/${id}`)).json;
    assert.deepEqual([item.prediction, item.reason, item.endpoint, item.model, item.status], [right, 'low_confidence', 'unsure', 'main/unsure', 'open']);
    assert.ok(Math.abs(item.confidence - 0.1353) < 0.001);
    assert.equal(item.input.kept, true);
    const resolved = await server.request('POST', `/v1/review/${id}`, { body: { label: other } });
    assert.equal(resolved.status, 200, resolved.text);
    assert.equal((await server.get(`/v1/review/${id}`)).json.label, other);
    const small = (await reviews(server, '?endpoint=small')).data[0];
    assert.deepEqual([small.reason, small.detail], ['rules', 'too few people: 126000']);
    const record = await recordOf(server, reply.headers['x-request-id']);
    assert.deepEqual([record.decision, record.prediction], ['review', right]);
    const sure = await recordOf(server, (await ask('lenient', { messages })).headers['x-request-id']);
    assert.deepEqual([sure.decision, sure.prediction], ['accepted', null], 'what a model said is kept for reviews only');
    assert.ok(Math.abs(sure.confidence - 0.1353) < 0.001);
  });

  await t.test('an answer can be withheld, in the words of each API', async () => {
    const openai = openaiClient(server);
    const anthropic = anthropicClient(server);
    const said = /^This answer is withheld until a person has looked at it \(review \w{26}\)\.$/;
    const whole = await openai.chat.completions.create({ model: 'withheld', messages });
    assert.match(whole.choices[0].message.refusal, said);
    assert.deepEqual([whole.choices[0].message.content, whole.choices[0].finish_reason], [null, 'content_filter']);
    const streamed = await openai.chat.completions.stream({ model: 'withheld', messages }).finalChatCompletion().catch((error) => error);
    assert.match(streamed.choices?.[0].message.refusal ?? streamed.message, /withheld|content filter/);
    const message = await anthropic.messages.create({ model: 'withheld', max_tokens: 9, messages });
    assert.equal(message.stop_reason, 'refusal');
    assert.match(message.content[0].text, said);
    const response = await openai.responses.create({ model: 'withheld', input: 'How many?' });
    assert.match(response.output[0].content[0].refusal, said);
    const raw = await ask('withheld', { messages });
    assert.ok(!raw.text.includes('Ulm'));
    const item = (await server.get(`/v1/review/${raw.headers['x-penstock-review-id']}`)).json;
    assert.equal(item.prediction, right);
  });

  await t.test('only a client that asked sees them', async () => {
    for (const stream of [false, true]) {
      const silent = await ask('sure', { messages, stream, seed: 1 });
      assert.equal(up.asked.at(-1).body.logprobs, true);
      assert.ok(!/"logprob"/.test(silent.text), silent.text);
      const asked = await ask('sure', { messages, stream, seed: 1, logprobs: true });
      assert.match(asked.text, /"logprob":-0.01/);
      assert.equal(asked.headers['x-penstock-confidence'], '0.9900');
      const response = await post('/v1/responses', { model: 'sure', input: 'How many?', stream });
      assert.equal(response.headers['x-penstock-confidence'], '0.9900');
      assert.ok(!/"logprob"/.test(response.text), response.text);
      const message = await post('/v1/messages', { model: 'sure', max_tokens: 9, messages, stream });
      assert.equal(message.headers['x-penstock-confidence'], '0.9900');
    }
  });
  await server.healthy();
});

test('the probability of one member of the answer', { timeout: 300_000 }, async (t) => {
  const output = { confidence: 'logprobs', confidence_field: 'city' };
  const { up, ask } = await start(t, {
    says: { label: { text: right, logprob: [-5, -0.02] }, ...says }, // the first token ends where the city's name begins
    more: {
      city: endpoint('label', output),
      all: endpoint('label', { confidence: 'logprobs' }),
      none: endpoint('label', { ...output, confidence_field: 'country' }),
      repaired: endpoint('wrong+label+', { ...output, schema: schemaFile(t) }),
    },
  });
  for (const stream of [false, true])
    for (const [model, sure, decision] of [['city', '0.9802', 'accepted'], ['all', '0.0813', 'review'], ['none', undefined, 'review'], ['repaired', '0.9802', 'accepted']]) {
      const { headers, text } = await ask(model, { stream });
      assert.deepEqual([headers['x-penstock-confidence'], headers['x-penstock-decision']], [sure, decision], `${model}, ${stream}`);
      assert.ok(!text.includes('"logprob"'));
    }
  assert.ok(up.asked.every(({ body }) => body.logprobs === true));
});

test('where a model does not say how sure it is, nobody is', { skip, timeout: 300_000 }, async (t) => {
  const { server, ask } = await start(t, { kind: 'anthropic', more: { claude: endpoint('ok', { confidence: 'logprobs' }) } });
  const reply = await ask('claude');
  assert.deepEqual([reply.status, reply.headers['x-penstock-decision'], reply.headers['x-penstock-confidence']], [200, 'review', undefined]);
  const item = (await server.get(`/v1/review/${reply.headers['x-penstock-review-id']}`)).json;
  assert.deepEqual([item.reason, item.confidence], ['unknown_confidence', null]);
});

test('confidence by log-probabilities of responses', { skip, timeout: 300_000 }, async (t) => {
  const { up, post } = await start(t, { says, upstreamMore: { responses: true }, more: { sure: endpoint('sure', { confidence: 'logprobs' }) } });
  for (const stream of [false, true]) {
    const reply = await post('/v1/responses', { model: 'sure', input: 'How many?', stream });
    assert.deepEqual(up.asked.at(-1).body.include, ['message.output_text.logprobs']);
    assert.equal(reply.headers['x-penstock-confidence'], '0.9900', reply.text);
    assert.ok(!/"logprob"/.test(reply.text), reply.text);
    const asked = await post('/v1/responses', { model: 'sure', input: 'How many?', stream, include: ['message.output_text.logprobs'] });
    assert.match(asked.text, /"logprob"/, 'the client asked for them itself');
  }
});

test('confidence by agreement', { skip, timeout: 300_000 }, async (t) => {
  const agree = (samples = 3) => ({ confidence: 'agreement', samples });
  const prices = path.join(folder(t), 'prices.json');
  const scripts = ['right+spelled+right', 'right+other+spelled', 'right+other+third', 'right+wrong+spelled', 'wrong+wrong+wrong+right', 'right+error400+right', 'right'];
  fs.writeFileSync(prices, JSON.stringify(Object.fromEntries(scripts.map((name) => [name, { input_cost_per_token: 1e-6, output_cost_per_token: 2e-6 }]))));
  const { up, server, ask } = await start(t, {
    says,
    pricing: { models: prices },
    budgets: [{ scope: 'all', per: 'ever', tokens: 1_000_000, usd: 1 }],
    upstreamMore: { retry: { attempts: 1 } },
    more: {
      all: endpoint('right+spelled+right', agree()),
      two: endpoint('right+other+spelled', agree()),
      none: endpoint('right+other+third', agree()),
      checked: endpoint('right+wrong+spelled', { ...agree(), check: true }),
      repaired: endpoint('wrong+wrong+wrong+right', { ...agree(), check: true }),
      failing: endpoint('right+error400+right', agree()),
      nine: endpoint('right', agree(9)),
    },
  });
  for (const [model, calls, billed, sure, decision, rest] of [
    ['all', 3, 3, '1.0000', 'accepted'],
    ['two', 3, 3, '0.6667', 'review'],
    ['none', 3, 3, '0.3333', 'review'],
    ['checked', 3, 3, '0.6667', 'review', { response_format }],
    ['repaired', 4, 4, '0.3333', 'review', { response_format }],
    ['failing', 3, 2, '0.6667', 'review'],
    ['nine', 9, 9, '1.0000', 'accepted', { stream: true }],
  ]) {
    const before = up.asked.length;
    const reply = await ask(model, { messages: user('How many?'), ...rest });
    assert.equal(reply.status, 200, reply.text);
    assert.equal(up.asked.length - before, calls, model);
    assert.deepEqual([reply.headers['x-penstock-confidence'], reply.headers['x-penstock-decision']], [sure, decision], model);
    assert.match(reply.text, /Ulm|Bonn|Kiel/);
    if (model === 'two' || model === 'checked') assert.match(reply.text, /Ulm/, 'the commonest one');
    const record = await recordOf(server, reply.headers['x-request-id']);
    assert.deepEqual([record.usage.input_tokens, record.usage.output_tokens, record.attempts], [12 * billed, 3 * billed, calls], model);
    assert.equal(Number(reply.headers['x-penstock-cost-usd']).toFixed(9), (billed * 18e-6).toFixed(9), 'each is paid for once');
  }
  assert.equal((await reviews(server)).open, 5);
  const [item] = (await reviews(server, '?endpoint=two')).data;
  assert.deepEqual(item.labels, [{ label: item.prediction, confidence: 0.6667 }, { label: other, confidence: 0.3333 }], 'what the others said');
  await server.healthy();
});

test('what has been held back can still be had elsewhere', { timeout: 300_000 }, async (t) => {
  const rules = path.join(folder(t), 'answer.lua');
  fs.writeFileSync(rules, `function answer(r) if r.user == "json" then return '${right}' end return "words" end`);
  const output = { schema: schemaFile(t), send_schema: 'never' }; // the scripts break in the middle of prose
  const { up, server, ask } = await start(t, {
    says,
    upstreams: { local: { kind: 'simulator' } },
    more: {
      cut: endpoint('cut+right', output),
      event: endpoint('errorevent+right', output),
      hopeless: endpoint('cut', output, { fallbacks: [{ upstream: 'main', model: 'right' }] }),
      local: { kind: 'chat', rollout: [{ upstream: 'local', model: 'any' }], output, fallbacks: [{ upstream: 'main', model: 'right' }] },
      alone: { kind: 'chat', rollout: [{ upstream: 'local', model: 'any' }], output },
      ruled: endpoint('error404', output, { fallbacks: [{ rules }] }),
      free: { kind: 'chat', rollout: [{ upstream: 'local', model: 'any' }], output: { check: true } },
    },
  });
  for (const [model, decision, calls] of [['cut', 'accepted', 2], ['event', 'accepted', 2], ['hopeless', 'fallback', 4], ['local', 'fallback', 1]]) {
    const before = up.asked.length;
    const reply = await ask(model, { stream: true });
    assert.deepEqual([reply.status, reply.headers['x-penstock-decision']], [200, decision], model);
    assert.equal(up.asked.length - before, calls, model);
    assert.match(reply.text, /Ulm/, model);
    assert.ok(!/Hello|broke/.test(reply.text), 'nothing of what broke is in it');
    assert.match(reply.text, /data: \[DONE\]\n\n$/);
  }
  const alone = await ask('alone', { stream: true });
  assert.equal(`${alone.status} ${alone.json.error.code}`, '502 invalid_output');
  const ruled = await ask('ruled', { stream: true, user: 'json' });
  assert.equal(ruled.headers['x-penstock-decision'], 'fallback');
  assert.match(ruled.text, /Ulm/);
  const prose = await ask('ruled', { stream: true });
  assert.deepEqual([prose.status, /words/.test(prose.text)], [502, false], 'what rules say has to meet it, too');
  const free = await ask('free', { stream: true });
  assert.match(free.text, /\[simulator\]/);
  await server.healthy();
});

test('a late model gets company here, too', { timeout: 300_000 }, async (t) => {
  const hedged = (model) => endpoint(model, { check: true }, { hedge: '50%' });
  const { up, server, ask } = await start(t, {
    says,
    upstreamMore: { first_byte_timeout: '20s' },
    more: { fenced: hedged('hang+fenced'), repaired: hedged('hang+wrong+right') },
  });
  for (let i = 0; i < 25; i++) assert.equal((await ask('assistant')).status, 200); // what is late shows only once 20 calls were seen
  for (const [model, calls] of [['fenced', 2], ['repaired', 3]]) {
    const before = up.asked.length;
    const reply = await ask(model, { response_format, stream: true });
    assert.deepEqual([reply.status, reply.headers['x-penstock-decision']], [200, 'accepted'], reply.text);
    assert.match(reply.text, /Ulm/);
    assert.equal(up.asked.length - before, calls, model);
    const record = await recordOf(server, reply.headers['x-request-id']);
    assert.equal(record.usage.input_tokens, 12 * calls, 'the one that lost has read the question, too');
  }
  await server.healthy();
});

test('budgets reserve for samples, repairs and answers in vain', { timeout: 300_000 }, async (t) => {
  const budgets = [{ scope: 'user', per: 'ever', tokens: 3000 }];
  const { server, ask } = await start(t, {
    says,
    budgets,
    more: {
      one: endpoint('right'),
      samples: endpoint('right', { confidence: 'agreement', samples: 9 }),
      repair: endpoint('right', { check: true }),
      vain: endpoint('right', { check: true, repair: false }, { fallbacks: [1, 2, 3].map((i) => ({ upstream: 'main', model: `right${i}` })) }),
    },
  });
  const rest = { max_tokens: 900, response_format };
  assert.equal((await ask('one', { ...rest, user: 'one' })).status, 200);
  for (const model of ['samples', 'repair', 'vain']) {
    const reply = await ask(model, { ...rest, user: model });
    assert.equal(`${reply.status} ${reply.json.error?.code}`, '429 budget_exceeded', `${model}: the most that it can cost is too much`);
    assert.equal((await ask(model, { ...rest, max_tokens: 20, user: model })).status, 200);
  }
  await server.healthy();
});

test('a client that leaves lets go of samples and repairs', { timeout: 300_000 }, async (t) => {
  const { up, server } = await start(t, {
    says,
    upstreamMore: { first_byte_timeout: '20s' },
    more: { hanging: endpoint('hang', { confidence: 'agreement' }), repairing: endpoint('wrong+hang', { check: true }), late: endpoint('wrong+hang', { check: true }, { deadline: '300ms', infer_timeout: '300ms' }) },
  });
  for (const [model, calls] of [['hanging', 3], ['repairing', 2]]) {
    const before = up.asked.length, { left } = up.counts, abort = new AbortController();
    const leaving = server.request('POST', '/v1/chat/completions', { check: false, agent: false, signal: abort.signal, body: { model, messages: user('?'), response_format } });
    leaving.catch(() => {});
    await until('its calls', () => up.asked.length - before >= calls);
    abort.abort();
    await assert.rejects(leaving);
    await until('the upstream to notice', () => up.counts.left - left === (model === 'hanging' ? calls : 1));
    assert.equal(up.asked.length - before, calls, model);
  }
  const late = await server.request('POST', '/v1/chat/completions', { check: false, body: { model: 'late', messages: user('?'), response_format } });
  assert.equal(`${late.status} ${late.json.error.code}`, '504 deadline_exceeded');
  await server.healthy();
});
