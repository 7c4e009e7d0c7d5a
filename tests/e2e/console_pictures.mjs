// Makes the pictures of docs/console: PENSTOCK_BUILD=build node --test tests/e2e/console_pictures.mjs [NAME…], after ./quickstart --check
// has prepared the demonstration. Works on a copy of it, with some minutes of requests of its own: what the pictures show was
// sent to the program and measured by it. One endpoint more leans on an address where nothing answers, so that something fires.
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { absent, launch, visit } from './browser.mjs';
import { folder, multipart, root, serve, sleep, until } from './penstock.mjs';
import { withPalette } from './png_palette.mjs';
import { webhook } from './receivers.mjs';

const pictures = path.resolve(root, process.env.PENSTOCK_PICTURES ?? 'docs/console');
const minutes = Number(process.env.PENSTOCK_PICTURE_MINUTES ?? 4);
const demo = path.join(root, 'demo');
const said = fs.existsSync(demo) ? fs.readFileSync(path.join(demo, 'support.csv'), 'utf8').split('\n').slice(1).map((line) => /^"(.*)",/.exec(line)?.[1] ?? line.split(',')[0]).filter((text) => text.length > 8) : [];
const odd = ['Could someone from the legal department call me back? Otherwise I go to court', 'I have a question about the thing from last week', 'please cancel everything', 'hello?', 'It is too loud and the colour is wrong',
  'Votre colis est arrivé cassé', 'asdf', 'My neighbour took it', 'Is there a branch in Graz?', 'Regarding your invitation to tender of 12 May'];

const failing = `
  assistant:
    kind: chat
    description: Answers customers by the provider's model
    owner: team-assistant@example.com
    cache: false
    rollout:
      - upstream: provider
        model: large
alerts:
  interval: 1s
  group_wait: 0s
  receivers:
    team: {kind: webhook, url: "\${env:HOOK}"}
    head: {kind: webhook, url: "\${env:HOOK}", after: 30m}
`;

function prepare(copy) {
  const file = path.join(copy, 'penstock.yaml');
  const text = fs.readFileSync(file, 'utf8').replace('upstreams:\n', 'upstreams:\n  provider: {kind: openai, url: "http://127.0.0.1:1/v1", retry: {attempts: 1}}\n');
  fs.writeFileSync(file, text.replace(/^( {2}support:\n)/m, '$1    monitors: {samples: 200}\n') + failing);
  return file;
}

const chat = (server, model) => server.request('POST', '/v1/chat/completions', { body: { model, messages: [{ role: 'user', content: 'Hello?' }] }, check: false });

async function documents(server) {
  const holdout = path.join(demo, 'holdout');
  for (const name of fs.readdirSync(holdout).filter((file) => /\.(jpg|pdf)$/.test(file)).slice(0, 14)) {
    const { body, headers } = multipart([{ name: 'file', filename: name, bytes: fs.readFileSync(path.join(holdout, name)) }]);
    await server.request('POST', '/v1/endpoints/documents/predict', { body, headers, check: false });
  }
}

// Minutes of requests: as in training at first, then more and more that are not.
async function traffic(server) {
  let sent = 0;
  for (let round = 0; round < minutes * 6; round++) {
    const strange = Math.max(0, round / (minutes * 6) - 0.4);
    for (let i = 0; i < 100; i++, sent++) {
      const text = (i * 7) % 100 < strange * 100 ? `${odd[i % odd.length]} ${said[(sent * 3) % said.length].split(' ')[0]}` : said[(sent * 7) % said.length];
      await server.answer('support', { text: i % 3 ? text : `${text} Thanks!` });
    }
    for (let i = 0; i < 3; i++) await server.request('POST', '/v1/endpoints/documents/predict', { body: { text: `${said[round * 3 + i]}` }, check: false });
    await chat(server, 'simulator');
    if (round > minutes * 3) for (let i = 0; i < 6; i++) await chat(server, 'assistant');
    await sleep(10_000);
  }
}

async function rollout(server) {
  const begun = await server.request('POST', '/v1/admin/rollouts', { check: false,
    body: { endpoint: 'documents', candidate: 'support@1', kind: 'canary', steps: '10,50', why: 'a picture for the documentation', override: 'nobody is served by this' } });
  return begun.json.id;
}

