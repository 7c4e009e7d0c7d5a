// Gradient-boosted trees: trained by XGBoost, served without it.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { command, folder, serve, shared, train } from './penstock.mjs';
import { dice, table } from './samples.mjs';

const nowhere = { PENSTOCK_XGBOOST: '/nonexistent/libxgboost.so.0' };

const boosted = (store, name, rows, ...more) => train(store, name, rows, '--backend', 'boosted', '--folds', '3', ...more);

async function libraryMissing(t) {
  try {
    await boosted(folder(t), 'payments', table(60));
    return false;
  } catch (error) {
    assert.match(String(error.message), /XGBoost/);
    return true;
  }
}

// Three labels; a category decides, or a number where there is none.
function parcels(count) {
  const roll = dice(5);
  const rows = [['weight', 'kind', 'label']];
  for (let i = 0; i < count; i++) {
    const weight = roll(400) / 10;
    const kind = ['letter', 'box', 'pallet', ''][roll(4)];
    const way = kind === 'letter' || (kind === '' && weight < 10) ? 'post' : kind === 'pallet' ? 'truck' : 'van';
    rows.push([weight, kind, way]);
  }
  return rows;
}

// As XGBoost writes it: width < 1.5 (missing: below) gives 2 for the log odds of the second label, else -2.
const stump = (changed = {}) => ({
  learner: {
    attributes: {},
    feature_names: ['width', 'height'],
    gradient_booster: {
      name: 'gbtree',
      model: {
        gbtree_model_param: { num_parallel_tree: '1', num_trees: '1' },
        tree_info: [0],
        trees: [
          {
            left_children: [1, -1, -1],
            right_children: [2, -1, -1],
            split_indices: [0, 0, 0],
            split_conditions: [1.5, 2, -2],
            default_left: [1, 0, 0],
          },
        ],
      },
    },
    learner_model_param: { base_score: '5E-1', num_class: '0', num_feature: '2' },
    objective: { name: 'binary:logistic' },
    ...changed,
  },
  version: [1, 7, 4],
});

test('models that XGBoost wrote', { timeout: 300_000 }, async (t) => {
  const store = folder(t);
  const file = (content) => {
    writeFileSync(`${store}/model.json`, typeof content === 'string' ? content : JSON.stringify(content));
    return `${store}/model.json`;
  };
  const add = (content, code, ...more) =>
    command(['models', 'add', 'stump', '--xgboost', file(content), '--store', store, ...more], { code });
  const labels = ['--label', 'tall', '--label', 'wide'];
  assert.equal((await add(stump(), 0, ...labels)).stdout.trim(), 'stump@1');
  assert.equal((await add(stump(), 0, ...labels, '--feature', 'w', '--feature', 'h')).stdout.trim(), 'stump@2');

  await t.test('are served as they are', async (t) => {
    const endpoint = (model) => ({ accepts: 'features', rollout: [{ model }], accept_threshold: 0, cache: false });
    const server = await serve(t, { endpoints: { one: endpoint('stump@1'), two: endpoint('stump@2') } }, { store });
    const sure = 1 / (1 + Math.exp(-2));
    for (const [name, features, prediction] of [
      ['one', { width: 1, height: 7 }, 'wide'],
      ['one', { width: 2, height: 7 }, 'tall'],
      ['one', {}, 'wide'],
      ['two', { w: 1.5, h: null }, 'tall'],
    ]) {
      const reply = await server.answer(name, { features });
      assert.equal(reply.prediction, prediction);
      assert.ok(Math.abs(reply.confidence - sure) < 1e-4, `${reply.confidence}`);
    }
    await server.refused('one', { features: { width: 'broad' } }, 400, 'invalid_features');
  });

  await t.test('are refused with the reason', async () => {
    const why = async (content, ...more) => (await add(content, 1, ...more)).stderr;
    assert.match(await why('{"learner":', ...labels), /no JSON/);
    assert.match(await why({}, ...labels), /no model of XGBoost/);
    assert.match(await why(stump({ objective: { name: 'reg:squarederror' } }), ...labels), /reg:squarederror/);
    assert.match(await why(stump(), ...labels, '--label', 'more'), /3 labels are named/);
    assert.match(await why(stump(), ...labels, '--feature', 'w'), /1 features are named/);
    const cycle = stump();
    cycle.learner.gradient_booster.model.trees[0].left_children[0] = 0;
    assert.match(await why(cycle, ...labels), /do not make a tree/);
    assert.match((await add(stump(), 2)).stderr, /--label/);
    assert.match((await add(stump(), 2, ...labels, '--logits')).stderr, /--label and --feature only/);
  });
});

