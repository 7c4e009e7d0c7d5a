// What is remembered of requests: records, log lines, metrics.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { command, createKey, serve, storeWithModels, until, within } from './penstock.mjs';
import { billingText } from './samples.mjs';

// The samples of a scrape: {"name{labels}": value}.
const samples = (text) =>
  Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line && !line.startsWith('#'))
      .map((line) => {
        const at = line.lastIndexOf(' ');
        return [line.slice(0, at), Number(line.slice(at + 1))];
      }),
  );

test('records, log lines and metrics', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const key = await createKey(store, 'shop', 'reviewer', '--rate', '1000');
  const narrow = await createKey(store, 'narrow', 'client', '--rate', '0.01', '--burst', '1');
  const rollout = [{ model: 'tickets@1' }];
  const server = await serve(
    t,
    {
      auth: { required: true },
      pricing: { cpu_hour_usd: 0.05 },
      endpoints: {
        tickets: { rollout, accept_threshold: 0 },
        reviewed: { rollout, accept_threshold: '100%', review_threshold: '100%' },
      },
    },
    { store },
  );
  const record = (id) =>
    until('the record', async () => {
      const found = await server.get(`/v1/requests/${id}`, { key });
      return found.status === 200 && found.json;
    });
  const scrape = async () => samples((await server.get('/metrics')).text);

  await t.test('a record tells what the reply told, at the latest 100 ms after it', async () => {
    let answer, text;
    const ask = async () => {
      text = `${billingText} ${Math.random()}`;
      answer = await server.answer('tickets', { text }, { key });
    };
    const kept = await within('the record', 100, ask, () => record(answer.request_id));
    for (const name of [
      'request_id',
      'endpoint',
      'model',
      'prediction',
      'confidence',
      'decision',
      'cached',
      'cost_usd',
    ])
      assert.deepEqual(kept[name], answer[name], name);
    assert.deepEqual(
      [kept.client, kept.status, kept.error, kept.fallback, kept.cache],
      ['shop', 200, null, null, 'miss'],
    );
    assert.ok(Math.abs(Date.parse(kept.time) - Date.now()) < 60_000);
    assert.ok(Math.abs(kept.stages.infer - answer.stages.infer) < 0.01);
    const again = await server.answer('tickets', { text }, { key });
    const second = await record(again.request_id);
    assert.equal(second.input_sha256, kept.input_sha256);
    assert.deepEqual([second.cache, second.decision], ['hit', 'cached']);
  });

  await t.test("refused requests are recorded too, and the caller's own ID finds its request", async () => {
    const id = `mine-${process.pid}`;
    await server.refused('tickets', { txt: 'a' }, 400, 'invalid_field', { key, headers: { 'x-request-id': id } });
    const kept = await record(id);
    assert.deepEqual(
      [kept.status, kept.decision, kept.prediction, kept.error.code],
      [400, 'rejected', null, 'invalid_field'],
    );
    assert.equal((await server.get('/v1/requests/nobody', { key })).status, 404);
  });

  await t.test('penstock requests show tells its story, also of a review', async () => {
    const answer = await server.answer('reviewed', { text: billingText }, { key });
    const { stdout } = await command(['requests', 'show', answer.request_id, '--store', store]);
    for (const part of [answer.request_id, 'reviewed', 'tickets@1', answer.prediction, 'infer', answer.review_id])
      assert.ok(stdout.includes(part), `"${part}" is not in\n${stdout}`);
    const plain = await server.answer('tickets', { text: `${billingText} story` }, { key });
    await record(plain.request_id);
    assert.match((await command(['requests', 'show', plain.request_id, '--store', store])).stdout, /accepted/);
    assert.match((await command(['requests', 'show', 'nobody', '--store', store], { code: 1 })).stderr, /nobody/);
    assert.ok((await command(['requests', 'list', '--store', store])).stdout.includes(plain.request_id));
  });

  await t.test('the log has one JSON line for each request, with its ID', async () => {
    const ids = [];
    for (let i = 0; i < 20; i++)
      ids.push((await server.answer('tickets', { text: `${billingText} log ${i}` }, { key })).request_id);
    await until('the log lines', () => server.log('request').some((line) => line.request_id === ids.at(-1)));
    for (const id of ids) {
      const lines = server.log('request').filter((line) => line.request_id === id);
      assert.equal(lines.length, 1);
      assert.deepEqual(
        [lines[0].endpoint, lines[0].client, lines[0].status, lines[0].decision],
        ['tickets', 'shop', 200, 'accepted'],
      );
      assert.ok(lines[0].latency_ms > 0 && lines[0].level === 'info' && Date.parse(lines[0].time));
    }
    assert.equal(server.stderr.includes('charged twice'), false, 'no input is in the log');
    const { stderr } = server;
    for (const line of stderr.slice(0, stderr.lastIndexOf('\n')).split('\n')) assert.doesNotThrow(() => JSON.parse(line), line);
  });

  await t.test('counters move as the requests do', async () => {
    const before = await scrape();
    for (let i = 0; i < 5; i++) await server.answer('tickets', { text: `count ${i} ${billingText}` }, { key });
    await server.answer('tickets', { text: `count 0 ${billingText}` }, { key });
    await server.answer('reviewed', { text: `count ${billingText}` }, { key });
    await server.refused('tickets', { text: '' }, 400, 'invalid_text', { key });
    await server.predict('tickets', { text: 'a' }, { key: narrow });
    await until('429', async () => (await server.predict('tickets', { text: 'a' }, { key: narrow })).status === 429);
    const after = await scrape();
    const moved = (pattern) =>
      Object.keys(after)
        .filter((name) => pattern.test(name))
        .reduce((sum, name) => sum + after[name] - (before[name] ?? 0), 0);
    assert.equal(moved(/^penstock_decisions_total\{.*"reviewed".*decision="review"/), 1);
    assert.equal(
      moved(/^penstock_cache_requests_total\{.*"tickets".*result="hit"/),
      1 + moved(/^penstock_decisions_total\{.*"tickets".*decision="cached"/) - 1,
    );
    assert.ok(moved(/^penstock_decisions_total\{.*"tickets".*decision="accepted"/) >= 6);
    assert.equal(moved(/^penstock_errors_total\{.*"tickets".*code="invalid_text"/), 1);
    assert.ok(moved(/^penstock_rate_limited_total\{.*"tickets"/) >= 1);
    assert.ok(moved(/^penstock_request_seconds_count\{.*"tickets"/) >= 8);
    assert.equal(moved(/^penstock_review_open/), 1);
    assert.equal(after.penstock_recorder_healthy, 1);
  });

  const promtool = spawnSync('promtool', ['--version']).status === 0;
  await t.test(
    'the metrics are as Prometheus wants them',
    { skip: !promtool && 'promtool is not installed' },
    async () => {
      const { body } = await server.get('/metrics');
      const checked = spawnSync('promtool', ['check', 'metrics'], { input: body, encoding: 'utf8' });
      assert.equal(checked.status, 0, checked.stdout + checked.stderr);
      assert.equal(checked.stderr.trim() + checked.stdout.trim(), '');
    },
  );

  await t.test('without a price the cost is unknown, not zero', async () => {
    const whole = structuredClone(server.config);
    delete whole.pricing;
    await server.reload(whole);
    assert.equal((await server.answer('tickets', { text: `${billingText} free` }, { key })).cost_usd, null);
  });
});
