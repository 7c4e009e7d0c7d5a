// Too much, too slow, gone: deadlines, full queues and clients that leave while their file is read.
import assert from 'node:assert/strict';
import test from 'node:test';
import { serve, storeWithModels, until } from './penstock.mjs';
import { billingText, png, scribbles } from './samples.mjs';

const image = { headers: { 'content-type': 'image/png' } };
const patience = [2, 3, 5, 8, 12, 20, 30, 45];
let serial = 0;
// Each its own input. The long ones keep a parser busy for seconds, the others for a good part of one.
const long = () => scribbles(800, 600, ++serial);
const short = () => scribbles(400, 240, ++serial);

test('pressure', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const scans = {
    accepts: ['text', 'file'],
    rollout: [{ model: 'tickets@1' }],
    accept_threshold: 0,
    ocr: 'always',
    deadline: '60s',
  };
  const server = await serve(
    t,
    {
      parser: { workers: 1, queue: 2 },
      endpoints: {
        scans,
        ...Object.fromEntries(patience.map((s) => [`patient-${s}`, { ...scans, deadline: `${s}s`, infer_timeout: '100ms' }])),
        hurried: { ...scans, deadline: '300ms', infer_timeout: '100ms' },
      },
    },
    { store },
  );
  const record = async (id) =>
    until('the record', async () => {
      const reply = await server.get(`/v1/requests/${id}`);
      return reply.status === 200 && reply.json;
    });

  await t.test('what is read of a page by the deadline is answered, and said to be a part', async () => {
    // On a machine that is busy with other things the answer may come too late: then it is the 504 below, and one that
    // may take longer is asked for the next.
    let reply;
    for (const seconds of patience) {
      reply = await server.predict(`patient-${seconds}`, scribbles(1200, 1600, ++serial), image);
      if (reply.status === 200) {
        assert.ok(reply.json.latency_ms < 1000 * seconds, reply.text);
        break;
      }
      assert.equal(reply.json.error.code, 'deadline_exceeded', reply.text);
    }
    assert.equal(reply.status, 200, reply.text);
    assert.equal(reply.json.document.partial, true, reply.text);
  });

  await t.test("beyond the endpoint's deadline: 504, which says where the time went", async () => {
    const busy = server.parsing();
    let over = false;
    const before = server.predict('scans', long(), { ...image, agent: false }).finally(() => (over = true));
    await busy(); // the only parser has it now
    const error = await server.refused('hurried', short(), 504, 'deadline_exceeded', image);
    assert.ok(!over, 'nobody waited for a free parser');
    assert.match(error.message, /300 ms.*"read"|time was over before a parser process was free/);
    assert.equal((await record(error.request_id)).error.code, 'deadline_exceeded');
    assert.equal((await server.answer('hurried', { text: billingText })).decision, 'accepted');
    assert.equal((await before).status, 200);
  });

  await t.test('when too many files wait: 503 for those beyond, answers for the others', async () => {
    const replies = await Promise.all(Array.from({ length: 8 }, () => server.predict('scans', short(), image)));
    const refused = replies.filter((reply) => reply.status !== 200);
    assert.ok(refused.length >= 1 && refused.length <= 6, replies.map((reply) => reply.status).join());
    for (const reply of refused) {
      assert.equal(`${reply.status} ${reply.json.error.code}`, '503 overloaded', reply.text);
      assert.ok(Number(reply.headers['retry-after']) >= 1, 'it says when to come again');
    }
    assert.equal((await server.predict('scans', short(), image)).status, 200);
  });

  await t.test('a client that leaves while its file is read frees the parser, and is recorded', async () => {
    const id = `left-${process.pid}`;
    const headers = { ...image.headers, 'x-request-id': id };
    const busy = server.parsing(),
      leaving = new AbortController();
    const left = assert.rejects(server.predict('scans', long(), { headers, agent: false, signal: leaving.signal }));
    await busy();
    leaving.abort();
    await left;
    const kept = await record(id);
    assert.deepEqual([kept.status, kept.decision, kept.error.code], [499, 'rejected', 'cancelled']);
    assert.match(kept.error.message, /left.*"(extract|read)"/);
    assert.equal((await server.predict('scans', short(), image)).status, 200);
  });

  await t.test('texts are answered while the parsers are busy', async () => {
    const busy = server.parsing();
    let over = false;
    const slow = server.predict('scans', long(), { ...image, agent: false }).finally(() => (over = true));
    await busy();
    for (let i = 0; i < 20; i++) await server.answer('scans', { text: `${billingText} ${i}` });
    assert.ok(!over, 'they did not wait for it');
    assert.equal((await slow).status, 200);
  });

  await t.test('a page without a word is no reason to guess: unsure, or unreadable', async () => {
    const reply = await server.predict('scans', png(600, 800), { headers: { 'content-type': 'image/png' } });
    if (reply.status === 200) assert.ok(reply.json.confidence < 0.6, reply.text);
    else assert.equal(reply.json.error.code, 'document_unreadable', reply.text);
  });

  await t.test('many connections at once, each with its own answer', async () => {
    const replies = await Promise.all(
      Array.from({ length: 400 }, (_, i) =>
        server.predict(
          'scans',
          { text: `${billingText} at once ${i}` },
          { agent: false, headers: { 'x-request-id': `once-${i}` } },
        ),
      ),
    );
    for (const [i, reply] of replies.entries())
      assert.equal(`${reply.status} ${reply.json.request_id}`, `200 once-${i}`);
  });
  await server.healthy();
});
