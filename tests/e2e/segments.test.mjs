// Rollouts for some only: by client, by header, by a rule in Lua.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { start } from './chats.mjs';
import { asked as model, chat, keepAsking, operator, override, wordsServer } from './operator.mjs';
import { createKey, folder, serve, until } from './penstock.mjs';

const same = "return r.text:find('odd') and 'odd' or 'even', 0.9";

test('for one client, then for everybody, and back', { timeout: 300_000 }, async (t) => {
  const { store, server, ask, admin } = await wordsServer(t, [same, same], { auth: { required: true } });
  const keys = Object.fromEntries(await Promise.all(['ada', 'bob'].map(async (name) => [name, await createKey(store, name)])));
  const said = await admin.deploy('words', 'words@2', '--segment', 'client=ada', '--steps', '100', '--pause', '1s', '--least', '40');
  assert.match(said.stdout, /now with 100 % of the requests of client=ada/);
  const seen = { ada: new Set(), bob: new Set() };
  let asked = 0;
  const models = async (i, key) => (await ask(i, { key, check: false })).model;
  const serving = (who, version) => until(`${version} for ${who}`, async () => (await models(1, keys[who])) === version);
  await serving('ada', 'words@2');
  await admin.run(0, 'rollback', 'words');
  await serving('ada', 'words@1');
  await admin.deploy('words', 'words@2', '--segment', 'client=ada', '--steps', '50', '--pause', '1s', '--least', '40', '--limit', '230s');
  const one = async (i) => {
    const who = i % 2 ? 'ada' : 'bob';
    asked++;
    seen[who].add(await models(i, keys[who]));
  };
  await keepAsking(one, async () => (await admin.newest('words')).state !== 'running', 4);
  assert.deepEqual([...seen.bob], ['words@1']);
  const { state, outcome, segment, evidence } = await admin.show('words');
  assert.deepEqual([state, segment], ['promoted', 'client=ada'], outcome);
  assert.ok(evidence.candidate.requests >= 40 && evidence.stable.requests >= 40, 'of ada alone');
  assert.ok(evidence.candidate.requests + evidence.stable.requests < 0.7 * asked);
  await serving('ada', 'words@2');
  await serving('bob', 'words@1');
  assert.deepEqual((await admin.at('words')).segment, 'client=ada');
  assert.match((await admin.run(1, 'deploy', 'words', 'words@3', ...override)).stderr, /served by two: words@2 for client=ada, and words@1 for the others/);
  // A crash leaves it as it was.
  await server.kill();
  const again = await serve(t, JSON.parse(fs.readFileSync(server.configPath, 'utf8')), { dir: server.folder, store });
  const served = async (key) => (await again.answer('words', { text: 'odd or even' }, { key })).model;
  assert.deepEqual([await served(keys.ada), await served(keys.bob)], ['words@2', 'words@1']);
  assert.match((await admin.run(0, 'promote', 'words', '--why', 'all of them')).stdout, /words@2 serves all of endpoint/);
  await until('for everybody', async () => (await served(keys.bob)) === 'words@2');
  await admin.run(0, 'rollback', 'words');
  await until('back', async () => (await served(keys.bob)) === 'words@1' && (await served(keys.ada)) === 'words@1');
  assert.match((await admin.run(1, 'deploy', 'words', 'words@2', '--segment', 'client=eve', ...override)).stderr, /of a client "eve"/);
});

test('by a header, and by a rule that sees the request', { timeout: 300_000 }, async (t) => {
  const { server, ask } = await start(t, { more: { shop: chat('ok'), talk: chat('ok') }, upstreamMore: { retry: { attempts: 1 } } });
  const admin = operator(server), dir = folder(t), rule = path.join(dir, 'vips.lua');
  await admin.deploy('shop', 'main/late1', '--segment', 'header=x-tier:gold', '--steps', '100', '--pause', '1h', '--limit', '2h');
  const gold = { headers: { 'x-tier': 'gold' } };
  await until('gold', async () => (await model(ask, 'shop', {}, gold)) === 'main/late1');
  for (const options of [{}, { headers: { 'x-tier': 'silver' } }]) assert.equal(await model(ask, 'shop', {}, options), 'main/ok');
  fs.writeFileSync(rule, "function segment(r) return r.user == 'vip' and r.endpoint == 'talk' and r.headers['authorization'] == nil end");
  await admin.deploy('talk', 'main/late1', '--segment', `rule=${rule}`, '--steps', '100', '--pause', '1h', '--limit', '2h');
  fs.rmSync(rule); // it was kept
  await until('vips', async () => (await model(ask, 'talk', { user: 'vip' })) === 'main/late1');
  assert.equal(await model(ask, 'talk', { user: 'other' }), 'main/ok');
  await admin.run(0, 'rollback', 'talk');
  fs.writeFileSync(rule, "function segment(r) if r.text == 'Hello?' then return true end error('odd') end");
  await admin.deploy('talk', 'main/late1', '--kind', 'shadow', '--per-day', 'none', '--segment', `rule=${rule}`, '--pause', '1h', '--limit', '2h');
  await until('evidence', async () => (await model(ask, 'talk'), (await admin.show('talk')).evidence.candidate.requests > 0));
  const before = (await admin.show('talk')).evidence.candidate.requests;
  const other = () => model(ask, 'talk', { messages: [{ role: 'user', content: 'Bye.' }] });
  for (let i = 0; i < 5; i++) assert.equal(await other(), 'main/ok', 'a rule that fails takes nobody');
  await server.logged('rule.failed', (line) => /vips\.lua:1: odd/.test(line.message));
  assert.match((await server.get('/metrics')).text, /penstock_rule_failures_total\{endpoint="talk",rule="segment"\} 5/);
  assert.ok((await admin.show('talk')).evidence.candidate.requests <= before + 2);
});

test('wrong words', { timeout: 300_000 }, async (t) => {
  const { server } = await start(t, { more: { shop: chat('ok') } });
  const { run } = operator(server), file = path.join(folder(t), 'broken.lua');
  const cases = [
    ['everybody', /expected client=NAME,NAME…, header=NAME:VALUE or rule=FILE\.lua/],
    ['client=', /expected client=/],
    ['client=ada', /authentication is off/],
    ['header=x-tier', /expected NAME:VALUE/],
    ['header=X-Tier:gold', /small letters/],
    ['rule=/nowhere.lua', /cannot read/],
    [`rule=${file}`, /broken\.lua:1/],
  ];
  fs.writeFileSync(file, 'function segment(r return true end');
  for (const [segment, said] of cases) assert.match((await run(null, 'deploy', 'shop', 'main/late1', '--segment', segment, ...override)).stderr, said);
  fs.writeFileSync(file, 'function other(r) return true end');
  assert.match((await run(null, 'deploy', 'shop', 'main/late1', '--segment', `rule=${file}`, ...override)).stderr, /segment/);
  fs.writeFileSync(file, `-- ${'x'.repeat(5000)}`);
  assert.match((await run(null, 'deploy', 'shop', 'main/late1', '--segment', `rule=${file}`, ...override)).stderr, /at most 4000 bytes/);
});
