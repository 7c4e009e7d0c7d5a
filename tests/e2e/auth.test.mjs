// Who may call: keys, roles, revocation, rates; and when nobody needs a key.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { command, complete, createKey, folder, serve, storeWithModels, until, within } from './penstock.mjs';
import { billingText } from './samples.mjs';

const endpoints = {
  tickets: { rollout: [{ model: 'tickets@1' }], accept_threshold: 0 },
  narrow: { rollout: [{ model: 'tickets@1' }], accept_threshold: 0, rate: 1, burst: 1 },
  reviewed: { rollout: [{ model: 'tickets@1' }], accept_threshold: '100%', review_threshold: '100%' },
};

test('keys and roles', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const client = await createKey(store, 'shop'),
    reviewer = await createKey(store, 'ann', 'reviewer'),
    admin = await createKey(store, 'root', 'admin');
  const server = await serve(t, { auth: { required: true }, endpoints }, { store });
  const text = { text: billingText };

  await t.test('no key, a wrong key, a key in the wrong place: 401, and how to do it right', async () => {
    const error = await server.refused('tickets', text, 401, 'missing_api_key');
    assert.match(error.message, /penstock keys create/);
    assert.equal(error.headers['www-authenticate'], 'Bearer');
    await server.refused('tickets', text, 401, 'missing_api_key', {
      headers: { authorization: `Basic ${btoa(`x:${client}`)}` },
    });
    for (const wrong of [
      'psk_',
      `${client}x`,
      client.slice(0, -1),
      client.toLowerCase(),
      'x'.repeat(4000),
      `${client.slice(0, -1)}\u00ff`,
    ])
      await server.refused('tickets', text, 401, 'invalid_api_key', { headers: { authorization: `Bearer ${wrong}` } });
    for (const target of ['/v1/endpoints', '/v1/review', '/v1/requests/x', '/v1/review/x'])
      assert.equal((await server.get(target)).status, 401, target);
  });

  await t.test('an unknown endpoint is not given away without a key', async () => {
    await server.refused('nothing', text, 401, 'missing_api_key');
    await server.refused('nothing', text, 404, 'not_found', { key: client });
  });

  await t.test('a refused caller need not send its body, and cannot make the server read it', async () => {
    await server.refused('tickets', Buffer.alloc(9_000_000, 97), 401, 'missing_api_key', {
      headers: { 'content-type': 'text/plain' },
    });
    await server.healthy();
  });

  await t.test('both ways to present a key', async () => {
    assert.equal((await server.predict('tickets', text, { key: client })).status, 200);
    assert.equal((await server.predict('tickets', text, { headers: { 'x-api-key': client } })).status, 200);
    assert.equal(
      (await server.predict('tickets', text, { headers: { authorization: `bearer  ${client} ` } })).status,
      200,
    );
  });

  await t.test('a client may predict, not review; a reviewer and an administrator may do both', async () => {
    for (const target of ['/v1/review', '/v1/review/x', '/v1/requests/x']) {
      const reply = await server.get(target, { key: client });
      assert.equal(`${reply.status} ${reply.json.error.code}`, '403 permission_denied', target);
      assert.match(reply.json.error.message, /reviewer.*client/);
    }
    const { review_id: id } = await server.answer('reviewed', text, { key: client });
    assert.equal(
      (await server.request('POST', `/v1/review/${id}`, { body: { label: 'billing' }, key: client })).status,
      403,
    );
    for (const key of [reviewer, admin]) {
      assert.equal((await server.get('/v1/review', { key })).status, 200);
      assert.equal((await server.predict('tickets', text, { key })).status, 200);
    }
    const resolved = await server.request('POST', `/v1/review/${id}`, { body: { label: 'billing' }, key: reviewer });
    assert.equal(resolved.json.reviewer, 'ann');
  });

  await t.test('health, metrics and the description are open', async () => {
    for (const target of ['/healthz', '/readyz', '/metrics', '/openapi.json'])
      assert.equal((await server.get(target)).status, 200, target);
  });

  await t.test('a key made beside the running server works within a second, and ends within one when revoked', async () => {
    const turns = (key, wanted) =>
      until(`${wanted} for the key`, async () => (await server.predict('tickets', text, { key })).status === wanted);
    let serial = 0;
    const make = async () => {
      const name = `late-${serial++}`;
      return { name, key: await createKey(store, name) };
    };
    await within('the new key', 1000, make, ({ key }) => turns(key, 200));
    let ended;
    const revoke = async () => {
      const { name, key } = await make();
      await turns(key, 200);
      const rows = JSON.parse((await command(['keys', 'list', '--json', '--store', store])).stdout);
      await command(['keys', 'revoke', rows.find((row) => row.client === name).id, '--store', store]);
      ended = key;
    };
    await within('the end of the key', 1000, revoke, () => turns(ended, 401));
    await server.refused('tickets', text, 401, 'invalid_api_key', { key: ended });
    assert.equal((await server.predict('tickets', text, { key: client })).status, 200, 'the others go on');
  });

  await t.test('no key is in the store or the log', async () => {
    for (const name of fs.readdirSync(store).filter((file) => file.startsWith('store.db')))
      assert.equal(fs.readFileSync(path.join(store, name)).includes(client.slice(4)), false, name);
    assert.equal(server.stderr.includes(client.slice(4)), false);
  });
});

