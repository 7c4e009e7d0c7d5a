// Classifiers in ONNX files: added, served, refused, and what happens without ONNX Runtime.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { build, command, folder, serve } from './penstock.mjs';

const models = (t) => {
  const dir = folder(t);
  return command([dir], { program: path.join(build, 'tests/unit/models/onnx-models') }).then(() => dir);
};
const add = (store, name, ...more) => command(['models', 'add', name, '--store', store, ...more]);
const wrong = async (store, code, ...more) =>
  (await command(['models', 'add', 'wrong', '--store', store, ...more], { code })).stderr;

async function runtimeMissing(t, dir) {
  const made = ['models', 'add', 'x', '--store', folder(t), '--onnx', `${dir}/classifier.onnx`, '--label', 'a', '--label', 'b'];
  try {
    await command(made);
    return false;
  } catch (error) {
    assert.match(String(error.message), /ONNX Runtime/);
    return true;
  }
}

test('models in ONNX files', { timeout: 300_000 }, async (t) => {
  const program = path.join(build, 'tests/unit/models/onnx-models');
  if (!existsSync(program)) return t.skip(`${program} is not built`);
  const dir = await models(t);
  if (await runtimeMissing(t, dir)) return t.skip('ONNX Runtime is not there: scripts/packages onnx');
  const store = folder(t);
  const features = ['--feature', 'left', '--feature', 'right', '--feature', 'more'];
  writeFileSync(`${dir}/labels.txt`, 'billing\r\nother\n');
  const rows = await add(store, 'sides', '--onnx', `${dir}/classifier.onnx`, '--label', 'left', '--label', 'right', ...features);
  assert.equal(rows.stdout.trim(), 'sides@1');
  await add(store, 'topics', '--onnx', `${dir}/text.onnx`, '--labels', `${dir}/labels.txt`, '--logits');
  const config = {
    endpoints: {
      sides: { accepts: 'features', rollout: [{ model: 'sides' }], accept_threshold: 0, cache: false },
      topics: { accepts: 'text', rollout: [{ model: 'topics@1' }], accept_threshold: 0, cache: false },
    },
  };

  await t.test('rows and texts are classified', async (t) => {
    const server = await serve(t, config, { store });
    const left = await server.answer('sides', { features: { left: 2, right: 0, more: 0 } });
    assert.deepEqual([left.prediction, left.model], ['left', 'sides@1']);
    assert.ok(Math.abs(left.confidence - 1 / (1 + Math.exp(-4))) < 1e-4);
    const text = await server.answer('topics', { text: 'refund' });
    assert.deepEqual([text.prediction, text.model], ['billing', 'topics@1']);
    assert.equal((await server.answer('topics', { text: 'the weather' })).prediction, 'other');
    const many = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        server.answer('sides', { features: { left: i % 2, right: 1 - (i % 2), more: 0 } }),
      ),
    );
    assert.ok(many.every((reply, i) => reply.prediction === (i % 2 ? 'left' : 'right')));
    const error = await server.refused('sides', { features: { left: 1, rigth: 2, more: 0 } }, 400, 'invalid_features');
    assert.match(error.message, /rigth.*right/);
  });

  await t.test('without the library the fallback answers', async (t) => {
    const server = await serve(
      t,
      { endpoints: { topics: { ...config.endpoints.topics, fallbacks: [{ review: true }] } } },
      { store, env: { PENSTOCK_ONNXRUNTIME: '/nonexistent/libonnxruntime.so.1' } },
    );
    const reply = await server.predict('topics', { text: 'refund' });
    assert.equal(reply.status, 200, reply.text);
    assert.equal(reply.json.decision, 'review');
  });

  await t.test('files that are refused', async () => {
    const labels = ['--label', 'a', '--label', 'b'];
    assert.match(await wrong(store, 1, '--onnx', `${dir}/external.onnx`, ...labels), /another file/);
    assert.match(await wrong(store, 1, '--onnx', `${dir}/labels.txt`, ...labels), /no ONNX file/);
    assert.match(await wrong(store, 1, '--onnx', `${dir}/classifier.onnx`, ...labels, '--label', 'c'), /3 labels/);
    assert.match(await wrong(store, 2, '--onnx', `${dir}/classifier.onnx`), /--label/);
    const half = readFileSync(`${dir}/classifier.onnx`);
    writeFileSync(`${dir}/half.onnx`, half.subarray(0, half.length / 2));
    assert.match(await wrong(store, 1, '--onnx', `${dir}/half.onnx`, ...labels), /ONNX/);
  });
});
