// tickets@stable: names that move from version to version, by hand and by rollouts.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { override, wordsServer } from './operator.mjs';
import { command, folder, until } from './penstock.mjs';

const same = "return r.text:find('odd') and 'odd' or 'even', 0.9";
const words = (model) => ({ endpoints: { words: { accepts: ['text'], cache: false, rollout: [{ model }] } } });

test('a name without a version: the newest, until there is a stable one', { timeout: 300_000 }, async (t) => {
  const { store, ask, admin } = await wordsServer(t, [same], words('words'));
  const serves = (version) => until(version, async () => (await ask(1)).model === version);
  const models = (...args) => command(['models', ...args, '--store', store]);
  await serves('words@2');
  assert.match((await models('alias', 'words@1', 'stable')).stdout, /words@stable is words@1/);
  await serves('words@1');
  const rules = path.join(folder(t), 'rules.lua');
  fs.writeFileSync(rules, `function classify(r) ${same} end`);
  await models('add', 'words', '--rules', rules, '--label', 'even', '--label', 'odd');
  await until('words@3', async () => /words@3/.test((await models('list')).stdout));
  for (let i = 0; i < 10; i++) assert.equal((await ask(i)).model, 'words@1', 'nothing newer serves without a rollout');
  await admin.deploy('words', 'words@3');
  const aliases = async () =>
    Object.fromEntries(JSON.parse((await models('aliases', '--json')).stdout).map(({ alias, endpoint, version }) => [[alias, endpoint].join(' '), version]));
  assert.deepEqual(await aliases(), { 'stable ': 'words@1', 'stable words': 'words@1', 'candidate words': 'words@3' });
  await admin.run(0, 'promote', 'words', '--why', 'good');
  await serves('words@3');
  assert.deepEqual(await aliases(), { 'stable ': 'words@1', 'stable words': 'words@3' });
  assert.match((await models('show', 'words@stable')).stdout, /^words@3/);
  await admin.run(0, 'rollback', 'words');
  await serves('words@1');
  assert.deepEqual(await aliases(), { 'stable ': 'words@1', 'stable words': 'words@1' });
  const changes = JSON.parse((await admin.run(0, 'history', 'list', '--json')).stdout).filter(({ what }) => what.startsWith('alias.'));
  assert.deepEqual(changes.map(({ what, after }) => `${what} ${after.alias} ${after.version} ${after.endpoint}`), [
    'alias.set stable words@1 words',
    'alias.removed candidate null words',
    'alias.set stable words@3 words',
    'alias.set candidate words@3 words',
    'alias.set stable words@1 words',
    'alias.set stable words@1 null',
  ]);
});

test('two endpoints with one model, each with its own', { timeout: 300_000 }, async (t) => {
  const endpoint = (model) => ({ accepts: ['text'], cache: false, rollout: [{ model }] });
  const configured = (model) => ({ endpoints: { words: endpoint(model), others: endpoint(model) } });
  const { store, server, admin } = await wordsServer(t, [same, same], configured('words@1'));
  const serves = (name, model) => until(`${model} at ${name}`, async () => (await server.answer(name, { text: 'even' })).model === model);
  for (const [name, model] of [['words', 'words@2'], ['others', 'words@3']]) {
    await admin.deploy(name, model);
    await admin.run(0, 'promote', name, '--why', 'good');
    await serves(name, model);
  }
  const config = JSON.parse(fs.readFileSync(server.configPath, 'utf8'));
  await server.reload({ ...config, ...configured('words@stable') }); // past the rollouts: what their aliases say
  await serves('words', 'words@2');
  await serves('others', 'words@3');
  const models = (code, ...args) => command(['models', ...args, '--store', store], { code });
  assert.match((await models(1, 'show', 'words@stable')).stderr, /words@stable is words@3 at "others", words@2 at "words"; name the endpoint/);
  assert.match((await models(0, 'show', 'words@stable', '--endpoint', 'words')).stdout, /^words@2/);
  await models(0, 'alias', 'words@1', 'stable', '--endpoint', 'words');
  await serves('words', 'words@1');
  assert.equal((await server.answer('others', { text: 'even' })).model, 'words@3');
  await models(0, 'alias', 'words@2', 'stable');
  await serves('words', 'words@2');
  await serves('others', 'words@2');
});

test('in the configuration, on the command line, in evaluations', { timeout: 300_000 }, async (t) => {
  const { store, server, ask } = await wordsServer(t, [same]);
  const run = (code, ...args) => command([...args, '--store', store], { code });
  const config = JSON.parse(fs.readFileSync(server.configPath, 'utf8'));
  config.endpoints.words.rollout = [{ model: 'words@live' }];
  fs.writeFileSync(server.configPath, JSON.stringify(config));
  assert.match((await command(['config', 'check', '-c', server.configPath], { code: 2 })).stderr, /The model words has no alias "live"/);
  await run(0, 'models', 'alias', 'words@2', 'live');
  await command(['config', 'check', '-c', server.configPath]);
  await server.reload(config);
  assert.equal((await ask(1)).model, 'words@2');
  await run(0, 'models', 'alias', 'words@1', 'live');
  await until('the other', async () => (await ask(2)).model === 'words@1');
  assert.match((await run(0, 'models', 'show', 'words@live')).stdout, /^words@1/);
  const suite = path.join(folder(t), 'suite.yaml');
  fs.writeFileSync(suite, JSON.stringify({ name: 's', endpoint: 'words', data: 'rows.csv', tests: [], minimum: 0.5 }));
  fs.writeFileSync(path.join(path.dirname(suite), 'rows.csv'), `text,label\n${'even,even\nodd,odd\n'.repeat(20)}`);
  const said = await run(null, 'eval', suite, '--model', 'words@live');
  assert.match(said.stdout, /words@1/, said.stderr);
  assert.match((await run(1, 'models', 'show', 'words@lost')).stderr, /no alias "lost"/);
  assert.match((await run(2, 'models', 'alias', 'words@1', 'Live')).stderr, /small letters/);
  assert.match((await run(2, 'models', 'alias', 'words@1', '7')).stderr, /a letter first/);
  assert.match((await run(1, 'models', 'unalias', 'words', 'lost')).stderr, /has no alias/);
  assert.match((await run(0, 'models', 'unalias', 'words', 'live')).stdout, /words@live is no more/);
  assert.match((await command(['deploy', 'words', 'words@live', '-c', server.configPath, ...override], { code: 1 })).stderr, /no alias "live"/);
});
