// Lets allocations of the running program fail while it asks a model for vectors: of questions, for its semantic cache, and of
// pairs, to tune that. A question is answered with or without the cache or refused with a reason; a tuning is made or
// not; nothing leaks, hangs or ends the program.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { user } from '../../e2e/chats.mjs';
import { embedder, pairs, question } from '../../e2e/embedder.mjs';
import { command, folder, serve, until } from '../../e2e/penstock.mjs';
import { sentence, upstream } from '../../e2e/upstream.mjs';
import { library, Orders } from './orders.mjs';

const skip = !fs.existsSync(library) && `${library} is not built`;

async function begin(t) {
  const dir = folder(t);
  const [store, config] = ['store', 'tune.yaml'].map((name) => path.join(dir, name));
  const [model, up] = [await embedder(t), await upstream(t)];
  const upstreams = { main: { kind: 'openai', url: up.url, retry: { attempts: 1 }, breaker: { minimum: 100000 } }, vectors: { kind: 'openai', url: model.url, retry: { attempts: 1 }, breaker: { minimum: 100000 } } };
  fs.writeFileSync(config, JSON.stringify({ upstreams }));
  const tune = (same, different, options, ...more) => {
    const file = path.join(dir, 'pairs.csv');
    fs.writeFileSync(file, pairs(same, different));
    return command(['cache', 'tune', 'faq', '--store', store, '-c', config, '--pairs', file, '--vectors', 'vectors/small', ...more], { timeout: 300_000, ...options });
  };
  return { store, upstreams, tune };
}

test('allocations fail in turn while a question gets its vector', { skip, timeout: 600_000 }, async (t) => {
  const orders = new Orders(t);
  const { store, upstreams, tune } = await begin(t);
  await tune(160, 170, {}, '--false-hits', '2%');
  const faq = { kind: 'chat', rollout: [{ upstream: 'main', model: 'ok' }], semantic_cache: 'faq', semantic_vectors: { upstream: 'vectors', model: 'small', timeout: '5s' } };
  const server = await serve(t, { upstreams, server: { loops: 1 }, endpoints: { faq } }, { store, env: orders.environment });
  if (orders.get('allocations') === 0) return t.skip("the program's own allocator stands before the faults (a static sanitizer)");
  let seed = 0;
  // A question of a kind of its own, one that says the same, and one that does not.
  const run = async () => {
    const got = [];
    seed++;
    for (const text of [question(0, 0, 0), question(0, 0, 19), question(1, 1, 19)]) {
      const body = { model: 'faq', temperature: 0, seed, messages: user(text) };
      const reply = await server.request('POST', '/v1/chat/completions', { check: false, agent: false, timeout: 120_000, body }).catch((error) => {
        assert.match(`${error.code} ${error.message}`, /ECONNRESET|EPIPE|socket hang up/);
        return { status: 'closed', text: '' };
      });
      assert.ok([200, 500, 502, 503, 'closed'].includes(reply.status), `${reply.status} ${reply.text}`);
      if (reply.status === 200) assert.equal(reply.json.choices[0].message.content, sentence);
      got.push(reply.status === 200 ? reply.headers['x-penstock-decision'] : reply.status);
    }
    return got;
  };
  const well = async (when) => {
    await until('recording', async () => (await server.get('/readyz', { agent: false })).status === 200);
    assert.deepEqual(await run(), ['accepted', 'cached', 'accepted'], when);
  };
  for (let i = 0; i < 3; i++) await well('before any fault');
  const before = orders.get('allocations');
  await run();
  const many = orders.get('allocations') - before;
  assert.ok(many > 20, `${many} allocations`);
  const stride = Math.max(1, Math.ceil(many / 300));
  const end = Date.now() + 75_000;
  let tried = 0, missed = 0;
  for (let n = 1; n <= many && (tried <= 20 || Date.now() < end); n += stride, tried++) {
    orders.set('allocation', n);
    const got = await run();
    orders.set('allocation', 0);
    missed += got[1] === 'accepted';
    assert.notEqual(got[2], 'cached', `allocation ${n}: another question`);
    if (tried % 10 === 9) await well(`allocation ${n} failed`);
  }
  t.diagnostic(`${many} allocations in the script; ${tried} of them failed, one at a time; ${missed} times the answer came without the cache`);
  assert.ok(tried > 20 && missed > 0);
  for (const each of [31, 11, 5]) {
    orders.set('each', each);
    await run();
    orders.set('each', 0);
    await well(`each ${each}th allocation failed`);
  }
});

test('allocations fail in turn while a tuning fetches vectors', { skip, timeout: 600_000 }, async (t) => {
  const orders = new Orders(t);
  const { tune } = await begin(t);
  const tried = (options) => tune(5, 5, { code: 1, env: orders.environment, ...options });
  const whole = await tried();
  assert.match(whole.stderr, /too few to learn from/, 'it has the vectors, and then too few pairs');
  const many = orders.get('allocations');
  if (many === 0) return t.skip("the program's own allocator stands before the faults (a static sanitizer)");
  const stride = Math.max(1, Math.ceil(many / 120));
  const end = Date.now() + 75_000;
  const said = new Map();
  for (let n = 1; n <= many && Date.now() < end; n += stride) {
    orders.set('allocation', n);
    const { code, stderr } = await tried({ code: null }).catch((error) => ({ stderr: error.message }));
    orders.set('allocation', 0);
    if (/CHECK failed: sanitizer_linux/.test(stderr)) continue; // a new thread that the sanitizer itself cannot set up, and aborts
    assert.ok(code === 1 || code === 2, `allocation ${n}: ${code} ${stderr}`);
    assert.match(stderr, /^penstock cache: \S+ .+$/m, `allocation ${n}`);
    said.set(stderr, (said.get(stderr) ?? 0) + 1);
  }
  t.diagnostic(`${many} allocations; ${[...said.values()].reduce((a, b) => a + b, 0)} runs, ${said.size} ways to say it`);
});
