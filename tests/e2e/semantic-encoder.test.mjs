// The semantic cache with vectors of a sentence encoder in an ONNX file, here: a small one that was written for this test.
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { user } from './chats.mjs';
import { actions, pairs, question, things } from './embedder.mjs';
import { build, command, folder, serve, until } from './penstock.mjs';
import { upstream } from './upstream.mjs';

const program = path.join(build, 'tests/unit/models/onnx-models');

test('vectors of an encoder in an ONNX file', { timeout: 1_200_000 }, async (t) => {
  if (!existsSync(program)) return t.skip(`${program} is not built`);
  const dir = folder(t);
  const [store, vocabulary, file] = ['store', 'vocab.txt', 'pairs.csv'].map((name) => path.join(dir, name));
  await command([dir], { program });
  writeFileSync(vocabulary, ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'x', 'y', 'z', ...actions.flat(), ...things.flat()].join('\n') + '\n');
  const add = (name, code, ...more) => command(['models', 'add', name, '--store', store, '--onnx', `${dir}/encoder.onnx`, ...more], { code });
  const added = await add('small', null, '--vocabulary', vocabulary);
  if (/ONNX Runtime/.test(added.stderr)) return t.skip('ONNX Runtime is not there: scripts/packages onnx');
  assert.equal(added.stdout.trim(), 'small@1', added.stderr);

  await t.test('what is no encoder is refused', async () => {
    writeFileSync(`${dir}/other.txt`, 'one\ntwo\nthree\n');
    assert.match((await add('wrong', 1, '--vocabulary', `${dir}/other.txt`)).stderr, /no line \[UNK\]/);
    assert.match((await add('wrong', 2, '--vocabulary', vocabulary, '--label', 'a')).stderr, /no labels/);
    assert.match((await add('wrong', 1, '--vocabulary', vocabulary, '--output', 'pooled')).stderr, /no output "pooled"/);
    assert.match((await command(['models', 'add', 'wrong', '--store', store, '--vocabulary', vocabulary], { code: 2 })).stderr, /needs --onnx/);
    const shown = JSON.parse((await command(['models', 'show', 'small', '--store', store, '--json'])).stdout);
    assert.equal(shown.backend, 'onnx_text');
    assert.equal(shown.manifest.parameters.dimensions, 22);
  });

  writeFileSync(file, pairs(160, 170));
  const tuned = await command(['cache', 'tune', 'faq', '--store', store, '--pairs', file, '--vectors', 'small', '--false-hits', '2%', '--json'], { timeout: 300_000 });
  const made = JSON.parse(tuned.stdout);
  assert.equal(made.vectors, 'small@1');
  assert.equal(made.dimensions, 22);
  assert.equal(made.metrics.vectors_hit_rate, 1);
  assert.ok(made.metrics.hit_rate > 0.9, tuned.stdout);

  const up = await upstream(t);
  const chat = (more) => ({ kind: 'chat', rollout: [{ upstream: 'main', model: 'ok' }], semantic_cache: 'faq', ...more });
  const config = {
    server: { loops: 1 }, // what one has seen of a change, all have
    upstreams: { main: { kind: 'openai', url: up.url } },
    endpoints: { faq: chat({ semantic_vectors: { model: 'small', timeout: '5s' } }), pinned: chat({ semantic_vectors: { model: 'small@1', timeout: '5s' } }) },
  };
  const server = await serve(t, config, { store });
  const ask = async (content, model = 'faq') => {
    const body = { model, temperature: 0, messages: user(content) };
    const reply = await server.request('POST', '/v1/chat/completions', { check: false, agent: false, body });
    assert.equal(reply.status, 200, reply.text);
    return reply;
  };
  const decision = async (...asked) => (await ask(...asked)).headers['x-penstock-decision'];

  await t.test('questions that mean the same get the same answer', async () => {
    assert.equal(await decision(question(0, 0, 0)), 'accepted');
    assert.equal(await decision(question(0, 0, 31)), 'cached');
    assert.equal(await decision(question(0, 1, 31)), 'accepted', 'another thing');
    assert.equal(await decision(`${question(0, 0, 31)} 17`), 'accepted', 'a number more');
    const many = await Promise.all(Array.from({ length: 60 }, (_, i) => decision(question(i % 10, 5 + (i % 6), i % 36))));
    assert.ok(many.every((word) => word === 'accepted' || word === 'cached'));
    const { text } = await server.get('/metrics', { check: false });
    assert.match(text, /^penstock_semantic_vectors_total\{endpoint="faq",result="fetched"\} \d+$/m);
  });

  await t.test('a text without a vector goes without the cache', async () => {
    const reply = await ask('what about something else entirely');
    assert.equal(reply.headers['x-penstock-decision'], 'accepted');
    const found = await until('the record', async () => {
      const record = await server.get(`/v1/requests/${reply.headers['x-request-id']}`, { check: false });
      return record.status === 200 && record.json;
    });
    assert.equal(found.cache, 'no_vector');
    assert.match((await server.logged('semantic_cache.vector')).message, /gave only zeros/);
  });

  await t.test('another version of it is another model', async () => {
    assert.equal(await decision(question(0, 0, 5)), 'cached');
    await add('small', 0, '--vocabulary', vocabulary, '--cased');
    await until('the server has seen it', async () => (await decision(question(0, 0, 5))) === 'accepted');
    const off = await server.logged('semantic_cache.off');
    assert.match(off.message, /endpoint "faq" stays off: faq was made for the vectors of small@1, and semantic_vectors are small@2/);
    assert.equal(await decision(question(9, 9, 0)), 'accepted');
    assert.equal(await decision(question(9, 9, 31)), 'accepted', 'off');
    assert.equal(await decision(question(9, 9, 0), 'pinned'), 'accepted');
    assert.equal(await decision(question(9, 9, 31), 'pinned'), 'cached', 'its version is named');
  });

  await t.test('what makes no vectors is a problem of the configuration', async () => {
    await server.reload({ ...server.config, endpoints: { faq: chat({ semantic_vectors: { model: 'faq@1' } }) } });
    assert.match(server.stderr, /faq@1 makes no vectors of texts/);
    await server.reload({ ...server.config, endpoints: { faq: chat({ semantic_vectors: { model: 'nobody' } }) } });
    assert.match(server.stderr, /nobody/);
    assert.equal(await decision(question(9, 9, 31), 'pinned'), 'cached', 'nothing changed');
  });
  await server.healthy();
});
