// What requests cost by day, and what is left of the budgets: GET /v1/admin/costs.
import assert from 'node:assert/strict';
import test from 'node:test';
import { createKey, day, farFromEndOf, minute, serve, storeWithModels, until } from './penstock.mjs';
import { billingText } from './samples.mjs';

test('costs', { timeout: 300_000 }, async (t) => {
  await farFromEndOf(day, 2 * minute);
  const store = await storeWithModels(t);
  const [ann, bob, rita] = [await createKey(store, 'ann'), await createKey(store, 'bob'), await createKey(store, 'rita', 'reviewer')];
  const config = {
    auth: { required: true },
    pricing: { cpu_hour_usd: 36 },
    upstreams: { 'made-up': { kind: 'simulator' } },
    budgets: [
      { scope: 'all', per: 'month', requests: 1000 },
      { scope: 'client', per: 'day', requests: 100 },
      { scope: 'client', name: 'bob', per: 'day', tokens: 100000 },
    ],
    endpoints: {
      tickets: { rollout: [{ model: 'tickets@1' }], cache: false },
      people: { rollout: [{ model: 'tickets@2' }], cache: false },
      chats: { kind: 'chat', rollout: [{ upstream: 'made-up', model: 'm' }] },
    },
  };
  const server = await serve(t, config, { store });
  const costs = async (query = '') => {
    const reply = await server.get(`/v1/admin/costs?${query}`, { key: rita });
    assert.equal(reply.status, 200, reply.text);
    return reply.json;
  };
  const requests = async (by) => Object.fromEntries((await costs(`by=${by}`)).data.map((row) => [row.name, row.requests]));
  for (let i = 0; i < 5; i++) await server.answer('tickets', { text: `${billingText} ${i}` }, { key: ann });
  for (let i = 0; i < 3; i++) await server.answer('people', { text: `${billingText} ${i}` }, { key: bob });
  for (let i = 0; i < 2; i++) {
    const chat = { model: 'chats', messages: [{ role: 'user', content: `hello ${i}` }] };
    assert.equal((await server.request('POST', '/v1/chat/completions', { key: bob, body: chat })).status, 200);
  }
  await until('the sums', async () => (await requests('all'))[''] === 10);

  await t.test('by endpoint, model and client', async () => {
    assert.deepEqual(await requests('endpoint'), { tickets: 5, people: 3, chats: 2 });
    assert.deepEqual(await requests('client'), { ann: 5, bob: 5 });
    const models = await requests('model');
    assert.deepEqual([models['tickets@1'], models['tickets@2'], models['made-up/m']], [5, 3, 2]);
    const [first] = (await costs('by=endpoint')).data.filter((row) => row.name === 'tickets');
    assert.match(first.start, /^\d{4}-\d\d-\d\dT00:00:00.000Z$/);
    assert.ok(first.cost_usd > 0 && Math.abs(first.per_request_usd - first.cost_usd / 5) < 1e-8 && first.unpriced === 0);
  });

  await t.test('what has no price is not free', async () => {
    const [chats] = (await costs()).data.filter((row) => row.name === 'chats');
    if (chats.unpriced === 2) assert.deepEqual([chats.cost_usd, chats.per_request_usd], [null, null]);
    else assert.ok(chats.unpriced === 0 && chats.cost_usd >= 0);
  });

  await t.test('by month, and in a range', async () => {
    const months = (await costs('by=all&span=month')).data;
    assert.equal(months.reduce((sum, row) => sum + row.requests, 0), 10);
    assert.match(months[0].start, /-01T00:00:00.000Z$/);
    assert.deepEqual((await costs('from=2100-01-01&to=2100-02-01')).data, []);
    assert.deepEqual((await costs('to=2020-01-01')).data, []);
    const page = await costs('limit=1');
    assert.deepEqual([page.data.length, page.has_more], [1, true]);
    assert.deepEqual((await costs('by=user')).data, []);
  });

  await t.test('budgets: each with its limit and what was used of it', async () => {
    const { budgets } = await costs();
    const of = (scope, name, unit) => budgets.find((one) => one.scope === scope && one.name === name && one.unit === unit);
    assert.deepEqual([of('global', '', 'requests').limit, of('global', '', 'requests').used], [1000, 2]);
    const bob = of('team', 'bob', 'requests');
    assert.deepEqual([bob.limit, bob.used, bob.reserved, bob.per, bob.each], [100, 2, 0, 'day', true]);
    assert.equal(of('team', 'bob', 'tokens').limit, 100000);
    assert.equal(of('team', 'ann', 'tokens'), undefined);
  });

  await t.test('what makes no sense is refused by name', async () => {
    for (const [query, param] of [
      ['by=moon', 'by'],
      ['span=week', 'span'],
      ['from=x', 'from'],
      ['to=2026-13-01', 'to'],
      ['limit=0', 'limit'],
      ['limit=10001', 'limit'],
    ]) {
      const reply = await server.get(`/v1/admin/costs?${query}`, { key: rita });
      assert.equal(`${reply.status} ${reply.json.error.param}`, `400 ${param}`, query);
    }
    assert.equal((await server.get('/v1/admin/costs', { key: ann })).status, 403);
  });

  await t.test('they outlive the server', async () => {
    await server.answer('tickets', { text: billingText }, { key: ann });
    await server.stop();
    const again = await serve(t, config, { store });
    const { json } = await again.get('/v1/admin/costs?by=all', { key: rita });
    assert.equal(json.data.reduce((sum, row) => sum + row.requests, 0), 11);
  });
});
