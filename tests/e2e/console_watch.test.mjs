// The console's pages of what is known: an alert that really fires, the incident that it opens, and monitors with windows of real
// requests. A window closes when the server ends, so a restart stands for the minute that nobody wants to wait for.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { absent, axe, launch, visit } from './browser.mjs';
import { folder, serve, storeWithModels, until } from './penstock.mjs';
import { webhook } from './receivers.mjs';
import { dice, texts } from './samples.mjs';

const tickets = { owner: 'team-tickets', rollout: [{ model: 'tickets@1' }], cache: false, monitors: { samples: 200 } };
const shop = { kind: 'chat', owner: 'team-shop', cache: false, rollout: [{ upstream: 'dead', model: 'any' }] };

async function inLanes(count, work, lanes = 8) {
  let next = 0;
  await Promise.all(Array.from({ length: lanes }, async () => {
    while (next < count) await work(next++);
  }));
}

// Requests as in training, then some that are like nothing in it.
async function drifted(server) {
  const said = texts(300, 5).slice(1).map(([text]) => text), roll = dice(3);
  await inLanes(300, (i) => server.answer('tickets', { text: said[i % said.length] }));
  await inLanes(500, () => server.answer('tickets', { text: Array.from({ length: 9 }, () => roll(1 << 30).toString(36)).join(' ') }));
}

const shopFails = (server) => inLanes(20, () => server.request('POST', '/v1/chat/completions', { body: { model: 'shop', messages: [{ role: 'user', content: 'Hello?' }] }, check: false }));

