// A disk that is full: what cannot be kept is refused, and the server recovers by itself once there is room.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { atEnd, command, serve, storeWithModels, until } from './penstock.mjs';
import { webhook } from './receivers.mjs';
import { billingText } from './samples.mjs';
import { upstream } from './upstream.mjs';

function smallDisk(t) {
  const at = fs.mkdtempSync(path.join(os.tmpdir(), 'penstock-e2e-disk-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', at]).status === 0;
  atEnd(t, () => {
    if (mounted) assert.equal(spawnSync('umount', [at]).status, 0);
    fs.rmdirSync(at);
  });
  return mounted ? at : undefined;
}

// Writes zeros until nothing more fits.
function fill(file) {
  const out = fs.openSync(file, 'a');
  try {
    for (let size = 1 << 16; size >= 1; size >>= 4)
      for (;;) {
        try {
          fs.writeSync(out, Buffer.alloc(size));
        } catch (error) {
          if (error.code !== 'ENOSPC') throw error;
          break;
        }
      }
  } finally {
    fs.closeSync(out);
  }
}

test('a full disk', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const disk = smallDisk(t);
  if (!disk) return t.skip('mounting a small tmpfs is not permitted');
  fs.cpSync(store, path.join(disk, 'store'), { recursive: true });
  const hook = await webhook(t);
  const told = (notice) => hook.got.filter(({ json }) => json.notice === notice && json.alerts[0].alert.monitor === 'recording');
  const rollout = [{ model: 'tickets@1' }];
  const server = await serve(
    t,
    {
      endpoints: {
        tickets: { rollout, accept_threshold: 0, cache: false },
        reviewed: { rollout, accept_threshold: '100%', review_threshold: '100%', keep_inputs: 'all' },
      },
      alerts: { interval: '100ms', receivers: { team: { kind: 'webhook', url: '${env:HOOK}' } } },
    },
    { store: path.join(disk, 'store'), env: { HOOK: hook.url } },
  );
  const ask = (endpoint, n) => server.predict(endpoint, { text: `${billingText} ${n}` });
  const before = await server.answer('reviewed', { text: 'before' });
  const answered = [];
  const ballast = path.join(disk, 'ballast');

  await t.test('what cannot be kept is refused with 503, and nothing else happens', async () => {
    fill(ballast);
    const refused = await until(
      'the refusal',
      async () => {
        const reply = await ask('reviewed', Math.random());
        if (reply.status === 200) answered.push(reply.json);
        return reply.status !== 200 && reply;
      },
    );
    assert.equal(`${refused.status} ${refused.json.error.code}`, '503 storage_unavailable', refused.text);
    assert.ok(Number(refused.headers['retry-after']) >= 1);
    const plain = await until(
      'predictions that need no person are refused too',
      async () => {
        const reply = await ask('tickets', Math.random());
        if (reply.status === 200) answered.push(reply.json);
        return reply.status !== 200 && reply;
      },
    );
    assert.equal(`${plain.status} ${plain.json.error.code}`, '503 storage_unavailable', plain.text);
    assert.equal((await server.get('/healthz')).status, 200);
    const ready = await server.get('/readyz');
    assert.deepEqual([ready.status, ready.json.status], [503, 'storage unavailable']);
    await server.logged('recorder.failed');
  });

  await t.test('the operator is told, though nothing can be written', async () => {
    const page = (await until('the page', () => told('opened')[0])).json;
    assert.match(page.subject, /^\[P1 unavailable\] the server: requests cannot be recorded, and are refused$/);
    assert.match(page.alerts[0].text, /The disk is full: requests are refused with 503/);
    assert.deepEqual([page.incident.state, page.alerts[0].alert.state], ['open', 'firing']);
    assert.equal(page.alerts[0].runbook, 'docs/runbooks/recording.md');
    for (let i = 0; i < 30; i++) assert.equal((await ask('tickets', i)).status, 503);
  });

  await t.test('once there is room it goes on by itself, and nothing acknowledged is lost', async () => {
    fs.rmSync(ballast);
    await until('the recovery', async () => (await ask('reviewed', Math.random())).status === 200);
    await until('readiness', async () => (await server.get('/readyz')).status === 200);
    assert.equal((await ask('tickets', Math.random())).status, 200);
    for (const { request_id: id } of [before, ...answered])
      await until(`the record ${id}`, async () => (await server.get(`/v1/requests/${id}`)).status === 200);
    for (const { review_id: id } of [before, ...answered.filter((answer) => answer.review_id)])
      assert.equal((await server.get(`/v1/review/${id}`)).status, 200, id);
  });

  await t.test('its end is told, once, and what was refused counts as errors of the endpoint', async () => {
    const end = (await until('the end', () => told('resolved')[0])).json;
    assert.match(end.subject, /^\[P1 unavailable\] resolved: the server: requests cannot be recorded/);
    await server.stop();
    assert.deepEqual(['opened', 'repeated', 'resolved'].map((notice) => told(notice).length), [1, 0, 1]);
    assert.equal(end.incident.id, told('opened')[0].json.incident.id);
    const listed = JSON.parse((await command(['monitors', 'list', 'tickets', '--store', server.config.store.path, '--json'])).stdout);
    const refused = listed.find((one) => one.monitor === 'error_rate' && one.part === 'storage_unavailable');
    assert.ok(refused && refused.value * refused.samples > 29, JSON.stringify(listed));
  });
});

test('conversations on a full disk', { timeout: 300_000 }, async (t) => {
  const disk = smallDisk(t);
  if (!disk) return t.skip('mounting a small tmpfs is not permitted');
  const up = await upstream(t);
  const server = await serve(
    t,
    { upstreams: { main: { kind: 'openai', url: up.url } }, endpoints: { talk: { kind: 'chat', conversations: '1h', rollout: [{ upstream: 'main', model: 'ok' }] } } },
    { store: path.join(disk, 'store') },
  );
  const ask = (previous) =>
    server.request('POST', '/v1/responses', { body: { model: 'talk', input: 'much to keep '.repeat(500), previous_response_id: previous }, check: false });
  const first = await ask(), acknowledged = [first.json.id], ballast = path.join(disk, 'ballast');
  assert.equal(first.status, 200, first.text);
  fill(ballast);
  const refused = await until(
    'the refusal',
    async () => {
      const reply = await ask(first.json.id);
      if (reply.status === 200) acknowledged.push(reply.json.id);
      return reply.status !== 200 && reply;
    },
  );
  assert.equal(`${refused.status} ${refused.json.error.code}`, '503 storage_unavailable', refused.text);
  assert.ok(Number(refused.headers['retry-after']) >= 1);
  fs.rmSync(ballast);
  const again = await until('the recovery', async () => {
    const reply = await ask(acknowledged.at(-1));
    return reply.status === 200 && reply;
  });
  for (const id of [...acknowledged, again.json.id]) assert.equal((await server.get(`/v1/responses/${id}`)).status, 200, `${id} was acknowledged and is there`);
});
