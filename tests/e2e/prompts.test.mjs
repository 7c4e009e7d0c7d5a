// Prompts of the registry: the command line, and what an endpoint that has one sends on for each kind of client.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { anthropicClient, openaiClient, recordOf, start, user } from './chats.mjs';
import { skip } from './judges.mjs';
import { command, folder, until } from './penstock.mjs';
import { sentence, upstream } from './upstream.mjs';

const template = (shop = 'a shop') => `---
name: support-reply
variables:
  - {name: question, type: string, max_length: 4000}
  - {name: tone, type: enum, values: [friendly, brief], default: friendly}
  - {name: order, type: json, required: false}
---
system:
You answer for ${shop}, in a {{tone}} tone.{{#if order}} The order: {{order}}{{/if}}
user:
{{question}}
`;

async function storeWithPrompt(t) {
  const dir = folder(t), store = path.join(dir, 'store'), file = path.join(dir, 'prompt.txt');
  const add = async (text) => {
    fs.writeFileSync(file, text);
    return (await command(['prompts', 'add', file, '--store', store])).stdout.trim();
  };
  assert.equal(await add(template()), 'support-reply@1');
  return { store, add, file };
}

test('penstock prompts', { timeout: 300_000 }, async (t) => {
  const { store, add, file } = await storeWithPrompt(t);
  const prompts = (...args) => command(['prompts', ...args, '--store', store]);
  assert.equal(await add(template()), 'support-reply@1 (it was there already)');
  assert.equal(await add(template('the shop')), 'support-reply@2');
  const list = JSON.parse((await prompts('list', '--json')).stdout);
  assert.deepEqual(list.map(({ name, version }) => `${name}@${version}`), ['support-reply@2', 'support-reply@1']);
  assert.equal(JSON.parse((await prompts('show', 'support-reply@1', '--json')).stdout).text, template());
  const rendered = JSON.parse((await prompts('render', 'support-reply', '--json', '--var', 'question=Where? "\n', '--var', 'order={"n": 1}')).stdout);
  assert.deepEqual(rendered, [{ role: 'system', content: 'You answer for the shop, in a friendly tone. The order: {"n":1}' }, { role: 'user', content: 'Where? "\n' }]);
  for (const [args, code, said] of [
    [['render', 'support-reply', '--var', 'tone=rude'], 1, /friendly, brief/],
    [['render', 'support-reply'], 1, /question/],
    [['render', 'suport-reply'], 1, /did you mean "support-reply"/],
    [['show', 'support-reply@9'], 1, /newest version is support-reply@2/],
    [['add', `${file}.nowhere`], 1, /nowhere/],
    [['add'], 2, /expected/],
  ]) {
    const { stderr } = await command(['prompts', ...args, '--store', store], { code });
    assert.match(stderr, said);
  }
  fs.writeFileSync(file, '---\nname: x\n---\nuser:\n{{nobody}}\n');
  assert.match((await command(['prompts', 'add', file, '--store', store], { code: 1 })).stderr, /nobody.* is not declared/);
});

