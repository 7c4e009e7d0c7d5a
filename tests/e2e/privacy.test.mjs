// penstock forget: what one person sent is gone, from every file of the store, and what others sent is still there.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { binary, command, createKey, folder, serve, storeWithModels, until } from './penstock.mjs';
import { billingText } from './samples.mjs';

const endpoints = {
  tickets: { rollout: [{ model: 'tickets@1' }], accept_threshold: '0%', review_threshold: '0%', keep_inputs: 'all', review: { audit: 0 } },
  reviewed: { rollout: [{ model: 'tickets@1' }], accept_threshold: '100%', review_threshold: '100%', keep_inputs: 'all' },
  talk: { kind: 'chat', conversations: '1h', keep_inputs: 'all', rollout: [{ upstream: 'sim', model: 'ok' }] },
};
const config = { auth: { required: true }, upstreams: { sim: { kind: 'simulator' } }, endpoints, budgets: [{ scope: 'user', per: 'day', requests: 1000 }] };

function files(dir) {
  return fs.readdirSync(dir, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? files(path.join(dir, entry.name)) : [path.join(dir, entry.name)]));
}
// Files come and go while a server runs.
function bytesOf(file) {
  try {
    return fs.readFileSync(file);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return Buffer.alloc(0);
  }
}
// Which files of the store hold these bytes?
const holds = (store, marker) => files(store).filter((file) => bytesOf(file).includes(marker)).map((file) => path.relative(store, file));

async function forget(store, ...args) {
  const { stdout } = await command(['forget', ...args, '--store', store, '--json']);
  return JSON.parse(stdout);
}

// What one person does: predictions, a review that is open and one that is decided, feedback, a conversation.
async function live(server, keys, person, marker) {
  const say = async (endpoint, text) => server.answer(endpoint, { text: `${billingText} ${text}`, user: person }, { key: keys.client });
  const plain = await say('tickets', marker);
  const shared = await say('tickets', 'what everybody sends');
  const open = await say('reviewed', `${marker} open`), decided = await say('reviewed', `${marker} decided`);
  const post = async (target, body, key) => {
    const reply = await server.request('POST', target, { body, key });
    assert.equal(reply.status, 200, reply.text);
    return reply.json;
  };
  await post(`/v1/review/${decided.review_id}`, { label: 'billing' }, keys.reviewer);
  await post('/v1/feedback', { request_id: plain.request_id, label: `${marker} label` }, keys.client);
  const first = await post('/v1/responses', { model: 'talk', input: `${marker} one`, safety_identifier: person }, keys.client);
  const second = await post('/v1/responses', { model: 'talk', input: `${marker} two`, previous_response_id: first.id }, keys.client); // says not whose
  return { plain, shared, open, decided, first, second };
}

test('one person is forgotten, wherever something of theirs was', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const keys = { client: await createKey(store, 'shop'), reviewer: await createKey(store, 'ann', 'reviewer'), admin: await createKey(store, 'root', 'admin') };
  const server = await serve(t, config, { store });
  const ada = await live(server, keys, 'ada@example.org', 'MARK-OF-ADA'), bob = await live(server, keys, 'bob@example.org', 'MARK-OF-BOB');
  await until('the records', async () => (await server.get(`/v1/requests/${bob.second.id}`, { key: keys.reviewer, check: false })) && holds(store, 'MARK-OF-BOB').length >= 5);
  await server.get(`/v1/requests/${ada.plain.request_id}`, { key: keys.reviewer });
  const again = await server.answer('tickets', { text: `${billingText} MARK-OF-ADA`, user: 'ada@example.org' }, { key: keys.client });
  assert.equal(again.cached, true);
  const wish = ['--subject', 'ada@example.org'];
  const would = await forget(store, ...wish, '--dry-run');
  assert.ok(holds(store, 'MARK-OF-ADA').length > 0, 'a dry run changes nothing');
  const { removed, subject_hash: hash, finished_at: end } = await forget(store, ...wish, '--why', 'she asked');
  assert.ok(end);
  assert.match(hash, /^[0-9a-f]{32}$/);
  assert.deepEqual(removed, would);
  assert.equal(removed.responses, 2, 'what was built on it goes with it');
  assert.equal(removed.reviews, 1);
  assert.equal(removed.feedback, 1);
  assert.equal(removed.records, 7);
  assert.equal(removed.inputs, 7);
  assert.ok(removed.spend >= 1);
  await server.logged('cache.cleared');
  await until('the accounts of budgets to be without her', () => !holds(store, 'ada@example.org').some((file) => file.startsWith('spend.journal')));
  assert.ok(holds(store, 'bob@example.org').some((file) => file.startsWith('spend.journal')));
  assert.equal((await server.get(`/v1/review/${ada.open.review_id}`, { key: keys.reviewer })).status, 404);
  const kept = (await server.get(`/v1/review/${ada.decided.review_id}`, { key: keys.reviewer })).json;
  assert.equal(kept.label, 'billing');
  assert.equal(kept.input.kept, false);
  for (const { id } of [ada.first, ada.second]) assert.equal((await server.get(`/v1/responses/${id}`, { key: keys.client, check: false })).status, 404);
  for (const { id } of [bob.first, bob.second]) assert.equal((await server.get(`/v1/responses/${id}`, { key: keys.client, check: false })).status, 200);
  const record = (await server.get(`/v1/requests/${ada.plain.request_id}`, { key: keys.reviewer })).json;
  assert.equal(record.prediction, ada.plain.prediction, 'a class is nobody\'s text');
  assert.match(record.input_sha256, /^[0-9a-f]{64}$/);
  assert.equal((await server.get(`/v1/review/${bob.open.review_id}`, { key: keys.reviewer })).json.input.kept, true);
  assert.equal((await server.answer('tickets', { text: `${billingText} MARK-OF-ADA`, user: 'eve' }, { key: keys.client })).cached, false, 'the caches are empty');
  assert.equal((await forget(store, '--subject', 'eve')).removed.inputs, 1);
  assert.deepEqual(Object.values((await forget(store, ...wish)).removed).filter(Boolean), [], 'there is nothing left');
  const rows = (await server.get('/v1/admin/audit?what=forget.finished', { key: keys.admin })).json.data;
  assert.deepEqual(rows.at(-1).after, { forget: rows.at(-1).after.forget, subject_hash: hash, removed });
  const list = (await server.get('/v1/admin/forgets', { key: keys.admin })).json;
  assert.equal(list.data.length, 3);
  assert.equal((await server.get('/v1/admin/forgets', { key: keys.reviewer })).status, 403);
  assert.equal((await server.request('POST', '/v1/admin/forgets', { body: {}, key: keys.admin })).status, 400);
  await server.stop();
  assert.deepEqual(holds(store, 'MARK-OF-ADA'), [], 'not a byte is left');
  assert.deepEqual(holds(store, 'ada@example.org'), []);
  assert.ok(holds(store, 'MARK-OF-BOB').length >= 5);
});

