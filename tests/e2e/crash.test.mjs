// kill -9 under load: what was acknowledged is there after the restart.
import assert from 'node:assert/strict';
import test from 'node:test';
import { command, serve, sleep, storeWithModels, until } from './penstock.mjs';
import { billingText } from './samples.mjs';

const rollout = [{ model: 'tickets@1' }];
const keeping = (inputs) => ({
  tickets: { rollout, accept_threshold: 0 },
  reviewed: { rollout, accept_threshold: '100%', review_threshold: '100%', keep_inputs: inputs },
});

const sample = (scrape, name) => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(scrape)[1]);

async function eachAtOnce(items, width, work) {
  const queue = [...items];
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (queue.length) await work(queue.pop());
    }),
  );
}

test('kill -9 under load loses nothing that was acknowledged', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  for (const round of ['none', 'review']) {
    const endpoints = keeping(round);
    const server = await serve(t, { endpoints }, { store });
    const answered = [];
    let serial = 0,
      killed = false;
    const first = (await server.get('/healthz')).headers['x-request-id']; // IDs sort by time
    const caller = async () => {
      while (!killed) {
        const n = serial++;
        const text = `${billingText} ${round} ${n}`;
        const reply = await server.predict(n % 4 ? 'tickets' : 'reviewed', { text }).catch(() => undefined);
        if (reply && !killed) answered.push({ at: Date.now(), text, reply });
      }
    };
    // What waits for its commit is at most some 50 ms old, unless the disk or the machine is slow; then the metric says so.
    let lag = 0,
      committed = 0;
    const watch = async () => {
      while (!killed) {
        const scrape = await server.get('/metrics').catch(() => undefined);
        if (scrape) {
          lag = Math.max(lag, 1000 * sample(scrape.text, 'penstock_recorder_lag_seconds'));
          committed = sample(scrape.text, 'penstock_recorder_events_total');
        }
        await sleep(20);
      }
    };
    const callers = [watch(), ...Array.from({ length: 200 }, caller)];
    await sleep(1500);
    // a slow machine takes longer for as many, and some of them must be older than what may still wait
    await until('enough answers', () => {
      const old = Date.now() - 200 - 2 * lag;
      return answered.length > 400 && answered.filter(({ reply }) => reply.json?.review_id).length > 40 && answered[50].at < old;
    });
    const killedAt = Date.now();
    killed = true;
    await server.kill();
    await Promise.all(callers);
    assert.ok(answered.length > 200, `${answered.length} answers`);
    for (const { reply } of answered) assert.equal(reply.status, 200, reply.text);

    const next = await serve(t, { endpoints }, { store });
    const reviews = answered.filter(({ reply }) => reply.json.review_id);
    assert.ok(reviews.length > 20, `${reviews.length} reviews`);
    await eachAtOnce(reviews, 20, async ({ text, reply }) => {
      const item = await next.get(`/v1/review/${reply.json.review_id}`);
      assert.equal(item.status, 200, item.text);
      assert.deepEqual(
        [item.json.request_id, item.json.input.text],
        [reply.json.request_id, round === 'review' ? text : undefined],
      );
      assert.equal((await next.get(`/v1/requests/${reply.json.request_id}`)).status, 200);
    });
    const before = answered.filter(({ at }) => at < killedAt - 100 - 2 * lag);
    t.diagnostic(
      `${answered.length} answers, ${reviews.length} reviews; at most ${Math.round(lag)} ms of lag, ${before.length} answers older than twice that`,
    );
    assert.ok(before.length > 20, `${before.length} of ${answered.length} answers were old enough; the lag was ${lag} ms`);
    assert.ok(lag < 20_000, `the recorder lagged by ${lag} ms`);
    const lost = [];
    await eachAtOnce(before, 20, async ({ at, reply }) => {
      const record = await next.get(`/v1/requests/${reply.json.request_id}`);
      if (record.status !== 200) return lost.push(killedAt - at);
      assert.deepEqual([record.json.prediction, record.json.decision], [reply.json.prediction, reply.json.decision]);
    });
    assert.deepEqual(
      lost.sort((x, y) => y - x),
      [],
      `milliseconds before the kill at which lost ones were answered; the lag was ${lag} ms`,
    );
    const { stdout } = await command(['requests', 'list', '--json', '--limit', '100000', '--store', store]);
    const kept = JSON.parse(stdout).filter((record) => record.request_id > first);
    assert.ok(kept.length >= committed, `${committed} were committed, ${kept.length} are there`);
    await next.stop();
  }
});
