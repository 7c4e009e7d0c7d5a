// Predictions: every way to send an input, and what the answer says.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { multipart, serve, shared, storeWithModels } from './penstock.mjs';
import { billingText, dice, pdf } from './samples.mjs';

const receiptText = [
  'RECEIPT No 4711',
  'please refund my payment',
  'the invoice shows the wrong amount',
  'i was charged twice',
];

function assertAnswer(answer, { endpoint, model, labels, type }) {
  assert.equal(answer.endpoint, endpoint);
  assert.equal(answer.model, model);
  assert.ok(labels.includes(answer.prediction), JSON.stringify(answer));
  assert.equal(answer.labels[0].label, answer.prediction);
  assert.equal(answer.labels[0].confidence, answer.confidence);
  assert.deepEqual(
    [...answer.labels].sort((a, b) => b.confidence - a.confidence),
    answer.labels,
  );
  assert.equal(answer.document?.type, type);
  const spent = Object.values(answer.stages).reduce((sum, ms) => sum + ms, 0);
  assert.ok(spent <= answer.latency_ms + 1, `stages take ${spent} ms, the whole ${answer.latency_ms} ms`);
}

const ticketLabels = ['billing', 'delivery', 'technical'];

test('predictions', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const server = await serve(
    t,
    {
      pricing: { cpu_hour_usd: 0.05 },
      endpoints: {
        tickets: { rollout: [{ model: 'tickets' }], accept_threshold: 0, text_max: '2MB' },
        papers: { accepts: ['text', 'file'], rollout: [{ model: 'tickets' }], accept_threshold: 0, deadline: '60s' },
        scans: {
          accepts: 'file',
          rollout: [{ model: 'tickets' }],
          accept_threshold: 0,
          deadline: '60s',
          ocr: 'always',
        },
        reviewed: { rollout: [{ model: 'tickets' }], accept_threshold: '100%', review_threshold: '100%' },
      },
    },
    { store },
  );
  const ticket = { endpoint: 'tickets', model: 'tickets@2', labels: ticketLabels };
  const paper = { ...ticket, endpoint: 'papers' };

  await t.test('a text as JSON', async () => {
    const answer = await server.answer('tickets', { text: billingText });
    assertAnswer(answer, ticket);
    assert.equal(answer.prediction, 'billing');
    assert.equal(answer.decision, 'accepted');
    assert.equal(answer.cached, false);
    assert.ok(answer.cost_usd >= 0 && answer.cost_usd < 0.001);
  });

  await t.test('the same as text/plain, as a web form field, and without a type', async () => {
    const plain = await server.answer('tickets', billingText, {
      headers: { 'content-type': 'text/plain; charset=utf-8' },
    });
    const form = await server.answer('tickets', undefined, multipart([{ name: 'text', bytes: billingText }]));
    const bare = await server.answer('tickets', JSON.stringify({ text: billingText }));
    for (const answer of [plain, form, bare]) assert.equal(answer.prediction, 'billing');
  });

  await t.test('a PDF raw and as multipart: its own text is read', async () => {
    const file = pdf(receiptText);
    const raw = await server.answer('papers', file, { headers: { 'content-type': 'application/pdf' } });
    assertAnswer(raw, { ...paper, type: 'application/pdf' });
    assert.equal(raw.prediction, 'billing');
    assert.deepEqual([raw.document.pages, raw.document.ocr, raw.document.scan], [1, false, 'not_scanned']);
    assert.ok('extract' in raw.stages && !('read' in raw.stages));
    const form = await server.answer(
      'papers',
      undefined,
      multipart([
        { name: 'user', bytes: '42' },
        { name: 'file', filename: 'a.pdf', type: 'application/pdf', bytes: file },
      ]),
    );
    assert.equal(form.prediction, 'billing');
    assert.equal(form.cached, true, 'the same bytes by another way are the same input');
  });

  await t.test('a file is judged by its content, whatever it says it is', async () => {
    const file = pdf(['the parcel has not arrived', 'where is my shipment now', 'the courier lost my order']);
    for (const type of ['image/png', 'application/octet-stream', 'application/x-anything']) {
      const answer = await server.answer('papers', file, { headers: { 'content-type': type } });
      assert.equal(answer.document.type, 'application/pdf');
      assert.equal(answer.prediction, 'delivery');
    }
    const text = await server.answer(
      'papers',
      undefined,
      multipart([{ name: 'file', filename: 'scan.png', type: 'image/png', bytes: billingText }]),
    );
    assert.deepEqual([text.document.type, text.prediction], ['text/plain', 'billing']);
  });

  await t.test(
    'a photographed receipt is recognised',
    { skip: !shared('docimg', 'receipt') && 'no docimg in the shared test data' },
    async () => {
      const name = fs.readdirSync(shared('docimg', 'receipt')).find((file) => file.endsWith('.jpg'));
      const photo = fs.readFileSync(shared('docimg', 'receipt', name));
      const answer = await server.answer('scans', photo, { headers: { 'content-type': 'image/jpeg' } });
      assertAnswer(answer, { ...paper, endpoint: 'scans', type: 'image/jpeg' });
      assert.equal(answer.document.ocr, true);
      assert.ok(answer.document.ocr_confidence > 0.2, `recognised with ${answer.document.ocr_confidence}`);
      assert.ok(answer.stages.read > 0);
      assert.ok(answer.cost_usd > 0);
      const quick = await server.answer('papers', photo, { headers: { 'content-type': 'image/jpeg' } });
      assert.equal(quick.document.ocr, true);
      assert.ok(
        quick.document.partial || quick.document.ocr_confidence > 0,
        'what was not read in time is called partial',
      );
    },
  );

  await t.test('text that resembles nothing seen in training is less sure than text that does', async () => {
    const known = await server.answer('tickets', { text: billingText });
    for (const text of ['zxqv wprt mnbl ghjk', '42', 'Η γρήγορη καφέ αλεπού', 'le chat dort sur le canapé bleu']) {
      const strange = await server.answer('tickets', { text });
      assert.ok(strange.confidence < known.confidence, `${text}: ${strange.confidence} against ${known.confidence}`);
    }
  });

  await t.test('long and short texts at once: each gets its own answer', async () => {
    const roll = dice(3);
    const said = {
      billing: 'i was charged twice for the invoice',
      delivery: 'the parcel has not arrived',
      technical: 'the app crashes when i open it',
    };
    const calls = Array.from({ length: 120 }, (_, i) => {
      const label = ticketLabels[i % 3];
      const times = i % 10 === 0 ? 20_000 : 1 + roll(40);
      return {
        label,
        text: Array.from({ length: times }, () => said[label])
          .join(`. ${i} `)
          .slice(0, 1_000_000),
      };
    });
    const replies = await Promise.all(calls.map(({ text }) => server.answer('tickets', { text })));
    for (const [i, answer] of replies.entries())
      assert.equal(answer.prediction, calls[i].label, `request ${i}, ${calls[i].text.length} bytes`);
  });

  await t.test('a review in the midst of others does not hold them up', async () => {
    const replies = await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        server.answer(i % 4 ? 'tickets' : 'reviewed', { text: `${billingText} ${i}` }),
      ),
    );
    for (const [i, answer] of replies.entries()) assert.equal(answer.decision, i % 4 ? 'accepted' : 'review');
  });
});
