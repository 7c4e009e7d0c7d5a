// penstock endpoints: how an endpoint was configured, each distinct configuration under a number of its own.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { wordsServer } from './operator.mjs';
import { folder, until } from './penstock.mjs';

test('versions of an endpoint, what differs, and which one was in force', { timeout: 300_000 }, async (t) => {
  const rules = path.join(folder(t), 'rules.lua');
  fs.writeFileSync(rules, 'function verify(r) return true end');
  const { server, admin } = await wordsServer(t, []);
  const list = async () => JSON.parse((await admin.run(0, 'endpoints', 'list', 'words', '--json')).stdout).map(({ version }) => version);
  const inForce = (version) => until(version, async () => (await admin.at('words')).configuration === version);
  await inForce('words@1');
  const config = JSON.parse(fs.readFileSync(server.configPath, 'utf8'));
  const reload = async (change) => (Object.assign(config.endpoints.words, change), await server.reload(config));
  await reload({ accept_threshold: 0.7, rules });
  await inForce('words@2');
  const before = new Date().toISOString();
  const diff = (await admin.run(0, 'endpoints', 'diff', 'words@1', 'words')).stdout;
  assert.match(diff, /^options\.accept_threshold: null → 0\.7$/m);
  assert.match(diff, /^files\..*rules\.lua: nothing → "[0-9a-f]{64}"$/m);
  assert.doesNotMatch(diff, /options\.owner/);
  await new Promise((done) => setTimeout(done, 1100)); // "at" means all of a second
  fs.writeFileSync(rules, 'function verify(r) return false end'); // the file's name stays
  await reload({});
  await inForce('words@3');
  assert.match((await admin.run(0, 'endpoints', 'diff', 'words@2', 'words@3')).stdout, /^files\.\S+: "[0-9a-f]{64}" → "[0-9a-f]{64}"\n$/);
  delete config.endpoints.words.accept_threshold;
  delete config.endpoints.words.rules;
  await reload({});
  await inForce('words@1'); // what it was before
  assert.deepEqual(await list(), [3, 2, 1]);
  assert.equal((await admin.at('words', before)).configuration, 'words@2');
  const shown = JSON.parse((await admin.run(0, 'endpoints', 'show', 'words@2')).stdout);
  assert.equal(shown.options.accept_threshold, 0.7);
  assert.match((await admin.run(0, 'endpoints', 'diff', 'words@1', 'words@1')).stdout, /are the same/);
  const made = JSON.parse((await admin.run(0, 'history', 'list', '--json')).stdout).filter(({ what }) => what === 'endpoint.configured');
  assert.deepEqual(made.map(({ after }) => after.object), ['words@3', 'words@2', 'words@1']);
  for (const [args, code, said] of [
    [['endpoints', 'show', 'words@9'], 1, /no server has taken up/],
    [['endpoints', 'show', 'words@x'], 2, /names no version/],
    [['endpoints', 'diff', 'words@1'], 2, /expected list/],
  ])
    assert.match((await admin.run(code, ...args)).stderr, said);
});