test('what is known, in a browser', { skip: absent, timeout: 400_000 }, async (t) => {
  const hook = await webhook(t);
  const store = await storeWithModels(t);
  const env = { FIRST: `${hook.url}/first`, BOSS: `${hook.url}/boss` };
  const config = {
    limits: { rate: 100_000 },
    upstreams: { dead: { kind: 'openai', url: 'http://127.0.0.1:1/v1', retry: { attempts: 1 } } },
    endpoints: { tickets, shop },
    alerts: { interval: '100ms', group_wait: '100ms', group_interval: '200ms', receivers: { first: { kind: 'webhook', url: '${env:FIRST}' }, boss: { kind: 'webhook', url: '${env:BOSS}', after: '24h' } } },
  };
  const before = await serve(t, config, { store, dir: folder(t), env });
  if (!/<div id="app">/.test((await before.get('/console', { check: false })).text)) return t.skip('built without the parts of the console');
  await drifted(before);
  await before.stop();
  const server = await serve(t, config, { store, dir: folder(t), env });
  await shopFails(server);
  const { json: opened } = await hook.arrived('opened', (m) => m.json?.incident?.endpoint === 'shop' && m.json.notice === 'opened');
  const address = `/v1/admin/incidents/${opened.incident.id}`;
  const report = async () => (await server.get(address)).json;
  const { context, page, open } = await (await launch(t), visit(t, server, { expected: /status of 409/ }));
  const dialog = page.getByRole('dialog');
  const act = async (button, why, confirm = button) => {
    await page.getByRole('button', { name: button, exact: true }).click();
    await dialog.getByRole('textbox').fill(why);
    await dialog.getByRole('button', { name: confirm, exact: true }).click();
  };

  await t.test('an alert fires, is silenced with a reason, and is heard again', async () => {
    const alert = async () => (await server.get('/v1/admin/alerts?endpoint=shop')).json.data.find(({ monitor }) => monitor === 'availability_fast');
    await open('#/alerts');
    const row = page.getByRole('row').filter({ hasText: 'Errors use the budget up' }).filter({ hasText: 'shop' }).first();
    await row.getByText('firing', { exact: true }).waitFor();
    await axe(page);
    await row.getByRole('button', { name: 'Silence' }).click();
    await dialog.getByRole('combobox').selectOption({ label: 'four hours' });
    await dialog.getByLabel('Why').fill('the shop is being moved');
    await axe(page);
    await dialog.getByRole('button', { name: 'Silence' }).click();
    await page.getByRole('heading', { name: 'Silences' }).waitFor();
    const [silence] = (await server.get('/v1/admin/alerts/silences')).json.data;
    assert.deepEqual([silence.endpoint, silence.monitor, silence.why], ['shop', 'availability_fast', 'the shop is being moved']);
    const hours = (Date.parse(silence.until) - Date.now()) / 3_600_000;
    assert.ok(hours > 3.9 && hours <= 4, `${hours} hours`);
    await until('quiet', async () => (await alert()).muted);
    await page.getByRole('button', { name: 'End it' }).click();
    await page.getByRole('heading', { name: 'Silences' }).waitFor({ state: 'detached' });
    await until('heard', async () => !(await alert()).muted);
  });

  await t.test('a test message is sent to every receiver, and what came of it is shown', async () => {
    await page.getByRole('button', { name: 'Send a test message' }).click();
    await page.getByText('2 test messages are on the way').waitFor();
    for (const name of ['/first', '/boss']) await hook.arrived(name, (m) => m.url.endsWith(name) && m.json.notice === 'test');
    await open('#/alerts');
    const messages = page.getByRole('table', { name: 'Messages' });
    await messages.getByRole('row').filter({ hasText: 'boss' }).getByText('delivered').waitFor();
  });

  await t.test('an incident is taken on, handed on, written about, and ends in a post-mortem', async () => {
    await open('#/incidents');
    await page.getByRole('row').filter({ hasText: 'shop' }).getByRole('link').first().click();
    await page.getByRole('heading', { name: 'What happened' }).waitFor();
    await page.getByText('team-shop').first().waitFor();
    await act('Take it on', 'looking');
    await page.locator('.page > header').getByText('acknowledged', { exact: true }).waitFor();
    assert.equal(await page.getByRole('button', { name: 'Take it on' }).count(), 0, 'it is taken');
    await act('Escalate', 'over my head');
    const told = await hook.arrived('escalated', (m) => m.url.endsWith('/boss') && m.json.notice === 'escalated');
    assert.equal(told.json.incident.id, opened.incident.id);
    await page.getByRole('button', { name: 'Take it on' }).waitFor();
    await act('Write a note', 'the provider’s <b>address</b> is wrong');
    await page.getByText('the provider’s <b>address</b> is wrong').waitFor();
    await act('Resolve', 'gone');
    await dialog.getByRole('alert').getByText(/still measured and not good/).waitFor();
    await axe(page);
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Draft a post-mortem' }).click();
    assert.match(await page.getByLabel('The draft').innerText(), /^# Post-mortem: shop, P1 unavailable[^]*over my head/);
    const [saved] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Save' }).click()]);
    assert.equal(saved.suggestedFilename(), `incident-${opened.incident.id}.md`);
    assert.match(fs.readFileSync(await saved.path(), 'utf8'), /over my head/);
    await axe(page);
    const { shop: gone, ...endpoints } = config.endpoints;
    await server.reload({ ...server.config, endpoints }); // nobody measures it any more
    await until('what is not measured', async () => (await report()).alerts.every(({ sight, state }) => sight === 'not measured' || state === 'resolved'));
    await act('Resolve', 'the shop was closed');
    await until('the end', async () => (await report()).incident.state === 'resolved');
    await open('#/incidents?state=all');
    await page.getByRole('row').filter({ hasText: 'shop' }).getByText('resolved', { exact: true }).waitFor();
  });

  await t.test('what drifts is shown beside its reference, and how it went as a line', async () => {
    await open('#/monitors');
    const row = page.getByRole('table', { name: 'Monitors of tickets' }).getByRole('row').filter({ hasText: 'breached' }).filter({ hasText: 'unseen_words' });
    await row.getByRole('link').first().click();
    await page.locator('.chart canvas').waitFor();
    assert.match(await page.locator('.chart').getAttribute('aria-label'), /^Input drift over time: last 0\.\d+, expected .*, limit 0\.100$/);
    const inked = await page.locator('.chart canvas').evaluate((canvas) => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((value, i) => i % 4 === 3 && value > 0));
    assert.ok(inked, 'something is drawn');
    const words = page.locator('figure').filter({ hasText: 'Unseen words' });
    const [, now, reference] = /≥ [^:]*: now ([\d.]+)\s*%, reference ([\d.]+)\s*%[^;]*$/.exec(await words.getByRole('img').getAttribute('aria-label'));
    assert.ok(Number(now) > 40 && Number(reference) < 10, `${now} % now, ${reference} % in training`);
    await axe(page);
  });
  await context.close();
});
