// Lets allocations of the running program fail while chats are looked at (repaired, compared, judged, held back) and while
// rules route and answer them. Each is answered as it should be, refused with a reason, or its connection closed; nothing
// leaks, hangs or ends the program, and nobody is given an answer that was not looked at.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { start, user } from '../../e2e/chats.mjs';
import { folder, until } from '../../e2e/penstock.mjs';
import { library, Orders } from './orders.mjs';

const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false };
const right = '{"city":"Ulm"}';
const says = { right: { text: right, logprob: -2 }, wrong: { text: '{"town":"Ulm"}' }, fenced: { text: '```\n' + right + '\n```' } };
const once = { check: false, agent: false, timeout: 120_000 };

async function begin(t) {
  const orders = new Orders(t);
  const file = path.join(folder(t), 'city.json');
  fs.writeFileSync(file, JSON.stringify(schema));
  const rule = path.join(path.dirname(file), 'rule.lua');
  fs.writeFileSync(rule, `function route(r) return r.text == "Where?" and r.metadata.x == nil and {"main/right"} end function answer(r) return '${right}' end`);
  const ruled = { kind: 'chat', cache: false, route: 'rule', route_rule: rule, rollout: [{ upstream: 'main', model: 'right+right', weight: '0%' }, { upstream: 'main', model: 'right', weight: '100%' }] };
  const endpoint = (model, output) => ({ kind: 'chat', cache: false, rollout: [{ upstream: 'main', model }], output });
  const { server } = await start(
    t,
    {
      says,
      upstreamMore: { retry: { attempts: 1 } },
      server: { loops: 1 },
      more: {
        repaired: endpoint('wrong+right+', { schema: file }),
        fenced: endpoint('fenced', { schema: file }),
        agreed: endpoint('right', { schema: file, confidence: 'agreement' }),
        ruled,
        said: { ...endpoint('error500'), fallbacks: [{ rules: rule }] },
        reviewed: endpoint('right', { confidence: 'logprobs', on_review: 'withhold' }),
      },
    },
    { env: orders.environment },
  );
  const script = ['repaired', 'fenced', 'agreed', 'reviewed', 'ruled', 'said'].flatMap((model) => [false, true].map((stream) => [model, stream]));
  const run = async () => {
    const got = [];
    for (const [model, stream] of script) {
      const body = { model, stream, messages: user('Where?') };
      const reply = await server.request('POST', '/v1/chat/completions', { ...once, body }).catch((error) => {
        assert.match(`${error.code} ${error.message}`, /ECONNRESET|EPIPE|socket hang up/);
        return { status: 'closed', text: '' };
      });
      got.push({ model, stream, ...reply });
    }
    return got;
  };
  return { orders, server, run };
}

// An answer is the right one, or the refusal of the one that is withheld; a broken one says why.
function assertHonest(got, when) {
  for (const { model, stream, status, text, json } of got) {
    const where = `${when}: ${model}, stream ${stream}: ${status} ${text}`;
    assert.ok([200, 500, 502, 503, 'closed'].includes(status), where);
    if (status !== 200) continue;
    const wanted = model === 'reviewed' ? /withheld until a person/ : stream ? /Ulm/ : undefined;
    if (wanted) assert.match(text, wanted, where);
    else assert.equal(json.choices[0].message.content, right, where);
    assert.ok(!text.includes('town') && !text.includes('```'), where);
  }
}

async function assertWell({ server, run }, when) {
  await until('recording', async () => (await server.get('/readyz', { agent: false })).status === 200);
  const got = await run();
  assert.deepEqual(got.map(({ status }) => status), got.map(() => 200), `${when}: ${got.map(({ text }) => text.slice(0, 200)).join('\n')}`);
  assertHonest(got, when);
}

test('allocations fail in turn while answers are looked at', { timeout: 600_000 }, async (t) => {
  if (!fs.existsSync(library)) return t.skip(`${library} is not built`);
  const all = await begin(t);
  const { orders, run } = all;
  if (orders.get('allocations') === 0) return t.skip("the program's own allocator stands before the faults (a static sanitizer)");
  for (let i = 0; i < 3; i++) await assertWell(all, 'before any fault');
  const before = orders.get('allocations');
  await run();
  const many = orders.get('allocations') - before;
  assert.ok(many > 50, `${many} allocations`);
  const stride = Math.max(1, Math.ceil(many / 250));
  const end = Date.now() + 75_000;
  let tried = 0;
  for (let n = 1; n <= many && (tried <= 20 || Date.now() < end); n += stride, tried++) {
    orders.set('allocation', n);
    const got = await run();
    orders.set('allocation', 0);
    assertHonest(got, `allocation ${n}`);
    if (tried % 10 === 9) await assertWell(all, `allocation ${n} failed`);
  }
  t.diagnostic(`${many} allocations in the script; ${tried} of them failed, one at a time`);
  assert.ok(tried > 20);
  for (const each of [97, 31, 11, 5]) {
    orders.set('each', each);
    assertHonest(await run(), `each ${each}th allocation`);
    orders.set('each', 0);
    await assertWell(all, `each ${each}th allocation failed`);
  }
});