test('an endpoint with a prompt', { skip, timeout: 300_000 }, async (t) => {
  const { store, add } = await storeWithPrompt(t);
  const prompted = (target = {}, rest = {}) => ({ kind: 'chat', rollout: [{ upstream: 'main', model: 'ok', prompt: 'support-reply@1', ...target }], ...rest });
  const claude = await upstream(t);
  const { up, server, post, ask } = await start(t, {
    store: { path: store },
    upstreams: { claude: { kind: 'anthropic', url: claude.url }, simulator: { kind: 'simulator' } },
    more: {
      support: prompted(),
      newest: prompted({ prompt: 'support-reply' }),
      other: prompted({ upstream: 'claude' }),
      rescued: prompted({ model: 'error500' }, { fallbacks: [{ upstream: 'main', model: 'ok' }] }),
      experiment: { kind: 'chat', sticky: 'user', rollout: [{ upstream: 'main', model: 'ok', prompt: 'support-reply@1', weight: '50%' }, { upstream: 'main', model: 'ok', weight: '50%' }] },
      offline: prompted({ upstream: 'simulator', model: 'simulator' }),
    },
  });
  const openai = openaiClient(server), anthropic = anthropicClient(server);
  const prompt_variables = { question: 'Where is it?', tone: 'brief' };
  const system = { role: 'system', content: 'You answer for a shop, in a brief tone.' };

  await t.test('the openai client, values only, and with messages of its own', async () => {
    const reply = await openai.chat.completions.create({ model: 'support', prompt_variables, seed: 7 });
    assert.equal(reply.choices[0].message.content, sentence);
    const { body } = up.asked.at(-1);
    assert.deepEqual(body.messages, [system, ...user('Where is it?')]);
    assert.equal(body.seed, 7);
    assert.ok(!('prompt_variables' in body));
    await openai.chat.completions.create({ model: 'support', prompt_variables, messages: user('And now?'), input: 'own', system: 7 });
    assert.deepEqual([up.asked.at(-1).body.input, up.asked.at(-1).body.system], ['own', 7], 'fields that nobody here knows go on');
    assert.deepEqual(up.asked.at(-1).body.messages, [system, ...user('Where is it?'), ...user('And now?')]);
  });
  await t.test('streams', async () => {
    const final = await openai.chat.completions.stream({ model: 'support', prompt_variables, messages: [] }).finalChatCompletion();
    assert.equal(final.choices[0].message.content, sentence);
    assert.deepEqual(up.asked.at(-1).body.messages[0], system);
  });
  await t.test('the anthropic client, to both kinds of upstream', async () => {
    const ask = (model) => anthropic.messages.create({ model, max_tokens: 9, system: 'Own words.', messages: user('And now?'), prompt_variables });
    assert.equal((await ask('support')).content[0].text, sentence);
    assert.match(JSON.stringify(up.asked.at(-1).body.messages), /You answer for a shop, in a brief tone\..*Own words\..*Where is it\?.*And now\?/);
    await ask('other');
    const { body } = claude.asked.at(-1);
    assert.deepEqual(body.system.map(({ text }) => text), [system.content, 'Own words.']);
    assert.deepEqual(body.messages.map(({ content }) => content), ['Where is it?', 'And now?']);
  });
  await t.test('responses, by the field of their own', async () => {
    await openai.responses.create({ model: 'support', input: 'And now?', prompt: { id: 'support-reply', variables: prompt_variables } });
    const { messages } = up.asked.at(-1).body;
    assert.equal(messages[0].content, system.content);
    assert.deepEqual(messages.slice(1).map(({ role }) => role), ['user', 'user']);
    const wrong = await post('/v1/responses', { model: 'support', input: '?', prompt: { id: 'another', variables: prompt_variables } });
    assert.equal(`${wrong.status} ${wrong.json.error.param}`, '400 prompt.id');
  });
  await t.test('which prompt it was stands in the record and decides the cache', async () => {
    const fresh = { question: 'Once more?', tone: 'brief' };
    const ask = () => post('/v1/chat/completions', { model: 'newest', temperature: 0, prompt_variables: fresh });
    const first = await ask();
    assert.equal(first.headers['x-penstock-model'], 'main/ok#support-reply@1');
    assert.equal((await recordOf(server, first.headers['x-request-id'])).model, 'main/ok#support-reply@1');
    assert.equal((await ask()).headers['x-penstock-decision'], 'cached');
    assert.equal(await add(template('the shop')), 'support-reply@2');
    const later = await until('the new version', async () => {
      const reply = await ask();
      return reply.headers['x-penstock-model'].endsWith('@2') && reply;
    });
    assert.equal(later.headers['x-penstock-decision'], 'accepted', 'an answer to the old prompt is none to the new one');
    assert.match(up.asked.at(-1).body.messages[0].content, /the shop/);
  });
  await t.test('wrong values are refused before anybody is asked', async () => {
    const before = up.asked.length;
    for (const [body, param] of [
      [{ prompt_variables: { question: 'x', tone: 'rude' } }, 'prompt_variables.tone'],
      [{ prompt_variables: {} }, 'prompt_variables.question'],
      [{ prompt_variables: { question: 'x', nobody: 1 } }, 'prompt_variables'],
      [{ prompt_variables: { question: 7 } }, 'prompt_variables.question'],
      [{ prompt_variables: { question: 'x'.repeat(4001) } }, 'prompt_variables.question'],
      [{ prompt_variables: 'x' }, 'prompt_variables'],
      [{}, 'messages'],
    ]) {
      const reply = await post('/v1/chat/completions', { model: 'support', ...body });
      assert.equal(`${reply.status} ${reply.json.error.param}`, `400 ${param}`, reply.text);
    }
    const none = await post('/v1/chat/completions', { model: 'assistant', prompt_variables });
    assert.equal(`${none.status} ${none.json.error.param}`, '400 prompt_variables', 'an endpoint without a prompt takes none');
    assert.equal(up.asked.length, before);
  });
  await t.test('each candidate has its own', async () => {
    const reply = await post('/v1/chat/completions', { model: 'rescued', prompt_variables, messages: user('And now?') });
    assert.equal(reply.headers['x-penstock-decision'], 'fallback', reply.text);
    assert.deepEqual(up.asked.at(-1).body.messages, user('And now?'), 'the fallback has no prompt');
    const seen = new Set();
    for (let i = 0; i < 40 && seen.size < 2; i++) {
      const { headers } = await post('/v1/chat/completions', { model: 'experiment', user: `u${i}`, prompt_variables, messages: user('And now?') });
      seen.add(headers['x-penstock-model']);
    }
    assert.deepEqual([...seen].sort(), ['main/ok', 'main/ok#support-reply@1']);
    assert.match((await ask('offline', { prompt_variables, messages: [] })).text, /Where is it\?/);
  });
  await server.healthy();
});

