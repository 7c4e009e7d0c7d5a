// The semantic cache in the request path: questions that say the same in other words, and those that only look so.
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { command, createKey, folder, serve, shared } from './penstock.mjs';
import { upstream } from './upstream.mjs';

const pairs = shared('pairs', 'sts_cc', 'dev.csv');
const user = (content) => [{ role: 'user', content }];

test('the semantic cache', { skip: !pairs && 'no pairs in the shared test data', timeout: 600_000 }, async (t) => {
  const dir = folder(t);
  const store = path.join(dir, 'store');
  const tuned = await command(['cache', 'tune', 'faq', '--pairs', pairs, '--false-hits', '4%', '--store', store], { timeout: 240_000 });
  assert.match(tuned.stdout, /faq@1/);
  const [one, two] = [await createKey(store, 'one'), await createKey(store, 'two')];
  const up = await upstream(t);
  const chat = (more) => ({ kind: 'chat', rollout: [{ upstream: 'main', model: 'ok' }], ...more });
  const server = await serve(
    t,
    {
      auth: { required: true },
      upstreams: { main: { kind: 'openai', url: up.url } },
      endpoints: { faq: chat({ semantic_cache: 'faq@1' }), exact: chat() },
    },
    { store },
  );
  const ask = async (content, { key = one, model = 'faq', ...rest } = {}) => {
    const body = { model, temperature: 0, messages: user(content), ...rest };
    const reply = await server.request('POST', '/v1/chat/completions', { key, check: false, body });
    assert.equal(reply.status, 200, reply.text);
    return reply.headers['x-penstock-decision'];
  };
  const question = 'How do I reset the password of my account?';
  const alike = 'How do I reset my account password?';
  assert.equal(await ask(question), 'accepted');
  assert.equal(await ask(alike), 'cached', 'it says the same');
  assert.equal(await ask(alike, { model: 'exact' }), 'accepted', 'without a tuning only the same words are the same');
  assert.equal(await ask(alike, { key: two }), 'accepted', "another tenant's answer is not given");
  assert.equal(await ask('How do I reset my account password now?', { max_tokens: 7 }), 'accepted', 'other parameters');
  const system = [{ role: 'system', content: 'Answer in French.' }, ...user(alike)];
  assert.equal(await ask('', { messages: system }), 'accepted', 'another system prompt');

  assert.equal(await ask('Please transfer 100 euros to my savings account'), 'accepted');
  for (const other of [
    'Please transfer 1000 euros to my savings account',
    'Please transfer 100 dollars to my savings account',
    'Please do not transfer 100 euros to my savings account',
    'Please transfer 100 euros from my savings account',
  ])
    assert.equal(await ask(other), 'accepted', other);
  await server.healthy();
});