// What is done on a page before its picture is taken.
const acts = {
  async monitor(page) {
    await page.locator('figure').first().waitFor();
    await page.locator('.chart').evaluate((chart) => chart.closest('section').scrollIntoView());
    await page.getByRole('heading', { name: 'Reference against now' }).scrollIntoViewIfNeeded();
    await page.mouse.wheel(0, 420);
  },
  async try(page) {
    await page.getByRole('button', { name: 'File' }).click();
    await page.locator('input[type=file]').setInputFiles(path.join(demo, 'holdout/receipt-001.jpg'));
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByRole('heading', { name: 'Where the time went' }).waitFor();
  },
  async chat(page) {
    await page.getByLabel('Message').fill('What can you tell me about order 20417?');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Where the time went' }).waitFor();
  },
};

const began = Date.now();

async function shots(server, rolloutId) {
  const data = async (address) => (await server.get(address)).json.data;
  const [request] = await data('/v1/admin/requests?endpoint=documents&limit=1');
  const waiting = await data('/v1/review?endpoint=documents&limit=1000');
  const own = waiting.filter(({ created }) => Date.parse(created) > began); // the demonstration may have been tried with others
  const item = own.find(({ input }) => /^image/.test(input.type ?? '')) ?? own[0];
  const [incident] = await data('/v1/admin/incidents');
  return [['overview', '#/overview'], ['endpoint', '#/endpoints/documents'], ['requests', '#/requests'], ['request', `#/requests/${request.request_id}`], ['try', '#/try/documents', acts.try],
    ['chat', '#/try/simulator', acts.chat], ['review', `#/review/${item.id}`], ['rollouts', '#/rollouts'], ['rollout', `#/rollouts/${rolloutId}`], ['monitors', '#/monitors'],
    ['monitor', '#/monitors/support?monitor=input_drift&part=unseen_words&span=3600', acts.monitor], ['costs', '#/costs'], ['alerts', '#/alerts'], ['incidents', '#/incidents'], ['incident', `#/incidents/${incident.id}`], ['audit', '#/audit']];
}

const take = async ({ page, open }, name, hash, act) => {
  await open(hash);
  await act?.(page);
  await page.waitForLoadState('networkidle');
  await page.waitForTimeout(300);
  fs.writeFileSync(path.join(pictures, `${name}.png`), withPalette(await page.screenshot()));
};

test('pictures', { skip: absent || (!fs.existsSync(demo) && 'the demonstration is not prepared: ./quickstart --check'), timeout: 1_200_000 }, async (t) => {
  const copy = folder(t), hook = await webhook(t);
  fs.cpSync(demo, copy, { recursive: true });
  fs.mkdirSync(pictures, { recursive: true });
  const file = prepare(copy), env = { HOOK: hook.url };
  const first = await serve(t, {}, { dir: copy, file, env });
  await documents(first);
  const rolloutId = await rollout(first);
  await traffic(first);
  await first.stop(); // its last window closes
  const server = await serve(t, {}, { dir: copy, file, env });
  for (let i = 0; i < 60; i++) await server.answer('support', { text: said[i * 5] });
  for (let i = 0; i < 24; i++) await chat(server, 'assistant');
  await documents(server);
  await until('an incident', async () => (await server.get('/v1/admin/incidents')).json.data.length, 90_000);
  await launch(t);
  const all = await shots(server, rolloutId);
  const look = async (suffix, names, options) => {
    const visitor = await visit(t, server, { height: 800, expected: /status of 404/, ...options });
    for (const [name, hash, act] of all) if (names === true || names.includes(name)) await take(visitor, `${name}${suffix}`, hash, act);
    await visitor.context.close();
  };
  const every = Boolean(process.env.PENSTOCK_PICTURES); // to be looked at, and not kept
  await look('', true);
  await look('-dark', every || ['overview', 'endpoint', 'monitor'], { scheme: 'dark' });
  await look('-phone', every || ['overview', 'review', 'incident'], { width: 375 });
});
