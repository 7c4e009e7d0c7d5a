// An administrator with the commands that change who serves, and clients that ask meanwhile.
import fs from 'node:fs';
import path from 'node:path';
import { command, folder, serve, sleep, until } from './penstock.mjs';

export const chat = (model, more = {}) => ({ kind: 'chat', sticky: 'none', cache: false, rollout: [{ upstream: 'main', model }], ...more });
export const override = ['--override', 'a test', '--by', 'ada'];

// The commands, as an administrator gives them for this server.
export function operator(server) {
  const run = (code, ...args) => command([...args, '-c', server.configPath], { code });
  return {
    run,
    deploy: (...args) => run(0, 'deploy', ...args, ...override),
    newest: async (endpoint) => JSON.parse((await run(0, 'rollouts', 'list', endpoint, '--json')).stdout)[0],
    show: async (name) => JSON.parse((await run(0, 'rollouts', 'show', name)).stdout),
    history: async (endpoint) => JSON.parse((await run(0, 'history', 'list', endpoint, '--json')).stdout),
    at: async (endpoint, time = 'now') => JSON.parse((await run(0, 'at', time, endpoint)).stdout).serving,
  };
}

// Which model answered; the status of one that failed.
export async function asked(ask, endpoint, rest, options) {
  const reply = await ask(endpoint, rest, options);
  return reply.status === 200 ? reply.headers['x-penstock-model'] : reply.status;
}

// Calls `one` from several sides at once until `done` says so; all that it gave.
export async function keepAsking(one, done, lanes = 8) {
  const seen = [];
  let over = false;
  await Promise.all([
    until('the rollout', async () => (await sleep(200), (over = await done())), 240_000).finally(() => (over = true)),
    ...Array.from({ length: lanes }, async () => {
      while (!over) seen.push(await one(seen.length));
    }),
  ]);
  return seen;
}

// A server whose endpoint `words` is served by words@1, and further versions by their rules.
export async function wordsServer(t, versions, config = {}) {
  const store = path.join(folder(t), 'store');
  for (const lua of ["return r.text:find('even') and 'even' or 'odd', 0.9", ...versions]) {
    const file = path.join(folder(t), 'rules.lua');
    fs.writeFileSync(file, `function classify(r)\n${lua}\nend\n`);
    await command(['models', 'add', 'words', '--rules', file, '--label', 'even', '--label', 'odd', '--store', store]);
  }
  const endpoints = { words: { accepts: ['text'], sticky: 'none', rollout: [{ model: 'words@1' }] } };
  const server = await serve(t, { store: { path: store }, auth: { required: false }, limits: { rate: 100000 }, endpoints, ...config }, { store });
  const ask = (i, options) => server.answer('words', { text: `this is ${i % 2 ? 'odd' : 'even'}: ${i}` }, options);
  return { store, server, ask, admin: operator(server) };
}
