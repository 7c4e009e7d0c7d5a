// What every route has in common: request IDs, methods, unknown paths, health.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { binary, command, complete, folder, serve, storeWithModels } from './penstock.mjs';
import { billingText } from './samples.mjs';

const pattern = /^[0-9A-HJKMNP-TV-Z]{26}$/;

async function tickets(t) {
  const endpoints = { tickets: { owner: 'support@example.com', rollout: [{ model: 'tickets' }] } };
  return serve(t, { endpoints }, { store: await storeWithModels(t) });
}

test('the surface', { timeout: 300_000 }, async (t) => {
  const server = await tickets(t);

  await t.test('a request gets an ID of its own, in body and header', async () => {
    const first = await server.predict('tickets', { text: billingText });
    const second = await server.predict('tickets', { text: billingText });
    assert.match(first.json.request_id, pattern);
    assert.equal(first.headers['x-request-id'], first.json.request_id);
    assert.notEqual(first.json.request_id, second.json.request_id);
    assert.match((await server.get('/healthz')).headers['x-request-id'], pattern);
  });

  await t.test("the caller's own ID is taken over when it is a plain token", async () => {
    const id = 'order-4711:try.2_B';
    const reply = await server.predict('tickets', { text: billingText }, { headers: { 'x-request-id': id } });
    assert.equal(reply.json.request_id, id);
    assert.equal(reply.headers['x-request-id'], id);
    for (const bad of ['a b', 'x'.repeat(129), '<script>', 'a"b', ' '])
      assert.match(
        (await server.predict('tickets', { text: billingText }, { headers: { 'x-request-id': bad } })).json.request_id,
        pattern,
        bad,
      );
  });

  await t.test('errors carry the ID too', async () => {
    const reply = await server.get('/nowhere', { headers: { 'x-request-id': 'mine' } });
    assert.equal(reply.json.error.request_id, 'mine');
    assert.equal(reply.headers['x-request-id'], 'mine');
  });

  await t.test('an unknown path is 404, as JSON, and says where to look', async () => {
    for (const path of [
      '/v1',
      '/v1/endpoints/tickets',
      '/v1/endpoints/tickets/predict/x',
      '/healthz/',
      '//healthz',
      '/v1/review/a/b',
      '/v1/endpoints/predict',
      '/v1/endpoints/tickets/x/predict',
      '/v1/endpoints/tickets/predict/',
    ]) {
      const reply = await server.get(path);
      assert.equal(`${reply.status} ${reply.json?.error.code}`, '404 not_found', path);
    }
    assert.match((await server.get('/nowhere')).json.error.message, /openapi\.json/);
  });

  await t.test('the address alone leads to the console', async () => {
    const reply = await server.get('/', { check: false });
    assert.deepEqual([reply.status, reply.headers.location], [303, '/console']);
    assert.match((await server.get('/console', { check: false })).headers['content-type'], /^text\/html/);
  });

  await t.test('an unknown endpoint is 404 and says how to list them', async () => {
    const error = await server.refused('ticket', { text: 'x' }, 404, 'not_found');
    assert.match(error.message, /"ticket"/);
    assert.match(error.message, /\/v1\/endpoints/);
  });

  await t.test('a wrong method is 405 and the reply names the right ones', async () => {
    for (const [method, path, allow] of [
      ['GET', '/v1/endpoints/tickets/predict', /POST/],
      ['DELETE', '/healthz', /GET/],
      ['POST', '/v1/endpoints', /GET/],
      ['OPTIONS', '/v1/review', /GET/],
      ['PUT', '/v1/review/x', /GET.*POST|POST.*GET/],
    ]) {
      const reply = await server.request(method, path, { check: true });
      assert.equal(`${reply.status} ${reply.json?.error.code}`, '405 method_not_allowed', `${method} ${path}`);
      assert.match(reply.headers.allow ?? '', allow, `${method} ${path}: RFC 9110, 15.5.6 asks for Allow`);
    }
  });

  await t.test('HEAD is GET without its body', async () => {
    for (const path of ['/healthz', '/readyz', '/v1/endpoints', '/openapi.json', '/metrics']) {
      const get = await server.get(path),
        head = await server.request('HEAD', path);
      assert.equal(head.status, 200, path);
      assert.equal(head.body.length, 0);
      if (path !== '/metrics') assert.equal(head.headers['content-length'], get.headers['content-length'], path);
    }
  });

  await t.test('readyz names each endpoint, /v1/endpoints what answers', async () => {
    assert.deepEqual((await server.get('/readyz')).json, { status: 'ready', endpoints: { tickets: 'ready' } });
    assert.deepEqual((await server.get('/v1/endpoints')).json, {
      data: [
        {
          name: 'tickets',
          kind: 'classify',
          description: null,
          owner: 'support@example.com',
          accepts: ['text'],
          rollout: [{ model: 'tickets@2', weight: 1, loaded: true }],
          fallbacks: [],
        },
      ],
    });
  });

  await t.test('percent-encoding in paths is understood, broken encoding refused', async () => {
    assert.equal((await server.predict('%74ickets', { text: billingText })).status, 200);
    assert.equal((await server.predict('%zz', { text: billingText })).status >= 400, true);
    assert.equal((await server.get('/v1/requests/%ff%fe')).status, 400);
    await server.healthy();
  });
});

test('a server that lacks a part says which and ends', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const dir = folder(t);
  const alone = path.join(dir, 'penstock');
  fs.copyFileSync(binary, alone); // without the programs that belong beside it
  const config = path.join(dir, 'penstock.yaml');
  const endpoints = { scans: { accepts: 'file', rollout: [{ model: 'tickets@1' }] } };
  fs.writeFileSync(config, JSON.stringify(complete({ endpoints }, store)));
  const { stderr } = await command(['serve', '-c', config], { program: alone, code: 1 });
  assert.match(stderr, /server\.start_failed.*penstock-(sandbox|parser) cannot be run/);
});