test('by the API, for a client, and by the command alone', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const key = await createKey(store, 'shop'), other = await createKey(store, 'till'), admin = await createKey(store, 'root', 'admin');
  const server = await serve(t, config, { store });
  for (let i = 0; i < 30; i++) await server.answer('tickets', { text: `${billingText} MARK-OF-SHOP ${i}` }, { key });
  await server.answer('tickets', { text: `${billingText} MARK-OF-TILL`, user: 'zoe' }, { key: other });
  const raw = (user, text) => server.predict('tickets', Buffer.from(`${billingText} ${text}`), { key: other, headers: { 'content-type': 'text/plain', 'x-penstock-user': user } });
  assert.equal((await raw('max', 'MARK-OF-MAX')).status, 200);
  await server.answer('tickets', { text: `${billingText} MARK-OF-TILL, too`, user: 'zoe' }, { key: other, headers: { 'x-penstock-user': 'max' } });
  const refused = await raw('m'.repeat(257), '');
  assert.deepEqual([refused.status, refused.json.error.param], [400, 'x-penstock-user']);
  await until('the records', () => holds(store, 'MARK-OF-TILL, too').length > 0);
  const asked = await server.request('POST', '/v1/admin/forgets', { body: { client: 'shop', why: 'it left' }, key: admin });
  assert.equal(asked.status, 200, asked.text);
  const done = await until('the end', async () => {
    const { json } = await server.get(`/v1/admin/forgets/${asked.json.id}`, { key: admin });
    return json.finished_at && json;
  });
  assert.equal(done.removed.inputs, 30);
  const costs = await until('the costs of both', async () => {
    const { data } = (await server.get('/v1/admin/costs?by=client', { key: admin })).json; // written once a second
    return data.reduce((sum, row) => sum + row.requests, 0) === 34 && data;
  });
  assert.deepEqual(costs.map(({ name, requests }) => [name, requests]).sort(), [['forgotten', 30], ['till', 4]]);
  assert.equal(done.client, 'shop');
  assert.equal((await server.get('/v1/admin/forgets/none', { key: admin })).status, 404);
  await server.stop();
  assert.deepEqual(holds(store, 'MARK-OF-SHOP'), []);
  assert.equal((await forget(store, '--subject', 'max')).removed.inputs, 1);
  assert.deepEqual(holds(store, 'MARK-OF-MAX'), []);
  assert.equal((await forget(store, '--subject', 'zoe')).removed.inputs, 2);
  assert.deepEqual(holds(store, 'MARK-OF-TILL'), []);
  for (const wrong of [[], ['--subject', 'a', '--client', 'b'], ['nonsense']]) await command(['forget', ...wrong, '--store', store], { code: 2 });
});

test('killed in the middle, it goes on where it was', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const key = await createKey(store, 'shop');
  let server = await serve(t, { ...config, limits: { rate: 100000 } }, { store });
  await Promise.all(Array.from({ length: 16 }, async (_, lane) => {
    for (let i = 0; i < 150; i++) await server.answer('tickets', { text: `${billingText} MARK-OF-ADA ${lane} ${i}`, user: i % 3 ? 'ada' : 'bob' }, { key });
  }));
  await server.stop();
  const child = spawn(binary, ['forget', '--subject', 'ada', '--store', store], { stdio: 'ignore' });
  const inputs = () => files(path.join(store, 'inputs')).length;
  await until('a beginning', () => inputs() < 2400);
  child.kill('SIGKILL');
  await new Promise((ended) => child.on('exit', ended));
  const left = inputs();
  server = await serve(t, config, { store });
  await until('the end', async () => JSON.parse((await command(['forget', 'list', '--store', store])).stdout).data[0].finished_at, 60_000);
  assert.equal(inputs(), 800, `of ${left} only those of bob`);
  const { data } = JSON.parse((await command(['forget', 'list', '--store', store])).stdout);
  assert.equal(data.length, 1);
  assert.equal(data[0].removed.records, 1600);
  await server.stop();
  assert.equal(JSON.parse((await command(['audit', 'verify', '--json', '--store', store])).stdout).intact, true);
});