test('rates', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const slow = await createKey(store, 'slow', 'client', '--rate', '2', '--burst', '3'),
    other = await createKey(store, 'other', 'client', '--rate', '0.01', '--burst', '1000'),
    patient = await createKey(store, 'patient', 'client', '--rate', '0.01', '--burst', '3');
  const server = await serve(t, { auth: { required: true }, limits: { rate: 1000 }, endpoints }, { store });
  const ask = (key, endpoint = 'tickets') => server.predict(endpoint, { text: billingText }, { key });

  await t.test('beyond the burst: 429 with Retry-After and what is left', async () => {
    for (let left = 2; left >= 0; left--) {
      const { status, headers } = await ask(slow);
      assert.equal(status, 200);
      assert.equal(headers['x-ratelimit-limit-requests'], '3');
      const remaining = Number(headers['x-ratelimit-remaining-requests']);
      assert.ok(remaining >= left && remaining <= 2, 'a slow machine may have got some back');
      assert.ok(parseFloat(headers['x-ratelimit-reset-requests']) <= 1.5);
    }
    const refused = await until('a refusal', async () => {
      const reply = await ask(slow);
      return reply.status === 429 && reply;
    });
    assert.equal(refused.json.error.code, 'rate_limit_exceeded');
    assert.match(refused.json.error.message, /"slow".*2 requests per second/);
    assert.equal(refused.headers['retry-after'], '1');
    assert.equal(refused.headers['x-ratelimit-remaining-requests'], '0');
  });

  await t.test(
    'refused requests cost nothing: the rate is there again in time, however many were refused',
    async () => {
      const began = Date.now();
      let good = 0,
        refused = 0;
      // eight at once: some are refused however long the others take
      while (good < 4 || refused < 20)
        for (const { status } of await Promise.all(Array.from({ length: 8 }, () => ask(slow))))
          status === 200 ? good++ : refused++;
      const most = 3 + (2 * (Date.now() - began)) / 1000;
      assert.ok(good <= most, `${good} passed, at 2 per second at most ${most} could`);
    },
  );

  await t.test('another client has its own', async () => assert.equal((await ask(other)).status, 200));

  await t.test('an endpoint may have a rate of its own', async () => {
    assert.equal((await ask(other, 'narrow')).status, 200);
    const second = await until('two within a second', async () =>
      (await Promise.all([ask(other, 'narrow'), ask(other, 'narrow')])).find(({ status }) => status === 429),
    );
    assert.equal(second.headers['x-ratelimit-limit-requests'], '1');
    assert.equal((await ask(other)).status, 200);
  });

  await t.test('a reload does not give the rate back', async () => {
    await until('a refusal', async () => (await ask(patient)).status === 429);
    const whole = structuredClone(server.config);
    whole.endpoints.tickets.description = 'changed';
    await server.reload(whole);
    assert.equal((await ask(patient)).status, 429);
  });
});

test('without authentication', { timeout: 300_000 }, async (t) => {
  const dir = folder(t);
  const check = async (listen) => {
    const file = path.join(dir, 'open.yaml');
    fs.writeFileSync(file, JSON.stringify(complete({ server: { listen } }, path.join(dir, 'store'))));
    return command(['serve', '-c', file], { code: 2 });
  };
  await t.test('only on loopback: the server refuses to start otherwise, and says what to do', async () => {
    for (const listen of ['0.0.0.0:0', '*:0', '[::]:0', '192.0.2.1:0'])
      assert.match((await check(listen)).stderr, /loopback.*keys create/s, listen);
  });
  await t.test('on loopback it works, and the log says so', async () => {
    const server = await serve(t, {});
    await server.logged('auth.off');
  });
});
