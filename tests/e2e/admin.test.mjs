// What the console's pages show of the server and its endpoints: GET /v1/admin/…
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { createKey, serve, storeWithModels, until } from './penstock.mjs';
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

test('the overview and the endpoint pages', { timeout: 300_000 }, async (t) => {
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

test('records are searched', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const [ann, bob, reviewer] = [
    await createKey(store, 'ann'),
    await createKey(store, 'bob'),
    await createKey(store, 'rita', 'reviewer'),
  ];
  const endpoints = {
    tickets: { rollout: [{ model: 'tickets@2' }], keep_inputs: 'all', review: { audit: 0 } },
    people: { rollout: [{ model: 'tickets@1' }], accept_threshold: 1, review_threshold: 1, keep_inputs: 'review' },
  };
  const server = await serve(t, { auth: { required: true }, endpoints }, { store });
  const search = async (query = '') => {
    const reply = await server.get(`/v1/admin/requests?${query}`, { key: reviewer });
    assert.equal(reply.status, 200, reply.text);
    return reply.json;
  };
  const ids = async (query) => (await search(query)).data.map((record) => record.request_id);
  const asked = { ann: [], bob: [], people: [], wrong: [] };
  const today = new Date().toISOString().slice(0, 10);
  for (let i = 0; i < 12; i++)
    asked.ann.unshift((await server.answer('tickets', { text: `${billingText} ${i}` }, { key: ann })).request_id);
  const between = new Date().toISOString();
  for (let i = 0; i < 3; i++)
    asked.bob.unshift((await server.answer('tickets', { text: `${billingText} ${i}` }, { key: bob })).request_id);
  const { request_id: person, review_id: review } = (await server.predict('people', { text: billingText }, { key: bob })).json;
  asked.people.push(person);
  asked.wrong.push((await server.refused('tickets', { text: '' }, 400, 'invalid_text', { key: bob })).request_id);
  await until('the records', async () => (await search()).data.length === 17);

  await t.test('by reviewers only', async () => {
    assert.equal(named(await server.get('/v1/admin/requests')), '401 missing_api_key');
    assert.equal(named(await server.get('/v1/admin/requests', { key: ann })), '403 permission_denied');
  });

  await t.test('the newest first, page by page, none twice and none left out', async () => {
    const all = [...asked.wrong, ...asked.people, ...asked.bob, ...asked.ann];
    assert.deepEqual(await ids(), all);
    const pages = [];
    let after = '';
    do {
      const page = await search(`limit=5${after}`);
      pages.push(...page.data.map((record) => record.request_id));
      assert.equal(page.has_more, page.next !== null);
      after = `&after=${page.next}`;
      if (!page.has_more) break;
    } while (pages.length < 30);
    assert.deepEqual(pages, all);
  });

  await t.test('by endpoint, client, model, decision, status and time', async () => {
    assert.deepEqual(await ids('endpoint=people'), asked.people);
    assert.deepEqual(await ids('client=ann'), asked.ann);
    assert.deepEqual(await ids('client=bob&endpoint=tickets&status=200'), asked.bob);
    assert.deepEqual(await ids('model=tickets@1'), asked.people);
    assert.deepEqual(await ids('decision=rejected'), asked.wrong);
    assert.deepEqual(await ids('decision=review'), asked.people);
    assert.deepEqual(await ids('status=4xx'), asked.wrong);
    assert.deepEqual(await ids('status=400'), asked.wrong);
    assert.deepEqual(await ids('status=5xx'), []);
    assert.deepEqual(await ids('client=nobody'), []);
    assert.equal((await ids(`to=${between}`)).length + (await ids(`from=${between}`)).length, 17);
    assert.deepEqual(await ids('from=2100-01-01'), []);
    assert.deepEqual(await ids('to=1971-01-01T00:00:00Z'), []);
    assert.equal((await ids(`from=${today}`)).length, 17);
    const page = await search('client=ann&limit=4&endpoint=tickets');
    assert.deepEqual(page.data.map((record) => record.request_id), asked.ann.slice(0, 4));
    assert.deepEqual(await ids(`client=ann&limit=200&endpoint=tickets&after=${page.next}`), asked.ann.slice(4));
  });

  await t.test('what makes no sense is refused by name', async () => {
    for (const [query, param] of [
      ['limit=0', 'limit'],
      ['limit=201', 'limit'],
      ['limit=99999999999999999999999', 'limit'],
      ['limit=-1', 'limit'],
      ['after=x', 'after'],
      ['after=0', 'after'],
      ['after=-5', 'after'],
      ['after=99999999999999999999', 'after'],
      ['from=yesterday', 'from'],
      ['from=2026-02-30', 'from'],
      ['to=2026-11-20T25:00:00Z', 'to'],
      ['to=2026-11-20T05:00:00', 'to'],
      ['decision=maybe', 'decision'],
      ['status=2', 'status'],
      ['status=9xx', 'status'],
      ['status=600', 'status'],
    ]) {
      const reply = await server.get(`/v1/admin/requests?${query}`, { key: reviewer });
      assert.equal(`${named(reply)} ${reply.json.error.param}`, `400 invalid_field ${param}`, query);
    }
    assert.equal((await server.get('/v1/admin/requests?client=%zz', { key: reviewer })).status, 400);
    assert.deepEqual(await ids(`client=${'x'.repeat(3000)}`), []);
    assert.deepEqual(await ids(`client=${encodeURIComponent("' OR 1=1 --")}`), []);
  });

  await t.test('the story of one has its reviews, its input, what was said of it and its lineage', async () => {
    await server.request('POST', `/v1/review/${review}`, { key: reviewer, body: { label: 'billing' } });
    await server.request('POST', '/v1/feedback', { key: bob, body: { request_id: person, label: 'billing', score: 0.5 } });
    const { json } = await server.get(`/v1/requests/${person}`, { key: reviewer });
    assert.equal(json.reviews.length, 1);
    assert.deepEqual([json.reviews[0].label, json.reviews[0].reviewer], ['billing', 'rita']);
    assert.equal(json.feedback.length, 1);
    assert.deepEqual([json.feedback[0].who, json.feedback[0].label, json.feedback[0].score], ['bob', 'billing', 0.5]);
    assert.deepEqual([json.input.type, json.input.size], ['text/plain', billingText.length]);
    assert.equal(json.lineage.model, 'tickets@1');
    const wrong = await server.get(`/v1/requests/${asked.wrong[0]}`, { key: reviewer });
    assert.deepEqual([wrong.json.reviews, wrong.json.feedback, wrong.json.lineage], [[], [], null]);
  });
});
