// Lets the running program's allocations and disk writes fail, one after the other (faults.c), while a fixed script of
// requests runs. Each request must be answered, with 500 or 503 where it could not be done, or its connection closed; the
// program must never end, lose what it acknowledged, leak, or hang, and must work again with the next request.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { multipart, serve, storeWithModels, until } from '../../e2e/penstock.mjs';
import { billingText, pdf } from '../../e2e/samples.mjs';
import { library, Orders } from './orders.mjs';

const rollout = [{ model: 'tickets@1' }];
const endpoints = {
  tickets: { accepts: ['text', 'file'], rollout, accept_threshold: 0, text_max: '1MB' },
  reviewed: { rollout, accept_threshold: '100%', review_threshold: '100%', keep_inputs: 'review' },
};

async function start(t) {
  const orders = new Orders(t);
  const store = await storeWithModels(t);
  const server = await serve(
    t,
    { server: { loops: 1 }, parser: { workers: 1 }, log: { level: 'info' }, endpoints },
    { store, env: orders.environment },
  );
  return { orders, server };
}

let serial = 0;
const fresh = () => `${billingText} ${serial++}`;

// Every request is a connection of its own, so that one that is closed harms no other.
const once = { agent: false, timeout: 120_000 };
const file = (server) =>
  server.predict('tickets', pdf([fresh()]), { ...once, headers: { 'content-type': 'application/pdf' } });
const script = [
  (server) => server.predict('tickets', { text: fresh(), user: 'somebody' }, once),
  (server) => server.predict('reviewed', { text: fresh() }, once),
  (server) => server.predict('tickets', { text: fresh().repeat(200) }, once),
  (server) => server.predict('tickets', undefined, { ...once, ...multipart([{ name: 'text', bytes: fresh() }]) }),
  (server) => server.predict('tickets', { txt: 'wrong' }, once),
  (server) => server.get('/v1/review?endpoint=reviewed&limit=3', once),
  (server) => server.get('/v1/requests/nothing', once),
  (server) => server.get('/metrics', once),
];
const expected = [200, 200, 200, 200, 400, 200, 404, 200];

// The script once: what each request got, with an error's code; "closed" where the connection ended without a reply.
async function run(server) {
  const got = [];
  for (const step of script)
    got.push(
      await step(server).then(
        (reply) => ({ status: reply.status, json: reply.json, text: reply.text }),
        (error) => {
          const closed = /ECONNRESET|EPIPE|socket hang up/.test(`${error.code} ${error.message}`);
          assert.ok(
            closed,
            `${error.message}\n${server.stderr
              .split('\n')
              .filter((line) => !/"event":"request"/.test(line))
              .join('\n')
              .slice(-4000)}`,
          );
          return { status: 'closed' };
        },
      ),
    );
  return got;
}

function assertHonest(got, when) {
  for (const [i, { status, text }] of got.entries())
    assert.ok([expected[i], 500, 503, 'closed'].includes(status), `${when}, step ${i}: ${status} ${text}`);
}

async function assertWell(server, when) {
  // A commit that failed is tried again within a second; until then new requests get 503.
  await until('recording', async () => (await server.get('/readyz', once)).status === 200);
  const got = await run(server);
  assert.deepEqual(
    got.map(({ status }) => status),
    expected,
    `${when}, and afterwards: ${got.map(({ text }) => text?.slice(0, 300)).join('\n')}`,
  );
}

// No files here: libmagic 5.44 frees what it never got when an allocation inside of it fails.
test('every allocation fails in turn', { timeout: 600_000 }, async (t) => {
  if (!fs.existsSync(library)) return t.skip(`${library} is not built`);
  const { orders, server } = await start(t);
  if (orders.get('allocations') === 0)
    return t.skip("the program's own allocator stands before the faults (a static sanitizer)");
  for (let i = 0; i < 3; i++) await assertWell(server, 'before any fault');
  const before = orders.get('allocations');
  await run(server);
  const many = orders.get('allocations') - before;
  assert.ok(many > 50, `${many} allocations`);
  const stride = Math.max(1, Math.ceil(many / 250));
  const end = Date.now() + 60_000;
  let tried = 0;
  for (let n = 1; n <= many && (tried <= 20 || Date.now() < end); n += stride, tried++) {
    orders.set('allocation', n);
    const got = await run(server);
    orders.set('allocation', 0);
    assertHonest(got, `allocation ${n}`);
    if (tried % 10 === 9) await assertWell(server, `allocation ${n} failed`);
  }
  t.diagnostic(`${many} allocations in the script; ${tried} of them failed, one at a time`);
  assert.ok(tried > 20);
  await assertWell(server, 'at the end');
});

test('many allocations fail at once', { timeout: 600_000 }, async (t) => {
  if (!fs.existsSync(library)) return t.skip(`${library} is not built`);
  const { orders, server } = await start(t);
  for (const each of [97, 31, 11, 5, 2]) {
    orders.set('each', each);
    for (let i = 0; i < 3; i++) assertHonest(await run(server), `each ${each}th allocation`);
    orders.set('each', 0);
    await assertWell(server, `each ${each}th allocation failed`);
  }
});

test('every disk write fails in turn', { timeout: 600_000 }, async (t) => {
  if (!fs.existsSync(library)) return t.skip(`${library} is not built`);
  const { orders, server } = await start(t);
  script.push(file);
  expected.push(200);
  await assertWell(server, 'before any fault');
  const kept = [],
    refused = [];
  const keep = (got) => {
    for (const { status, json } of got) {
      if (status === 200 && json?.request_id) kept.push(json);
      if (status === 503) refused.push(`${json.error.code}: ${json.error.message}`);
    }
  };
  const before = orders.get('writes');
  await run(server);
  const many = orders.get('writes') - before;
  const end = Date.now() + 40_000;
  for (let round = 0; round < 4; round++)
    for (let n = 1; n <= many && (round < 2 || Date.now() < end); n++) {
      orders.set('write', n);
      const got = await run(server);
      orders.set('write', 0);
      assertHonest(got, `write ${n}`);
      keep(got);
      await until('recording', async () => (await server.get('/readyz', once)).status === 200);
    }
  await assertWell(server, 'at the end');
  const failed = orders.get('failed'),
    reviews = kept.filter((answer) => answer.review_id);
  t.diagnostic(
    `${many} writes in the script; ${failed} failed, one at a time; ${refused.length} requests refused, ${reviews.length} reviews kept`,
  );
  assert.ok(failed >= many, `${failed} writes failed`);
  assert.deepEqual(
    [...new Set(refused)].filter((said) => !said.startsWith('storage_unavailable')),
    [],
  );
  for (const { request_id: id } of kept)
    await until(`the record ${id}`, async () => (await server.get(`/v1/requests/${id}`)).status === 200);
  for (const { review_id: id } of reviews) assert.equal((await server.get(`/v1/review/${id}`)).status, 200, id);
});
