// An administrator with the commands that change who serves, and clients that ask meanwhile.
import { command, sleep, until } from './penstock.mjs';

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
    until('the rollout', async () => (await sleep(200), (over = await done())), 90_000).finally(() => (over = true)),
    ...Array.from({ length: lanes }, async () => {
      while (!over) seen.push(await one(seen.length));
    }),
  ]);
  return seen;
}
