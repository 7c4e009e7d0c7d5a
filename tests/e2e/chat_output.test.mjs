// Answers that are looked at before a client gets them: held to a schema, repaired, handed on to the next model, compared
// with each other, judged by how sure they are.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { anthropicClient, openaiClient, recordOf, start, user } from './chats.mjs';
import { skip } from './judges.mjs';
import { command, complete, folder } from './penstock.mjs';

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

test("a request's own schema", { skip, timeout: 60_000 }, async (t) => {
  const check = { check: true };
  const { up, server, ask } = await start(t, {
    says,
    more: {
      right: endpoint('right', check),
      repaired: endpoint('wrong+right+', check),
      never: endpoint('wrong', check),
      unrepaired: endpoint('wrong', { ...check, repair: false }),
      unchecked: endpoint('wrong', { confidence: 'unknown' }),
      chain: endpoint('wrong', check, { fallbacks: [{ upstream: 'main', model: 'prose+right' }] }),
      text: endpoint('wrong', check, { fallbacks: [{ text: '{}' }] }),
      fenced: endpoint('fenced', check),
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
    for (const [model, calls, why] of [['never', 2, /also when asked for a repair/], ['unrepaired', 1, /expected integer, found the string \\?"many/]]) {
      const before = up.asked.length;
      const reply = await ask(model, { response_format });
      assert.equal(`${reply.status} ${reply.json.error.code}`, '502 invalid_output', reply.text);
      assert.match(reply.json.error.message, why);
      assert.match(reply.json.error.message, /main\/wrong/);
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

  await t.test('a fence around the JSON is taken off', async () => {
    const reply = await ask('fenced', { response_format });
    assert.equal(contentOf(reply), right);
    assert.equal(reply.json.usage.prompt_tokens, 12);
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
  await server.healthy();
});

test("an endpoint's schema", { skip, timeout: 60_000 }, async (t) => {
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

test("Anthropic's upstreams are asked for schemas in their words", { skip, timeout: 60_000 }, async (t) => {
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
    const { stderr } = await command(['serve', '-c', config], { code: null, timeout: 20_000 });
    return stderr;
  };
  assert.match(await problems('{\n"type": "object",\n}'), /penstock\.yaml:\d+:\d+: .*schema\.json:2: not JSON/);
  assert.match(await problems('{"type":"objekt"}'), /penstock\.yaml:\d+:\d+: .*schema\.json: .*\/type/);
  assert.match(await problems(JSON.stringify(schema), { fallbacks: [{ text: 'Sorry.' }] }), /the text of its fallbacks does not meet this schema/);
});
