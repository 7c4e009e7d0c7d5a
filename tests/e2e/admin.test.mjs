// What the console's pages show of the server and its endpoints: GET /v1/admin/…
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { createKey, serve, storeWithModels } from './penstock.mjs';
import { billingText } from './samples.mjs';

const named = (reply) => `${reply.status} ${reply.json?.error?.code ?? ''}`.trim();
const lineOf = async (server, name, key) =>
  (await server.get('/v1/admin/overview', { key })).json.data.find((line) => line.name === name);

// Spoils the artefact of a version, so that it does not load.
function spoil(store, artefact) {
  const file = path.join(store, 'blobs', artefact.slice(0, 2), artefact.slice(2));
  fs.chmodSync(file, 0o644);
  fs.writeFileSync(file, 'spoiled');
}

test('the overview and the endpoint pages', { timeout: 60_000 }, async (t) => {
  const store = await storeWithModels(t);
  const [client, reviewer, admin] = await Promise.all(
    ['client', 'reviewer', 'admin'].map((role) => createKey(store, `the-${role}`, role)),
  );
  const endpoints = {
    tickets: {
      owner: 'support@example.com',
      accept_threshold: 0.5,
      rollout: [
        { model: 'tickets@1', weight: 0.25 },
        { model: 'tickets@2', weight: 0.75 },
      ],
    },
    people: { rollout: [{ model: 'tickets@1' }], accept_threshold: 1, review_threshold: 1 },
    chats: { kind: 'chat', rollout: [{ upstream: 'made-up', model: 'm' }] },
    refusing: { kind: 'chat', rollout: [{ upstream: 'nobody', model: 'm' }] },
  };
  const upstreams = {
    'made-up': { kind: 'simulator' },
    nobody: { kind: 'openai', url: 'http://127.0.0.1:9/v1', retry: { attempts: 1 }, breaker: { minimum: 5, open: '60s' } },
  };
  process.env.ADMIN_TEST_SECRET = 'never to be seen';
  upstreams.nobody.key = '${env:ADMIN_TEST_SECRET}';
  const server = await serve(t, { auth: { required: true }, upstreams, endpoints }, { store });
  const page = (name, key = reviewer) => server.get(`/v1/admin/endpoints/${name}`, { key });

  await t.test('are for reviewers', async () => {
    for (const target of ['/v1/admin/overview', '/v1/admin/endpoints/tickets']) {
      assert.equal(named(await server.get(target)), '401 missing_api_key');
      assert.equal(named(await server.get(target, { key: client })), '403 permission_denied');
      for (const key of [reviewer, admin]) assert.equal(named(await server.get(target, { key })), '200');
      assert.equal(named(await server.request('POST', target, { key: admin, body: {} })), '405 method_not_allowed');
    }
    for (const name of ['none', '%00', 'x'.repeat(5000), '..%2f..'])
      assert.ok([400, 404].includes((await page(name)).status), name);
  });

  await t.test('without requests nothing is known of an endpoint', async () => {
    const line = await lineOf(server, 'tickets', reviewer);
    assert.deepEqual([line.health, line.reasons], ['unknown', ['no requests in the last minutes']]);
    assert.deepEqual([line.requests, line.p50_ms, line.p95_ms], [0, null, null]);
  });

  await t.test('who serves, and how it goes', async () => {
    for (let i = 0; i < 40; i++) await server.answer('tickets', { text: `${billingText} ${i}` }, { key: client });
    for (let i = 0; i < 3; i++) await server.predict('tickets', { text: '' }, { key: client });
    const line = await lineOf(server, 'tickets', reviewer);
    assert.deepEqual([line.health, line.reasons, line.owner], ['ok', [], 'support@example.com']);
    assert.deepEqual(line.serving, [
      { model: 'tickets@1', weight: 0.25 },
      { model: 'tickets@2', weight: 0.75 },
    ]);
    assert.deepEqual([line.requests, line.errors, line.client_errors], [43, 0, 3]);
    assert.equal(Object.values(line.decisions).reduce((a, b) => a + b), 43);
    assert.equal(line.decisions.rejected, 3);
    assert.ok(line.p50_ms > 0 && line.p50_ms <= line.p95_ms && line.window_seconds > 0);
    assert.ok(line.confidence > 0.3 && line.confidence <= 1);
  });

  await t.test('a page has the pipeline with its times, versions, thresholds and the configuration', async () => {
    const { json } = await page('tickets');
    assert.deepEqual(json.stages.map((stage) => stage.name).slice(0, 4), ['authenticate', 'limit', 'receive', 'validate']);
    const infer = json.stages.find((stage) => stage.name === 'infer');
    assert.ok(infer.count === 40 && infer.mean_ms > 0 && infer.p95_ms > 0);
    assert.equal(json.stages.find((stage) => stage.name === 'scan').mean_ms, null);
    assert.deepEqual(
      json.versions.map(({ model, weight, loaded, accept_threshold }) => ({ model, weight, loaded, accept_threshold })),
      [
        { model: 'tickets@1', weight: 0.25, loaded: true, accept_threshold: 0.5 },
        { model: 'tickets@2', weight: 0.75, loaded: true, accept_threshold: 0.5 },
      ],
    );
    assert.equal(json.configuration.accept_threshold, 0.5);
    assert.equal(json.configuration.owner, 'support@example.com');
    assert.equal(json.configuration.deadline, '10s');
    assert.equal(json.cache.miss, 40);
    assert.equal(json.error_codes.invalid_text ?? json.error_codes.missing_field, 3, JSON.stringify(json.error_codes));
  });

  await t.test('open reviews are counted by endpoint', async () => {
    for (let i = 0; i < 3; i++) await server.predict('people', { text: `${billingText} ${i}` }, { key: client });
    const { json } = await server.get('/v1/admin/overview', { key: admin });
    assert.deepEqual(
      json.data.map((line) => [line.name, line.reviews_open]),
      [
        ['tickets', 0],
        ['people', 3],
        ['chats', 0],
        ['refusing', 0],
      ],
    );
    assert.ok(json.server.recorder.healthy && json.server.authentication && json.server.uptime_seconds >= 0);
  });

  await t.test('an open breaker is down, with the reason in words; its secret is nowhere', async () => {
    const ask = (model) =>
      server.request('POST', '/v1/chat/completions', { key: client, body: { model, messages: [{ role: 'user', content: 'x' }] } });
    assert.equal((await ask('chats')).status, 200);
    for (let i = 0; i < 6; i++) assert.ok((await ask('refusing')).status >= 500);
    const line = await lineOf(server, 'refusing', reviewer);
    assert.equal(line.health, 'down');
    assert.match(line.reasons[0], /breaker of upstream "nobody" is open: \d of \d calls failed/);
    const { json, text } = await page('refusing');
    assert.equal(json.upstreams.length, 1);
    assert.deepEqual([json.upstreams[0].name, json.upstreams[0].breaker], ['nobody', 'open']);
    assert.ok(json.upstreams[0].retry_after_ms > 0);
    assert.ok(!text.includes('never to be seen'));
    assert.equal((await page('chats')).json.upstreams[0].breaker, 'closed');
    assert.equal((await lineOf(server, 'chats', reviewer)).health, 'unknown');
  });

  await t.test('a version that does not load: degraded where others answer, down where nobody does', async () => {
    const { json } = await page('tickets');
    spoil(store, json.versions[0].artefact);
    const again = await serve(t, { endpoints, upstreams }, { store });
    const line = await lineOf(again, 'tickets');
    assert.equal(line.health, 'degraded');
    assert.match(line.reasons[0], /tickets@1 did not load: /);
    assert.equal((await lineOf(again, 'people')).health, 'down');
  });
});
