// The semantic cache with vectors of another model: tuned for them, asked for them, and without them where there are none.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { user } from './chats.mjs';
import { collector } from './collector.mjs';
import { embedder, pairs, question } from './embedder.mjs';
import { command, createKey, folder, serve, until } from './penstock.mjs';
import { upstream } from './upstream.mjs';

const timeout = 300_000;
const tuneWith = (store, config, ...more) => command(['cache', 'tune', 'faq', '--store', store, '-c', config, ...more], { timeout, code: null });

test('vectors of another model', { timeout: 1_800_000 }, async (t) => {
  const dir = folder(t);
  const [store, file, config, prices, secret] = ['store', 'pairs.csv', 'tune.yaml', 'prices.json', 'vectors.key'].map((name) => path.join(dir, name));
  const model = await embedder(t);
  const up = await upstream(t);
  const dear = (input, output) => ({ input_cost_per_token: input, output_cost_per_token: output });
  fs.writeFileSync(prices, JSON.stringify({ ok: dear(1e-6, 1e-6), small: dear(1e-7, 0) }));
  fs.writeFileSync(file, pairs(160, 170));
  fs.writeFileSync(secret, 'sk-vectors\n', { mode: 0o600 });
  const upstreams = {
    main: { kind: 'openai', url: up.url },
    vectors: { kind: 'openai', url: model.url, key: '${file:' + secret + '}', retry: { base: '5ms', max: '10ms' }, breaker: { minimum: 1000 } },
  };
  const chat = (more) => ({ kind: 'chat', rollout: [{ upstream: 'main', model: 'ok' }], ...more });
  const vectors = (from, more) => ({ semantic_cache: 'faq', semantic_vectors: { upstream: from, model: 'small', ...more } });
  const tuning = JSON.stringify({ upstreams, endpoints: { any: chat() } });
  fs.writeFileSync(config, tuning);

  await t.test('a tuning needs them all, and says why it has none', async () => {
    const refused = async (code, what, ...more) => {
      const { code: ended, stderr } = await tuneWith(store, config, '--pairs', file, ...more);
      assert.equal(ended, code, stderr);
      assert.match(stderr, what);
    };
    for (const [mode, what] of [
      ['error500', /vectors\/small: it answered 500: scripted 500/],
      ['error401', /it answered 401/],
      ['nan', /its reply is not JSON/],
      ['missing', /something else than a finite number at 3/],
      ['zero', /only zeros/],
      ['base64', /0 dimensions; expected an array/],
      ['none', /0 vectors for 64 texts/],
      ['growing', /vectors of 25 and of 24 dimensions|vectors of 24 and of 25 dimensions/],
    ]) {
      model.mode = mode;
      await refused(1, what, '--vectors', 'vectors/small');
    }
    model.mode = 'good';
    model.asked.length = 0;
    await refused(2, /has no upstream "nobody"/, '--vectors', 'nobody/small');
    await refused(1, /there is no store/i, '--vectors', 'small');
    await refused(2, /expected UPSTREAM\/MODEL/, '--vectors', 'vectors/');
    const { code, stderr } = await command(['cache', 'tune', 'faq', '--store', store, '--pairs', file, '--vectors', 'vectors/small'], { code: null });
    assert.equal(code, 2);
    assert.match(stderr, /needs --config FILE/);
    assert.equal(model.asked.length, 0);
  });

  await t.test('a tuning fetches them in batches, within retries', async () => {
    model.mode = 'first500';
    model.asked.length = 0;
    const { code, stdout, stderr } = await tuneWith(store, config, '--pairs', file, '--vectors', 'vectors/small', '--false-hits', '2%', '--json');
    assert.equal(code, 0, stderr);
    const made = JSON.parse(stdout);
    assert.equal(made.vectors, 'vectors/small');
    assert.equal(made.dimensions, 24);
    assert.ok(made.metrics.hit_rate > 0.9, stdout);
    assert.equal(made.metrics.vectors_hit_rate, 1);
    assert.equal(made.metrics.false_hit_rate, 0);
    const texts = model.asked.slice(1).flatMap(({ body }) => body.input);
    assert.ok(model.asked.length >= 12 && model.asked.every(({ body, url }) => url === '/v1/embeddings' && body.model === 'small' && body.input.length <= 64));
    assert.equal(new Set(texts).size, 660);
    assert.equal(model.asked[0].headers.authorization, 'Bearer sk-vectors');
    model.mode = 'good';
  });

  const [one, two, admin] = [await createKey(store, 'one'), await createKey(store, 'two'), await createKey(store, 'admin', 'admin')];
  const endpoints = {
    faq: chat(vectors('vectors', { timeout: '20s' })),
    brief: chat(vectors('vectors')), // 300 ms
    narrow: chat(vectors('vectors', { timeout: '20s' })),
    mismatched: chat({ semantic_cache: 'faq' }),
    renamed: chat(vectors('vectors', { model: 'large' })),
  };
  const traces = await collector(t);
  const served = { telemetry: { otlp: traces.url, sample: '0%' }, auth: { required: true }, upstreams, pricing: { models: prices }, endpoints, limits: { rate: 100000 } };
  const server = await serve(t, served, { store });
  const send = (content, { key = one, model: endpoint = 'faq', headers, ...rest } = {}) =>
    server.request('POST', '/v1/chat/completions', { key, headers, check: false, agent: false, body: { model: endpoint, temperature: 0, messages: user(content), ...rest } });
  const ask = async (content, options) => {
    const reply = await send(content, options);
    assert.equal(reply.status, 200, reply.text);
    return reply.headers['x-penstock-decision'];
  };
  const record = (reply) =>
    until('the record', async () => {
      const found = await server.get(`/v1/requests/${reply.headers['x-request-id']}`, { key: admin });
      return found.status === 200 && found.json;
    });
  const vectorsAsked = async (endpoint) => {
    const { text } = await server.get('/metrics', { key: admin });
    const found = text.matchAll(new RegExp(`^penstock_semantic_vectors_total\\{endpoint="${endpoint}",result="(\\w+)"\\} (\\d+)$`, 'gm'));
    return Object.fromEntries([...found].map(([, result, n]) => [result, Number(n)]));
  };

  await t.test('questions whose vectors are near get the same answer', async () => {
    model.asked.length = 0;
    const first = await send(question(0, 0, 0));
    assert.equal(first.headers['x-penstock-decision'], 'accepted');
    assert.equal(first.headers['x-penstock-cost-usd'], '0.000015500', "the answer's 12 and 3 tokens, and the vector's 5");
    assert.deepEqual((await record(first)).usage, { input_tokens: 12, cached_input_tokens: 4, output_tokens: 3 }, "the vector's are not the answer's");
    assert.equal(model.asked.length, 1);
    assert.deepEqual(model.asked[0].body, { model: 'small', input: [question(0, 0, 0)], encoding_format: 'float' });

    const alike = await send(question(0, 0, 31));
    assert.equal(alike.headers['x-penstock-decision'], 'cached');
    assert.equal(alike.headers['x-penstock-cost-usd'], '0.000000500', 'only the vector was asked for');
    assert.equal((await record(alike)).cache, 'semantic');
    assert.equal(await ask(question(0, 0, 0)), 'cached');
    assert.equal(model.asked.length, 2, 'the same question needs no vector');

    assert.equal(await ask(question(0, 1, 31)), 'accepted', 'another thing');
    assert.equal(await ask(question(1, 0, 31)), 'accepted', 'another action');
    assert.equal(await ask(`${question(0, 0, 31)} 17`), 'accepted', 'a number more, and the vector is the same');
    assert.equal(await ask(question(0, 0, 31), { key: two }), 'accepted', "another tenant's answer is not given");
    assert.equal(await ask(question(0, 0, 18), { key: two }), 'cached', 'its own is');
    assert.equal(await ask(question(0, 0, 18), { max_tokens: 7 }), 'accepted', 'other parameters');
    const spoken = await send(question(0, 0, 18), { stream: true });
    assert.equal(spoken.headers['x-penstock-decision'] ?? 'accepted', 'accepted', 'a stream is not a whole reply');
    assert.deepEqual(await vectorsAsked('faq'), { fetched: model.asked.length });
    model.mode = 'lost';
    assert.equal(await ask(question(0, 0, 6)), 'accepted', 'words that are alike do not do where vectors differ');
    model.mode = 'good';
  });

  await t.test('without a vector the cache is missed, and that is said', async () => {
    const before = await vectorsAsked('faq');
    const missed = [];
    let variant = 0;
    for (const mode of ['error500', 'error401', 'nan', 'missing', 'zero', 'base64', 'none', 'garbage', 'shorter']) {
      model.mode = mode;
      const reply = await send(question(2, 2, variant++));
      assert.equal(reply.status, 200, mode);
      assert.equal(reply.headers['x-penstock-decision'], 'accepted', mode);
      assert.equal((await record(reply)).cache, 'no_vector', mode);
      missed.push(mode);
    }
    model.mode = 'good';
    assert.equal(await ask(question(2, 2, variant++)), 'accepted', 'and nothing of it was kept for others');
    assert.equal(await ask(question(2, 2, variant++)), 'cached');
    const after = await vectorsAsked('faq');
    assert.equal(after.failed + after.unfit, missed.length);
    assert.equal(after.fetched - before.fetched, 2);
    const line = await server.logged('semantic_cache.vector');
    assert.match(line.message, /^Endpoint "faq" goes without its semantic cache: Upstream "vectors"/);
  });

  await t.test('the call for a vector is a span of its own', async () => {
    const traceOf = async (id, mode, content) => {
      model.mode = mode;
      model.asked.length = 0;
      await send(content, { headers: { traceparent: `00-${id}-${'cd'.repeat(8)}-01` } });
      const mine = () => traces.spans.filter((span) => span.traceId === id);
      const request = await until('the spans', () => mine().find((span) => span.kind === 2));
      const calls = mine().filter((span) => span.kind === 3);
      assert.ok(calls.every((span) => span.parentSpanId === request.spanId));
      const vectors = calls.filter(({ at }) => at['penstock.call'] === 'vector');
      assert.deepEqual(model.asked.map(({ headers }) => headers.traceparent), vectors.map(({ spanId }) => `00-${id}-${spanId}-01`));
      return calls.map(({ name, at }) => [name, at['penstock.call'], at['penstock.upstream'], at['error.type'] ?? 'good'].join(' '));
    };
    assert.deepEqual(await traceOf('ab'.repeat(16), 'good', question(1, 2, 3)), ['embeddings small vector vectors good', 'chat ok answer main good']);
    assert.deepEqual(await traceOf('ba'.repeat(16), 'good', question(1, 2, 9)), ['embeddings small vector vectors good']);
    const failed = await traceOf('bc'.repeat(16), 'error500', question(2, 1, 3));
    assert.ok(failed.length > 1 && failed.slice(0, -1).every((call) => call === 'embeddings small vector vectors server'), failed);
    assert.equal(failed.at(-1), 'chat ok answer main good');
    model.mode = 'good';
  });

  await t.test('dimensions that are not the tuning\'s are refused and named', async () => {
    model.mode = 'shorter';
    await ask(question(3, 3, 0), { model: 'narrow' });
    model.mode = 'good';
    const line = await server.logged('semantic_cache.vector', ({ message }) => message.includes('"narrow"'));
    assert.match(line.message, /The vectors of vectors\/small have 23 dimensions, and faq was made for 24; run `penstock cache tune` again/);
    assert.deepEqual(await vectorsAsked('narrow'), { unfit: 1 });
  });

  await t.test('a model that hangs costs so long and no longer', async () => {
    model.mode = 'hang';
    const [left, began] = [model.left, Date.now()];
    const reply = await send(question(4, 4, 0), { model: 'brief' });
    assert.equal(reply.status, 200);
    assert.equal(reply.headers['x-penstock-decision'], 'accepted');
    assert.ok(Date.now() - began >= 300, 'it was waited for');
    const { cache, stages } = await record(reply);
    assert.equal(cache, 'no_vector');
    assert.ok(stages.recall >= 295 && stages.recall < 9000, `${stages.recall} ms`);
    await until('the call is cancelled', () => model.left === left + 1);
    assert.equal((await vectorsAsked('brief')).late, 1);
    model.mode = 'good';
    // each is asked in words of its own; one that got its vector within the 300 ms is the answer to a later one
    let variant = 5;
    assert.equal(await ask(question(4, 4, variant), { model: 'brief' }), 'accepted');
    await until('a hit', async () => {
      variant += 5;
      assert.ok(variant < 36 * 5, 'none of them');
      return (await ask(question(4, 4, variant % 36), { model: 'brief' })) === 'cached';
    });
  });

  await t.test('one that keeps failing is left alone, and its upstream is not', async () => {
    const breaker = { minimum: 2, open: '60s', open_max: '60s' };
    const fragile = chat(vectors('vectors', { timeout: '100ms' }));
    await server.reload({ ...server.config, upstreams: { ...upstreams, vectors: { ...upstreams.vectors, breaker } }, endpoints: { ...endpoints, fragile } });
    model.mode = 'hang';
    for (let i = 0; i < 4; i++) assert.equal(await ask(question(5, 5, i), { model: 'fragile' }), 'accepted');
    assert.deepEqual(await vectorsAsked('fragile'), { late: 2, left_alone: 2 });
    const { text } = await server.get('/metrics', { key: admin });
    assert.match(text, /^penstock_upstream_left_alone\{upstream="vectors"\} 0$/m, "a cache's patience says nothing of its health");
    model.mode = 'good';
  });

  await t.test('a client that leaves meanwhile', async () => {
    model.mode = 'hang';
    const [left, asked] = [model.left, model.asked.length];
    const leaving = new AbortController();
    const gone = server.request('POST', '/v1/chat/completions', { key: one, check: false, agent: false, signal: leaving.signal, body: { model: 'faq', temperature: 0, messages: user(question(6, 6, 0)) } });
    gone.catch(() => {});
    await until('the call', () => model.asked.length === asked + 1);
    leaving.abort();
    await assert.rejects(gone);
    await until('the call is cancelled', () => model.left === left + 1 && model.asked.length === asked + 1);
    model.mode = 'good';
    await server.healthy();
  });

  await t.test('a tuning for other vectors stays off and says so', async () => {
    const off = server.log('semantic_cache.off').map(({ message }) => message);
    assert.ok(off.some((text) => /endpoint "mismatched" stays off: faq was made for the vectors of vectors\/small, and semantic_vectors are not set; run `penstock cache tune`/.test(text)), off.join('\n'));
    assert.ok(off.some((text) => /endpoint "renamed" stays off: .* semantic_vectors are vectors\/large;/.test(text)), off.join('\n'));
    const checked = await command(['config', 'check', '-c', server.configPath], { code: 2 });
    assert.match(checked.stderr, /faq was made for the vectors of vectors\/small, and semantic_vectors are not set/);
    assert.match(checked.stderr, /semantic_vectors are vectors\/large/);
    for (const endpoint of ['mismatched', 'renamed']) {
      model.asked.length = 0;
      assert.equal(await ask(question(7, 7, 0), { model: endpoint }), 'accepted');
      assert.equal(await ask(question(7, 7, 5), { model: endpoint }), 'accepted');
      assert.equal(await ask(question(7, 7, 0), { model: endpoint }), 'cached', 'the same words are the same');
      assert.equal(model.asked.length, 0);
    }
  });

  await t.test('budgets count what vectors take, neither nothing nor all that was reserved', async () => {
    await server.reload({ ...server.config, budgets: [{ scope: 'client', name: 'two', per: 'ever', tokens: 200 }] });
    const brief = { key: two, max_tokens: 3 };
    assert.equal(await ask(question(8, 8, 0), brief), 'accepted', '12 and 3 tokens, and 5 of the vector');
    let hits = 0;
    for (let variant = 1; variant < 36; variant++) {
      const reply = await send(question(8, 8, variant), brief);
      if (reply.status === 429) break;
      assert.equal(reply.headers['x-penstock-decision'], 'cached', `variant ${variant}`);
      hits++;
    }
    assert.ok(hits >= 20 && hits < 35, `${hits} times 5 tokens`);
  });

  await server.healthy();
});
