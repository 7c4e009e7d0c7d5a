// Alerts, from what a server's users see to what a receiver that really listens is sent.
import assert from 'node:assert/strict';
import test from 'node:test';
import { start } from './chats.mjs';
import { until } from './penstock.mjs';
import { webhook } from './receivers.mjs';

const quick = { interval: '100ms', group_wait: '100ms', group_interval: '200ms' };
const failing = (times) => [...Array(times).fill('error500'), 'ok'].join('+');

// A server whose endpoint `shop` fails `times` requests; receivers by name.
const shop = (t, receivers, { times = 20, alerts = {}, env = {}, endpoint = {}, ...config } = {}) =>
  start(
    t,
    {
      more: { shop: { kind: 'chat', owner: 'team-shop', cache: false, rollout: [{ upstream: 'main', model: failing(times) }], ...endpoint } },
      upstreamMore: { retry: { attempts: 1 } },
      alerts: { ...quick, ...alerts, receivers },
      ...config,
    },
    { env },
  );

const fail = async ({ ask }, times = 20) => {
  for (let i = 0; i < times; i++) assert.notEqual((await ask('shop')).status, 200);
};

test('errors reach a webhook, which is told the end, too', { timeout: 60_000 }, async (t) => {
  const hook = await webhook(t);
  const s = await shop(t, { main: { kind: 'webhook', url: '${env:HOOK}', key: '${env:KEY}' } }, { env: { HOOK: hook.url, KEY: 'k3y' }, alerts: { monitors: { error_rate: { enabled: false }, availability_fast: { clear: '200ms' } } }, endpoint: { objectives: { availability: '99%' } } });
  await fail(s);
  const opened = await hook.arrived('opened', (m) => m.json.notice === 'opened');
  assert.equal(opened.headers.authorization, 'Bearer k3y');
  assert.equal(opened.headers['idempotency-key'].length, 26);
  assert.match(opened.json.subject, /^\[P1 unavailable\] shop: errors use the budget up/);
  const { incident, alerts: [{ alert, text, runbook }] } = opened.json;
  assert.deepEqual([incident.endpoint, incident.owner, incident.class, incident.state], ['shop', 'team-shop', 'P1', 'open']);
  assert.deepEqual([alert.monitor, alert.state, alert.expected, alert.limit], ['availability_fast', 'firing', 1, 14.4]);
  assert.ok(alert.value > 90, `all failed: ${alert.value}`);
  assert.match(text, /20 of 20 requests in 60 minutes failed; the objective is 99 %/);
  assert.equal(runbook, 'docs/runbooks/availability_fast.md');
  const good = await Promise.all(Array.from({ length: 20 }, async () => { for (let i = 0; i < 25; i++) await s.ask('shop'); }));
  assert.equal(good.length, 20);
  const resolved = await hook.arrived('resolved', (m) => m.json.notice === 'resolved');
  assert.equal(resolved.json.incident.id, incident.id);
  assert.deepEqual(hook.got.map((m) => m.json.notice), ['opened', 'resolved']);
  for (const secret of ['T0PS3CR3T', 'k3y']) assert.ok(!s.server.stderr.includes(secret), 'no secret in the log');
});
