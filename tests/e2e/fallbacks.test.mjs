// When the model cannot answer: the chain, step by step, and what the reply says of it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { command, folder, serve, sleep, storeWithModels } from './penstock.mjs';
import { billingText } from './samples.mjs';

async function blobOf(store, reference) {
  const { artefact } = JSON.parse((await command(['models', 'show', reference, '--json', '--store', store])).stdout);
  return path.join(store, 'blobs', artefact.slice(0, 2), artefact.slice(2));
}

const classify = `
function classify(r)
  if r.text:find("charged", 1, true) then return "billing", 0.9 end
  if r.text:find("perhaps", 1, true) then return "billing", 0.7 end
  if r.text:find("broken", 1, true) then error("broken on purpose") end
  return nil
end`;

test('fallbacks', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const dir = folder(t);
  const rules = path.join(dir, 'classify.lua');
  fs.writeFileSync(rules, classify);
  const blob = await blobOf(store, 'tickets@2');
  const bytes = fs.readFileSync(blob);
  bytes[bytes.length >> 1] ^= 1; // a single bit
  fs.chmodSync(blob, 0o600);
  fs.writeFileSync(blob, bytes);
  const broken = { rollout: [{ model: 'tickets@2' }] };
  const server = await serve(
    t,
    {
      endpoints: {
        well: { rollout: [{ model: 'tickets@1' }], accept_threshold: 0 },
        simpler: { ...broken, accept_threshold: 0, fallbacks: [{ model: 'tickets@1' }, { error: true }] },
        ruled: { ...broken, fallbacks: [{ model: 'tickets@2' }, { rules }, { review: true }] },
        person: { ...broken, fallbacks: [{ cache: 'stale' }, { review: true }], keep_inputs: 'review' },
        error: { ...broken, fallbacks: [{ rules }, { error: true }] },
        bare: broken,
        slow: {
          rollout: [{ model: 'tickets@1' }],
          accept_threshold: 0,
          text_max: '9MB',
          deadline: '60s',
          cache_ttl: '1s',
          fallbacks: [{ cache: 'stale' }, { error: true }],
        },
      },
    },
    { store, dir },
  );

  await t.test('an altered artefact is refused by its hash; the log and readyz say so', async () => {
    const [line] = server.log('model.load_failed');
    assert.match(line.message, /tickets@2/);
    const ready = await server.get('/readyz');
    assert.equal(ready.status, 200);
    assert.deepEqual(ready.json.endpoints, {
      well: 'ready',
      simpler: 'degraded',
      ruled: 'degraded',
      person: 'degraded',
      error: 'degraded',
      bare: 'degraded',
      slow: 'ready',
    });
    const list = (await server.get('/v1/endpoints')).json.data.find((endpoint) => endpoint.name === 'simpler');
    assert.deepEqual([list.rollout[0].loaded, list.fallbacks], [false, ['tickets@1', 'error']]);
  });

  await t.test('a simpler model answers, and the reply says which and why', async () => {
    const answer = await server.answer('simpler', { text: billingText });
    assert.deepEqual([answer.decision, answer.model, answer.prediction], ['fallback', 'tickets@1', 'billing']);
    assert.deepEqual([answer.fallback.step, answer.fallback.code], ['tickets@1', 'model_unavailable']);
    assert.match(answer.fallback.reason, /tickets@2 is not loaded/);
    assert.equal(answer.fallback.reason.includes(store), false, 'folders of the server are for its log');
    assert.equal(
      (await server.answer('simpler', { text: billingText })).cached,
      false,
      'what a fallback said is not kept for later',
    );
  });

  await t.test('rules answer when the model before them cannot either', async () => {
    const answer = await server.answer('ruled', { text: billingText });
    assert.deepEqual(
      [answer.decision, answer.model, answer.prediction, answer.confidence, answer.fallback.step],
      ['fallback', null, 'billing', 0.9, 'rules'],
    );
  });

  await t.test("an unsure fallback's answer goes to a person like any other", async () => {
    const answer = await server.answer('ruled', { text: 'perhaps a bill' });
    assert.deepEqual([answer.decision, answer.prediction, answer.fallback.step], ['review', 'billing', 'rules']);
    assert.ok(answer.review_id);
  });

  await t.test('rules without an answer, or broken ones, pass on to a person', async () => {
    for (const text of ['something else', 'broken']) {
      const answer = await server.answer('ruled', { text });
      assert.deepEqual(
        [answer.decision, answer.prediction, answer.review_reason, answer.fallback.step],
        ['review', null, 'fallback', 'review'],
      );
      assert.equal((await server.get(`/v1/review/${answer.review_id}`)).json.status, 'open');
    }
  });

  await t.test('an empty cache passes on to a person, whose item has the input', async () => {
    const answer = await server.answer('person', { text: billingText });
    assert.deepEqual(
      [answer.decision, answer.fallback.step, answer.fallback.code],
      ['review', 'review', 'model_unavailable'],
    );
    assert.equal((await server.get(`/v1/review/${answer.review_id}`)).json.input.text, billingText);
  });

  await t.test('at the end of the chain stands a clear 503', async () => {
    for (const endpoint of ['error', 'bare']) {
      const error = await server.refused(endpoint, { text: 'nothing fits' }, 503, 'model_unavailable');
      assert.match(error.message, /tickets@2/);
      assert.equal(error.headers['retry-after'], '1');
    }
    assert.equal((await server.answer('error', { text: billingText })).fallback.step, 'rules');
  });

  await t.test(
    'a model that takes too long: the cached answer however old, marked as stale; without one, 504',
    async () => {
      const long = `${billingText}. `.repeat(60_000); // some 4 MB
      const first = await server.answer('slow', { text: long });
      await sleep(1200);
      const whole = structuredClone(server.config);
      whole.endpoints.slow.infer_timeout = '1ms';
      await server.reload(whole);
      const stale = await server.answer('slow', { text: long });
      assert.deepEqual(
        [stale.decision, stale.cached, stale.stale, stale.prediction],
        ['fallback', true, true, first.prediction],
      );
      assert.deepEqual([stale.fallback.step, stale.fallback.code], ['cache', 'deadline_exceeded']);
      await server.refused('slow', { text: `${long} other` }, 504, 'deadline_exceeded');
      await server.healthy();
    },
  );

  await t.test('the artefact is put back: the next load finds it', async () => {
    bytes[bytes.length >> 1] ^= 1;
    fs.writeFileSync(blob, bytes);
    await server.reload(server.config);
    assert.equal((await server.get('/readyz')).json.endpoints.simpler, 'ready');
    assert.equal((await server.answer('simpler', { text: billingText })).model, 'tickets@2');
  });
});
