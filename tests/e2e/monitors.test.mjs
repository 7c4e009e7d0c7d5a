// The monitors of a running server: what traffic does to them, what a restart leaves of them, and who may look. Windows
// close at the end of a minute and when the server ends, so a restart stands for the minute that nobody wants to wait for.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { command, createKey, farFromEndOf, folder, minute, serve, storeWithModels, train, until } from './penstock.mjs';
import { dice, texts } from './samples.mjs';

const said = texts(400, 5).slice(1).map(([text]) => text);

async function inLanes(count, work, lanes = 8) {
  let next = 0;
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      while (next < count) await work(next++);
    }),
  );
}

async function readings(server, endpoint, key) {
  const reply = await server.get(`/v1/admin/monitors?endpoint=${endpoint}`, { key });
  assert.equal(reply.status, 200, reply.text);
  const found = (monitor, part = '') => reply.json.data.find((one) => one.monitor === monitor && one.part === part);
  return { all: reply.json.data, found };
}

test('texts unlike those of training are seen, a restart forgets nothing, and what is seen can be looked at', async (t) => {
  const store = await storeWithModels(t);
  const config = { limits: { rate: 100000 }, endpoints: { tickets: { rollout: [{ model: 'tickets@1' }], cache: false, monitors: { samples: 200 } } } };
  const again = () => serve(t, config, { store, dir: folder(t) });

  let server = await again();
  const none = await readings(server, 'tickets');
  for (const monitor of ['latency_p95', 'confidence', 'input_drift', 'error_rate', 'fallback_rate'])
    assert.equal(none.found(monitor)?.state, 'no_data', monitor);
  assert.equal(none.found('review_depth').value, 0);
  await inLanes(299, (i) => server.answer('tickets', { text: said[i % said.length] }));
  const { request_id } = await server.answer('tickets', { text: said[0] });
  await until('the record', async () => (await server.request('POST', '/v1/feedback', { body: { request_id, correct: false }, check: false })).status === 200);
  await server.stop();

  server = await again();
  const usual = await readings(server, 'tickets');
  assert.equal(usual.found('latency_p95').state, 'good', 'within the limit');
  assert.equal(usual.found('latency_p95').samples, 300);
  assert.ok(usual.found('latency_p95', 'infer').value > 0);
  const spoken = usual.found('accuracy', 'feedback');
  assert.deepEqual([spoken?.samples, spoken?.value, spoken?.limit], [1, 0, null]);
  assert.match(spoken.detail, /^biased: /);
  assert.equal(usual.found('accuracy').state, 'no_data', 'without audits there is no verdict');
  const before = usual.found('input_drift', 'unseen_words');
  assert.ok(before.samples === 300 && before.value !== null, JSON.stringify(before));
  const roll = dice(3);
  const noise = () => Array.from({ length: 9 }, () => roll(1 << 30).toString(36)).join(' ');
  await inLanes(600, () => server.answer('tickets', { text: noise() }));
  await inLanes(40, () => server.refused('tickets', { texts: 'x' }, 400, 'invalid_field'));
  await server.stop();

  server = await again();
  const now = await readings(server, 'tickets');
  const drift = now.found('input_drift');
  assert.equal(drift.state, 'breached', JSON.stringify(drift));
  assert.ok(drift.value > drift.limit && drift.samples === 900, JSON.stringify(drift));
  assert.match(drift.detail, /inputs drift; furthest off is \w+ \(tickets@1\)/);
  assert.equal(drift.runbook, 'docs/runbooks/input_drift.md');
  assert.ok(now.found('input_drift', 'unseen_words').value > before.value);
  assert.equal(now.found('confidence_drift').state, 'breached');
  assert.equal(now.found('estimated_accuracy').state, 'void', 'confidences mean nothing while inputs drift');
  const mistakes = now.found('error_rate', 'invalid_field');
  assert.equal(`${mistakes.state} ${mistakes.samples}`, 'no_data 940', 'mistakes of clients, and no week before to compare with');

  const course = await server.get('/v1/admin/monitors/tickets?monitor=input_drift&part=unseen_words');
  const values = course.json.series.filter((one) => one.value !== null);
  assert.ok(values.length >= 2 && values.at(-1).value > values[0].value, course.text.slice(0, 2000));
  assert.equal(course.json.version, 'tickets@1');
  const words = course.json.profile.find((one) => one.name === 'unseen_words');
  assert.equal(words.reference.shares.length, words.edges.length + 1);
  assert.ok(words.now.shares.at(-1) > 0.6 && words.reference.shares.at(-1) < 0.1, 'words that training never saw');
  const listed = JSON.parse((await command(['monitors', 'list', 'tickets', '--store', store, '--json'])).stdout);
  assert.equal(listed.find((one) => one.monitor === 'input_drift' && one.part === '').state, 'breached');
  const metrics = (await server.get('/metrics')).text;
  assert.match(metrics, /^penstock_monitor_breached\{endpoint="tickets",monitor="input_drift",part=""\} 1$/m);

  for (const [query, status] of [['monitor=nothing', 400], ['from=yesterday', 400], ['from=2026-11-20T00:00:00Z', 200]])
    assert.equal((await server.get(`/v1/admin/monitors/tickets?${query}`)).status, status, query);
  assert.equal((await server.get('/v1/admin/monitors/nowhere')).status, 404);
});

