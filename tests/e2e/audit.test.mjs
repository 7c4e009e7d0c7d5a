// The audit log: what is in it, who may read it, and that whoever writes into it is found out. The rows are altered by
// another program, sqlite3, and the chain is computed here a second time, from what src/store/audit.h says of its bytes.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import path from 'node:path';
import test from 'node:test';
import { command, createKey, folder, serve, storeWithModels, until } from './penstock.mjs';
import { billingText } from './samples.mjs';

const sqlite = (store, sql) => execFileSync('sqlite3', [path.join(store, 'store.db'), sql], { encoding: 'utf8' });
const audit = async (store, code, ...args) => command(['audit', ...args, '--store', store], { code });
const verified = async (store, ...args) => JSON.parse((await audit(store, null, 'verify', '--json', ...args)).stdout);
const untie = 'DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete;';

function number(value, bytes) {
  const out = Buffer.alloc(8);
  out.writeBigInt64BE(BigInt(value));
  return out.subarray(8 - bytes);
}
const sha256 = (...parts) => crypto.createHash('sha256').update(Buffer.concat(parts)).digest();

// The last row's hash, computed from the rows alone.
function headOf(store) {
  const columns = ['number', 'cast(at as text)', 'class', 'id', 'endpoint', 'what', 'who', 'why', 'before', 'after'];
  const rows = JSON.parse(execFileSync('sqlite3', ['-json', path.join(store, 'store.db'), `SELECT ${columns.join()} FROM audit ORDER BY number`], { encoding: 'utf8' }));
  let previous = Buffer.alloc(32);
  for (const row of rows) {
    const texts = columns.slice(3).flatMap((name) => [number(Buffer.byteLength(row[name]), 4), Buffer.from(row[name])]);
    previous = sha256(Buffer.from('penstock audit 1\n'), previous, number(row.number, 8), number(row['cast(at as text)'], 8), number(row.class, 1), sha256(...texts));
  }
  return `${rows.length}:${previous.toString('hex')}`;
}

test('what is done is in the log, chained, and read by administrators only', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const admin = await createKey(store, 'root', 'admin'), reviewer = await createKey(store, 'ann', 'reviewer'), client = await createKey(store, 'shop');
  const endpoints = { tickets: { rollout: [{ model: 'tickets@1' }], accept_threshold: '100%', review_threshold: '100%' } };
  const server = await serve(t, { auth: { required: true }, endpoints }, { store });
  const body = await server.answer('tickets', { text: billingText }, { key: client });
  const item = body.review_id;
  assert.equal((await server.request('POST', `/v1/review/${item}`, { body: { label: 'technical' }, key: reviewer })).status, 200);
  assert.equal((await server.request('POST', `/v1/review/${item}`, { body: { label: 'technical' }, key: reviewer })).status, 200); // says nothing new
  assert.equal((await server.get('/v1/admin/audit')).status, 401);
  assert.equal((await server.get('/v1/admin/audit', { key: reviewer })).status, 403);
  const listed = await server.get('/v1/admin/audit?limit=1000', { key: admin });
  assert.equal(listed.status, 200);
  const rows = listed.json.data;
  assert.deepEqual(rows.map((row) => row.number), rows.map((_, i) => rows.length - i));
  const labels = rows.filter(({ what }) => what === 'review.label');
  assert.equal(labels.length, 1);
  assert.equal(labels[0].who, 'ann');
  assert.equal(labels[0].class, 'decision');
  assert.deepEqual(labels[0].after, { item, request: body.request_id, label: 'technical', overrides: body.prediction !== 'technical' });
  for (const what of ['key.created', 'version.added', 'serving']) assert.ok(rows.some((row) => row.what === what), what);
  const page = (await server.get('/v1/admin/audit?class=configuration&limit=2&before=4', { key: admin })).json;
  assert.deepEqual(page.data.map((row) => row.number), [3, 2]);
  assert.equal(page.has_more, true);
  const middle = rows.find((row) => row.what === 'key.created'); // by a process of its own, after others
  const ranged = async (query) => (await server.get(`/v1/admin/${query}`, { key: admin })).json.data.map((row) => row.number);
  const later = rows.filter((row) => row.at >= middle.at).map((row) => row.number);
  const earlier = rows.filter((row) => row.at < middle.at).map((row) => row.number);
  assert.ok(later.length > 0 && earlier.length > 0);
  assert.deepEqual((await ranged(`audit?limit=1000&from=${middle.at}`)).slice(-later.length), later);
  assert.deepEqual(await ranged(`audit?to=${middle.at}`), earlier);
  assert.deepEqual(await ranged(`audit?to=${middle.at}&before=${earlier[0]}`), earlier.slice(1));
  assert.deepEqual(await ranged(`audit?from=${middle.at}&to=${middle.at}`), []);
  assert.deepEqual(await ranged(`history?to=${middle.at}`), earlier);
  const told = JSON.parse((await audit(store, 0, 'list', '--to', middle.at, '--json')).stdout).map((row) => row.number);
  assert.deepEqual(told, earlier);
  assert.match((await audit(store, 2, 'list', '--from', 'noon')).stderr, /--from is "noon"/);
  assert.deepEqual((await ranged('audit?from=2020-01-01&to=2020-01-02')), []);
  for (const [query, param] of [['from=noon', 'from'], ['to=1e9', 'to'], ['class=x', 'class'], ['before=0', 'before'], ['limit=0', 'limit'], ['limit=1001', 'limit'], [`what=${'w'.repeat(300)}`, 'what']]) {
    const refused = await server.get(`/v1/admin/audit?${query}`, { key: admin });
    assert.equal(refused.status, 400, query);
    assert.equal(refused.json.error.param, param);
  }
  const state = await until('a round', async () => {
    const { json: now } = await server.get('/v1/admin/audit/verification', { key: admin });
    return now.intact !== null && now;
  });
  assert.equal(state.intact, true);
  assert.ok(state.verified > 3);
  await server.logged('audit.head', (line) => line.message.includes(state.head));
  await server.stop();
  // At the end it says what the keys were used for.
  const used = JSON.parse((await audit(store, 0, 'list', '--what', 'key.used', '--json')).stdout);
  const calls = Object.fromEntries(used.map((row) => [row.who, row.after.calls]));
  assert.equal(calls.shop.predict, 1);
  assert.equal(calls.ann.review, 2);
  assert.ok(calls.root.admin >= 8);
  assert.equal((await audit(store, 0, 'head')).stdout.trim(), headOf(store));
  assert.equal((await verified(store, '--head', state.head)).intact, true);
});