test('boosted trees', { timeout: 600_000 }, async (t) => {
  if (await libraryMissing(t)) return t.skip('XGBoost is not there: scripts/packages');
  const store = folder(t);
  assert.equal(await boosted(store, 'payments', table(1200)), 'payments@1');
  assert.equal(await train(store, 'payments', table(), '--folds', '2'), 'payments@2');
  assert.equal(await boosted(store, 'parcels', parcels(1000)), 'parcels@1');
  const config = {
    endpoints: {
      payments: { accepts: 'features', rollout: [{ model: 'payments@1' }], accept_threshold: 0, cache: false },
      parcels: { accepts: 'features', rollout: [{ model: 'parcels' }], accept_threshold: 0, cache: false },
    },
  };

  await t.test('rows are classified, and the server has not loaded XGBoost', async (t) => {
    const server = await serve(t, config, { store, env: nowhere });
    const ask = (features) => server.answer('payments', { features });
    const large = await ask({ amount: 980.5, items: 2, country: 'PL' });
    const small = await ask({ amount: 12, items: 3, country: 'DE' });
    assert.deepEqual([large.prediction, small.prediction, large.model], ['check', 'fine', 'payments@1']);
    assert.ok(large.confidence > 0.6 && large.confidence <= 1);
    // What only a category tells apart.
    const here = await ask({ amount: 450, items: 4, country: 'BR' });
    const there = await ask({ amount: 450, items: 4, country: 'FR' });
    assert.deepEqual([here.prediction, there.prediction], ['check', 'fine']);
    const way = async (features) => (await server.answer('parcels', { features })).prediction;
    assert.equal(await way({ weight: 30, kind: 'pallet' }), 'truck');
    assert.equal(await way({ weight: 30, kind: 'letter' }), 'post');
    assert.equal(await way({ weight: 3 }), 'post');
    assert.equal(await way({ weight: 30, kind: null }), 'van');
    const error = await server.refused('payments', { features: { amout: 1, items: 2, country: 'DE' } }, 400, 'invalid_features');
    assert.match(error.message, /amout.*amount/);
    assert.doesNotMatch(readFileSync(`/proc/${server.pid}/maps`, 'utf8'), /libxgboost|libgomp/);
  });

  await t.test('many at once get what each alone gets', async (t) => {
    const server = await serve(t, config, { store });
    const rows = Array.from({ length: 300 }, (_, i) => ({ amount: (i * 37) % 1000, items: 1 + (i % 9), country: ['DE', 'FR', 'PL', 'BR'][i % 4] }));
    const ask = async (features) => {
      const { prediction, confidence } = await server.answer('payments', { features });
      return { prediction, confidence };
    };
    const together = await Promise.all(rows.map(ask));
    for (const [i, row] of rows.entries()) if (i % 10 === 0) assert.deepEqual(await ask(row), together[i]);
    assert.equal(new Set(together.map((reply) => reply.prediction)).size, 2);
  });

  await t.test('a version of either backend takes the same rollout', async (t) => {
    const rollout = [
      { model: 'payments@1', weight: '50%' },
      { model: 'payments@2', weight: '50%' },
    ];
    const server = await serve(t, { endpoints: { payments: { ...config.endpoints.payments, sticky: 'none', rollout } } }, { store });
    const models = new Set();
    for (let i = 0; i < 60; i++) models.add((await server.answer('payments', { features: { amount: 900 + i, items: 1, country: 'DE' } })).model);
    assert.deepEqual([...models].sort(), ['payments@1', 'payments@2']);
  });

  await t.test('training says what is wrong', async () => {
    const csv = path.join(store, 'payments.csv');
    const wrong = async (code, file, ...more) =>
      (await command(['train', 'x', '--data', file, '--store', store, ...more], { code })).stderr;
    assert.match(await wrong(2, csv, '--backend', 'bosted'), /bosted.*did you mean boosted/);
    writeFileSync(`${store}/texts.csv`, 'text,label\n' + 'my card is gone,card\nsend money,transfer\n'.repeat(20));
    assert.match(await wrong(1, `${store}/texts.csv`, '--backend', 'boosted'), /tabular columns/);
    const missing = await command(['train', 'x', '--data', csv, '--store', store, '--backend', 'boosted'], { code: 1, env: nowhere });
    assert.match(missing.stderr, /PENSTOCK_XGBOOST names a library that does not open/);
  });

  const census = shared('adult_census', 'dev.csv');
  await t.test('of the census, rows that training never saw', { skip: !census && 'no shared data' }, async (t) => {
    const [head, ...rows] = readFileSync(census, 'utf8').trim().split('\n').map((line) => line.split(','));
    const made = folder(t);
    assert.equal(await boosted(made, 'census', [head, ...rows.slice(0, 4000)]), 'census@1');
    const server = await serve(t, { endpoints: { census: { accepts: 'features', rollout: [{ model: 'census' }] } } }, { store: made });
    let right = 0, asked = 0;
    for (const cells of rows.slice(4000, 4600)) {
      const features = Object.fromEntries(head.slice(0, -1).map((name, i) => [name, cells[i] === '?' || cells[i] === '' ? null : /^-?[\d.]+$/.test(cells[i]) ? Number(cells[i]) : cells[i]]));
      const reply = await server.predict('census', { features });
      if (reply.status === 400) continue; // a category that the first rows do not have
      asked++;
      right += reply.json.prediction === cells.at(-1);
    }
    assert.ok(asked > 550, `${asked} asked`);
    assert.ok(right / asked > 0.82, `${right} of ${asked} right; the larger class is 76 %`);
  });
});