test('a repair is asked with the prompt, the next candidate with its own', { timeout: 300_000 }, async (t) => {
  const { store } = await storeWithPrompt(t);
  const { up, post } = await start(t, {
    store: { path: store },
    says: { wrong: { text: 'Ulm' } },
    more: { support: { kind: 'chat', output: { check: true }, rollout: [{ upstream: 'main', model: 'wrong', prompt: 'support-reply' }], fallbacks: [{ upstream: 'main', model: 'ok' }] } },
  });
  const reply = await post('/v1/chat/completions', { model: 'support', prompt_variables: { question: 'Where?' }, messages: user('And now?'), response_format: { type: 'json_schema', json_schema: { name: 'city', schema: { type: 'object', required: ['city'] } } } });
  assert.equal(reply.headers['x-penstock-decision'], 'fallback', reply.text);
  const asked = up.asked.map(({ body }) => body.messages.map(({ content }) => content));
  const prompt = ['You answer for a shop, in a friendly tone.', 'Where?'];
  assert.deepEqual(asked[0], [...prompt, 'And now?']);
  assert.deepEqual(asked[1].slice(0, 4), [...prompt, 'And now?', 'Ulm']);
  assert.deepEqual(asked[2], ['And now?']);
  assert.equal(asked.length, 3);
});

test('a prompt that is not there', { timeout: 300_000 }, async (t) => {
  const { store } = await storeWithPrompt(t);
  const config = path.join(folder(t), 'penstock.yaml');
  fs.writeFileSync(config, JSON.stringify({ auth: { required: false }, server: { listen: '127.0.0.1:0' }, store: { path: store }, upstreams: { main: { kind: 'openai', url: 'http://127.0.0.1:1/v1' } }, endpoints: { support: { kind: 'chat', rollout: [{ upstream: 'main', model: 'ok', prompt: 'suport-reply' }] } } }));
  assert.match((await command(['serve', '-c', config], { code: 2 })).stderr, /penstock\.yaml:1:\d+.*There is no prompt \\?"suport-reply\\?"; did you mean \\?"support-reply/);
});