test('whoever writes into the log is found out, also while the server runs', { timeout: 300_000 }, async (t) => {
  const ways = [
    ["UPDATE audit SET why = 'because' WHERE number = 2", 2, /altered/],
    ['DELETE FROM audit WHERE number = 2', 2, /removed/],
    ['DELETE FROM audit WHERE number = 4', 4, /cut off/],
    ['UPDATE audit SET number = -2 WHERE number = 2; UPDATE audit SET number = 2 WHERE number = 3; UPDATE audit SET number = 3 WHERE number = -2', 2, /moved/],
    ["INSERT INTO audit SELECT 5, at, class, hash, id, endpoint, what, 'eve', why, before, after FROM audit WHERE number = 4", 5, /inserted/],
  ];
  for (const [sql, first, says] of ways) {
    const store = folder(t);
    for (const who of ['a', 'b', 'c', 'd']) await createKey(store, who);
    assert.throws(() => sqlite(store, sql.startsWith('INSERT') ? 'DELETE FROM audit' : sql), /only ever added to/);
    sqlite(store, untie + sql);
    const found = await verified(store);
    assert.equal(found.intact, false, sql);
    assert.equal(found.first_bad, first, sql);
    assert.match(found.message, says);
    assert.match((await audit(store, 1, 'verify')).stderr, says);
  }
  const store = folder(t);
  for (const who of ['a', 'b', 'c', 'd']) await createKey(store, who);
  const noted = (await audit(store, 0, 'head')).stdout.trim();
  sqlite(store, `${untie} DELETE FROM audit WHERE number > 2; UPDATE audit_head SET number = 2, hash = (SELECT hash FROM audit WHERE number = 2)`);
  assert.equal((await verified(store)).intact, true); // nobody could tell, but for who noted the head
  assert.match((await verified(store, '--head', noted)).message, /cut off/);
  assert.match((await audit(store, 2, 'verify', '--head', 'x')).stderr, /NUMBER:HASH/);
  sqlite(store, "UPDATE audit SET who = 'eve' WHERE number = 1");
  const server = await serve(t, { auth: { required: false }, endpoints: {} }, { store });
  await server.logged('audit.broken', (line) => /row 1 .*altered/.test(line.message));
  const { json: body } = await server.get('/v1/admin/audit/verification');
  assert.equal(body.intact, false);
  assert.equal(body.first_bad, 1);
  assert.match((await server.get('/metrics')).text, /^penstock_audit_broken 1$/m);
});
