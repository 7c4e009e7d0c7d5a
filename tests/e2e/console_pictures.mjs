// Makes the pictures of docs/console: PENSTOCK_BUILD=build node --test tests/e2e/console_pictures.mjs, after ./quickstart --check has
// prepared the demonstration. Works on a copy of it, with some minutes of requests of its own.
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { absent, launch, visit } from './browser.mjs';
import { folder, multipart, root, serve, sleep } from './penstock.mjs';

const pictures = path.join(root, 'docs/console');
const demo = path.join(root, 'demo');
const said = (name) => fs.readFileSync(path.join(demo, 'support.csv'), 'utf8').split('\n').slice(1, 400).map((line) => /^"(.*)",/.exec(line)?.[1] ?? line.split(',')[0]).filter((text) => text.length > 8);
const odd = ['I have a question about the thing from last week', 'Could someone from the legal department call me back? Otherwise I go to court', 'please cancel everything', 'hello?', 'It is too loud and the colour is wrong'];

async function traffic(server) {
  const texts = said();
  for (let i = 0; i < 240; i++) await server.answer('support', { text: `${texts[(i * 7) % texts.length]}${i % 3 ? '' : ' Thanks!'}` });
  for (const text of odd) await server.answer('support', { text });
  const holdout = path.join(demo, 'holdout');
  for (const name of fs.readdirSync(holdout).filter((file) => /\.(jpg|pdf)$/.test(file)).slice(0, 14)) {
    const { body, headers } = multipart([{ name: 'file', filename: name, bytes: fs.readFileSync(path.join(holdout, name)) }]);
    await server.request('POST', '/v1/endpoints/documents/predict', { body, headers, check: false });
  }
  await server.request('POST', '/v1/endpoints/documents/predict', { body: { text: 'Dear neighbours, the balance of the receipt is an agreement.' }, check: false });
  await server.request('POST', '/v1/chat/completions', { body: { model: 'simulator', messages: [{ role: 'user', content: 'Hello?' }] }, check: false });
  await server.request('POST', '/v1/endpoints/support/predict', { body: { text: '' }, check: false });
}

// A rollout under way, and a minute's end, after which monitors speak.
async function change(server) {
  const begun = await server.request('POST', '/v1/admin/rollouts', { check: false,
    body: { endpoint: 'documents', candidate: 'support@1', kind: 'canary', steps: '10,50', why: 'a picture for the documentation', override: 'nobody is served by this' } });
  for (let i = 0; i < 60; i++) {
    await server.answer('support', { text: `${said()[i * 3]} Number ${i}.` });
    await server.request('POST', '/v1/endpoints/documents/predict', { body: { text: `${said()[i]} Number ${i}.` }, check: false });
  }
  await sleep(62_000);
  return begun.json;
}

// What is done on a page before its picture is taken.
const acts = {
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

test('pictures', { skip: absent || (!fs.existsSync(demo) && 'the demonstration is not prepared: ./quickstart --check'), timeout: 600_000 }, async (t) => {
  const copy = folder(t);
  fs.cpSync(demo, copy, { recursive: true });
  fs.mkdirSync(pictures, { recursive: true });
  const server = await serve(t, {}, { dir: copy, file: path.join(copy, 'penstock.yaml') });
  await traffic(server);
  const rollout = await change(server);
  const request = (await server.get('/v1/admin/requests?endpoint=documents&limit=1')).json.data[0];
  const document = (await server.get('/v1/review?endpoint=documents')).json.data[0];
  await launch(t);
  const shots = [['overview', '#/overview'], ['endpoint', '#/endpoints/documents'], ['requests', '#/requests'], ['request', `#/requests/${request.request_id}`], ['try', '#/try/documents', acts.try],
    ['chat', '#/try/simulator', acts.chat], ['review', document ? `#/review/${document.id}` : '#/review'], ['rollouts', '#/rollouts'], ['rollout', `#/rollouts/${rollout.id}`], ['monitors', '#/monitors'], ['monitor', '#/monitors/support?monitor=confidence&span=3600'],
    ['costs', '#/costs'], ['alerts', '#/alerts'], ['incidents', '#/incidents'], ['audit', '#/audit']];
  const take = async ({ page, open }, name, hash, act) => {
    await open(hash);
    await act?.(page);
    await page.waitForLoadState('networkidle');
    await page.waitForTimeout(300);
    await page.screenshot({ path: path.join(pictures, `${name}.png`) });
  };
  const light = await visit(t, server, { height: 800, expected: /status of 404/ });
  for (const [name, hash, act] of shots) await take(light, name, hash, act);
  const dark = await visit(t, server, { height: 800, scheme: 'dark' });
  await take(dark, 'overview-dark', '#/overview');
  await take(dark, 'endpoint-dark', '#/endpoints/support');
  const phone = await visit(t, server, { width: 390, height: 800 });
  await take(phone, 'overview-phone', '#/overview');
  await take(phone, 'review-phone', '#/review');
  await take(phone, 'monitors-phone', '#/monitors');
});
