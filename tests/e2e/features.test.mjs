// Tabular features: what is understood, and what is refused with which words.
import assert from 'node:assert/strict';
import test from 'node:test';
import { folder, serve, train } from './penstock.mjs';
import { table } from './samples.mjs';

test('features', { timeout: 300_000 }, async (t) => {
  const store = folder(t);
  assert.equal(await train(store, 'payments', table(), '--folds', '2'), 'payments@1');
  const server = await serve(
    t,
    {
      endpoints: { payments: { accepts: 'features', rollout: [{ model: 'payments' }], accept_threshold: 0 } },
    },
    { store },
  );
  const ask = (features) => server.answer('payments', { features });

  await t.test('features as JSON', async () => {
    const large = await ask({ amount: 980.5, items: 2, country: 'BR' });
    assert.equal(large.model, 'payments@1');
    assert.ok('features' in large.stages);
    const small = await ask({ country: 'DE', items: 3, amount: 12 });
    assert.deepEqual([large.prediction, small.prediction], ['check', 'fine']);
    assert.deepEqual(large.labels.map((row) => row.label).sort(), ['check', 'fine']);
  });

  await t.test('their order does not matter', async () => {
    const one = await ask({ amount: 433.5, items: 5, country: 'FR' });
    const two = await ask({ country: 'FR', items: 5, amount: 433.5 });
    assert.deepEqual([two.prediction, two.confidence], [one.prediction, one.confidence]);
  });

  const wrong = {
    'a name that the model does not know, with the nearest that it does': [
      { amont: 1, items: 2, country: 'DE' },
      /amont.*amount/,
    ],
    'a text where a number belongs': [{ amount: 'much', items: 2, country: 'DE' }, /amount.*number/],
    'an object where a value belongs': [{ amount: { value: 1 }, items: 2, country: 'DE' }, /amount/],
    'an array': [{ amount: [1], items: 2, country: 'DE' }, /amount/],
    'NaN as a text': [{ amount: 'NaN', items: 2, country: 'DE' }, /amount/],
    'a feature that never was missing in training': [{ amount: 12, country: 'DE' }, /items/],
    'a category never seen, with those that were': [{ amount: 12, items: 1, country: 'XX' }, /country.*XX/],
    'none at all': [{}, /amount|items|country/],
  };
  for (const [name, [features, message]] of Object.entries(wrong))
    await t.test(`refused: ${name}`, async () => {
      const error = await server.refused('payments', { features }, 400, 'invalid_features');
      assert.match(error.message, message);
      assert.ok(error.param, 'the feature at fault is named');
    });

  await t.test('refused: NaN, Infinity and numbers beyond the range, which are no JSON', async () => {
    for (const text of ['NaN', 'Infinity', '-Infinity', '1e999', 'nan']) {
      const reply = await server.predict('payments', `{"features":{"amount":${text},"items":2,"country":"DE"}}`, {
        headers: { 'content-type': 'application/json' },
      });
      assert.equal(reply.status, 400, `${text}: ${reply.text}`);
    }
  });

  await t.test('refused: features that are no object, a text instead of features', async () => {
    for (const features of [[], 'amount', 3, null, true])
      await server.refused('payments', { features }, 400, 'invalid_field');
    await server.refused('payments', { text: 'amount 3' }, 400, 'bad_request');
  });

  await t.test('and the server is unharmed', async () => {
    assert.equal((await ask({ amount: 980.5, items: 2, country: 'BR' })).prediction, 'check');
    await server.healthy();
  });
});