test('features that shift, are missing or were never seen are told apart, and a client may not look', async (t) => {
  const store = path.join(folder(t), 'store');
  const roll = dice(11);
  const row = (shift, color) => ({ size: roll(100) + shift, color, age: roll(4) ? roll(50) : null });
  const colors = ['red', 'green', 'blue'];
  const rows = [['size', 'color', 'age', 'label']];
  for (let i = 0; i < 600; i++) {
    const { size, color, age } = row(0, colors[roll(3)]);
    rows.push([size, color, age ?? '', size + roll(30) > 60 ? 'big' : 'small']);
  }
  await train(store, 'shapes', rows, '--folds', '2');
  const key = await createKey(store, 'shop');
  const reviewer = await createKey(store, 'ada', 'reviewer');
  const config = {
    auth: { required: true },
    limits: { rate: 100000 },
    endpoints: { shapes: { accepts: ['features'], rollout: [{ model: 'shapes' }], monitors: { samples: 100 } } },
  };
  let server = await serve(t, config, { store, dir: folder(t) });
  assert.equal((await server.get('/v1/admin/monitors', { key })).status, 403);
  assert.equal((await server.get('/v1/admin/monitors')).status, 401);
  await inLanes(400, () => server.answer('shapes', { features: row(40, colors[roll(3)]) }, { key }));
  await inLanes(100, () => server.refused('shapes', { features: row(0, 'violet') }, 400, 'invalid_features', { key }));
  await server.stop();

  server = await serve(t, config, { store, dir: folder(t) });
  const { found } = await readings(server, 'shapes', reviewer);
  assert.equal(found('input_drift', 'size').state, 'breached', JSON.stringify(found('input_drift', 'size')));
  assert.equal(found('input_drift', 'age').state, 'good', JSON.stringify(found('input_drift', 'age')));
  assert.equal(found('input_drift', 'color').state, 'breached', JSON.stringify(found('input_drift', 'color')));
  assert.match(found('input_drift', 'color').detail, /unseen 20\.0 %/);
  assert.match(found('input_drift', 'age').detail, /missing 2\d\.\d % \(2\d\.\d %\)/);
  assert.equal(found('input_drift').state, 'breached');
});

test('a version that brought no profile is held against its own first requests, also after restarts', async (t) => {
  const dir = folder(t), store = path.join(dir, 'store'), rules = path.join(dir, 'rules.lua');
  fs.writeFileSync(rules, 'function classify(r) return r.text:find("invoice") and "billing" or "other", 0.9 end\n');
  await command(['models', 'add', 'desk', '--rules', rules, '--label', 'billing', '--label', 'other', '--store', store]);
  const config = { limits: { rate: 100000 }, endpoints: { desk: { rollout: [{ model: 'desk@1' }], cache: false, monitors: { samples: 50, reference: 200 } } } };
  const again = () => serve(t, config, { store, dir: folder(t) });
  const send = (server, count, text) => inLanes(count, (i) => server.answer('desk', { text: text(i) }));
  const usual = (i) => (i % 2 ? `my invoice ${i}` : `hello ${i}`);

  let server = await again();
  assert.match((await readings(server, 'desk')).found('prediction_drift').detail, /too few answers|so far 0/);
  await farFromEndOf(minute, 10_000); // what comes behind the first 200 of a window is left out, of the next it counts
  await send(server, 220, usual);
  await server.stop();
  server = await again();
  await send(server, 100, usual);
  await server.stop();
  server = await again();
  const good = (await readings(server, 'desk')).found('prediction_drift');
  assert.deepEqual([good.state, good.samples], ['good', 100], JSON.stringify(good));
  assert.match(good.detail, /^desk@1 \(reference: first 200 requests since 20\d\d-/);
  const { json } = await server.get('/v1/admin/monitors/desk?monitor=prediction_drift');
  const label = json.profile.find(({ role }) => role === 'label');
  assert.deepEqual([label.reference.rows, label.categories.toSorted()], [200, ['billing', 'other']]);
  assert.ok(Date.parse(label.reference.since) > Date.now() - 600_000);
  await send(server, 200, (i) => `my invoice number ${i} ${'is long '.repeat(50)}`);
  await server.stop();
  const listed = JSON.parse((await command(['monitors', 'list', 'desk', '--store', store, '--json'])).stdout);
  const state = (monitor, part = '') => listed.find((one) => one.monitor === monitor && one.part === part)?.state;
  assert.deepEqual([state('prediction_drift'), state('input_drift', 'text_bytes')], ['breached', 'breached'], JSON.stringify(listed));
});
