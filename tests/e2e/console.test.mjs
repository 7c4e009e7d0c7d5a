// The page at /console: how it is served, and what people do with it in a real browser.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { gunzipSync } from 'node:zlib';
import { absent, axe, launch, visit } from './browser.mjs';
import { billingText, pdf } from './samples.mjs';
import { createKey, serve, storeWithModels, until } from './penstock.mjs';

const tickets = { accepts: ['text'], description: 'What customers write', rollout: [{ model: 'tickets@1' }], keep_inputs: 'review', retention: '1d', fallbacks: [{ review: true }] };
const papers = { accepts: ['file', 'text'], rollout: [{ model: 'tickets@1' }], keep_inputs: 'review', retention: '1d', fallbacks: [{ review: true }] };
const claims = { ...tickets, actions: [{ name: 'billing', policy: 'approval' }] };
const assistant = { kind: 'chat', rollout: [{ upstream: 'local', model: 'echo' }] };
const config = (store, more) => ({
  store: { path: store }, upstreams: { local: { kind: 'simulator' } }, endpoints: { tickets, papers, claims, assistant }, ...more,
});
const unsure = ['something else altogether', 'the court of the king', '<img src=x onerror=alert(1)> & <b>bold</b>'];
const page = (server, path = '/console', headers = {}) => server.get(path, { check: false, headers });

// A program that was built without the parts from npm serves a page that says so, and there is nothing more to test.
const hasPage = async (server) => /<div id="app">/.test((await page(server)).text);

test('the page is served to be kept, and closed to everything from elsewhere', async (t) => {
  const server = await serve(t, { endpoints: {} });
  const index = await page(server);
  assert.equal(index.status, 200);
  assert.equal(index.headers['content-type'], 'text/html; charset=utf-8');
  assert.equal(index.headers['cache-control'], 'no-cache');
  const policy = index.headers['content-security-policy'];
  for (const part of [/default-src 'none'/, /script-src 'self';/, /style-src 'self';/, /frame-ancestors 'none'/, /base-uri 'none'/]) assert.match(policy, part);
  assert.doesNotMatch(policy, /unsafe|\*/);
  assert.equal(index.headers['x-content-type-options'], 'nosniff');
  assert.equal(index.headers['referrer-policy'], 'same-origin');
  assert.equal((await page(server, '/console', { 'if-none-match': `"other", ${index.headers.etag}` })).status, 304);
  assert.equal((await page(server, '/console', { 'if-none-match': '"other"' })).status, 200);
  assert.equal((await page(server, '/')).headers.location, '/console');
  assert.equal((await page(server, '/console/')).headers.location, '/console');
  assert.equal((await server.request('POST', '/console', { check: false })).status, 405);
  if (!(await hasPage(server))) return t.diagnostic('built without the parts of the console');
  assert.doesNotMatch(index.text, /<script(?![^>]* src=)/, 'no inline script');
  const assets = [...index.text.matchAll(/(?:src|href)="(\/console\/assets\/[^"]+)"/g)].map(([, path]) => path);
  assert.ok(assets.length > 10);
  for (const path of assets) {
    const whole = await page(server, path), packed = await page(server, path, { 'accept-encoding': 'br, gzip;q=0.8' });
    assert.equal(whole.status, 200, path);
    assert.match(whole.headers['cache-control'], /max-age=31536000, immutable/);
    assert.equal(whole.headers['content-encoding'], undefined);
    if (packed.headers['content-encoding']) assert.ok(gunzipSync(packed.body).equals(whole.body), path);
    assert.doesNotMatch(whole.text, /https?:\/\/(?!www\.w3\.org\/)[^"' ]*\.(js|css|woff2?|png)/, `${path} needs nothing from elsewhere`);
  }
  const script = assets.find((path) => path.endsWith('.js'));
  assert.equal((await page(server, script, { 'accept-encoding': 'gzip;q=0' })).headers['content-encoding'], undefined);
  for (const path of [script.replace(/assets\/\w+/, 'assets/0123456789abcdef'), '/console/assets/x/../app.js', script.replace(/\w+\.js$/, 'none.js')])
    assert.equal((await page(server, path)).status, 404, path);
});

test('in a browser', { skip: absent, timeout: 600_000 }, async (t) => {
  const store = await storeWithModels(t);
  const server = await serve(t, config(store));
  if (!(await hasPage(server))) return t.skip('built without the parts of the console: scripts/packages, then build again');
  await launch(t);
  const { page, open, expect } = await visit(t, server); // one for all: a window of its own for each costs a second each

  await t.test('a text is tried, and its stages and its record are shown', async () => {
    await open('#/try/tickets');
    await page.getByLabel('Text').fill('my card was charged twice and I want the amount back');
    await page.keyboard.press('Control+Enter');
    await page.getByRole('heading', { name: 'Where the time went' }).waitFor();
    assert.ok((await page.locator('.fall li').allInnerTexts()).some((line) => /infer[^]*ms/.test(line)), 'each stage has its milliseconds');
    await axe(page);
    const link = page.getByRole('link', { name: /…$/ });
    const id = await link.getAttribute('title');
    await until('the record', async () => (await server.get(`/v1/requests/${id}`)).status === 200);
    await link.click();
    await page.getByRole('heading', { name: 'What came of it' }).waitFor();
    await page.getByText(id, { exact: true }).waitFor();
    await axe(page);
  });

  await t.test('a file is dropped, read, and reviewed beside what was read in it', async () => {
    await open('#/try/papers');
    await page.getByRole('button', { name: 'File' }).click();
    const drop = async (bytes, name, type) => {
      const transfer = await page.evaluateHandle(([content, called, kind]) => {
        const data = new DataTransfer();
        data.items.add(new File([Uint8Array.from(content)], called, { type: kind }));
        return data;
      }, [[...bytes], name, type]);
      await page.locator('label.drop').dispatchEvent('drop', { dataTransfer: transfer });
      await page.getByText(name).waitFor();
      await page.getByRole('button', { name: 'Send' }).click();
    };
    await drop(pdf([billingText]), 'letter.pdf', 'application/pdf');
    await page.getByRole('heading', { name: 'Where the time went' }).waitFor();
    assert.match((await page.locator('.fall').innerText()), /extract/);
    assert.match(await page.locator('.verdict').innerText(), /billing/);
  });

  await t.test('a file that is none gets the reason, and what to do', async () => {
    expect(/status of 4/);
    await open('#/try/papers');
    await page.getByRole('button', { name: 'File' }).click();
    await page.locator('input[type=file]').setInputFiles({ name: 'x.pdf', mimeType: 'application/pdf', buffer: Buffer.concat([Buffer.from('7f454c4602010100000000000000000002003e0001000000', 'hex'), Buffer.alloc(400)]) });
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByRole('alert').getByText('unsupported_file_type').waitFor();
    await axe(page);
    expect();
  });

  await t.test('a rollout is begun, rolled back, begun again and promoted, each with a reason', async () => {
    const serving = async () => (await server.get('/v1/endpoints')).json.data.find(({ name }) => name === 'tickets').rollout.map(({ model }) => model).join();
    const begin = async () => {
      await open('#/rollouts');
      await page.getByRole('button', { name: 'Begin a rollout' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Endpoint').selectOption('tickets');
      await dialog.getByLabel(/^Candidate/).fill('tickets@2');
      await dialog.getByLabel(/^Why/).fill('a drill');
      await dialog.getByText('More', { exact: true }).click();
      await dialog.getByLabel(/^Without a passed evaluation/).fill('a test');
      await axe(page);
      await dialog.getByRole('button', { name: 'Begin' }).click();
      await page.getByRole('heading', { name: 'tickets@1 → tickets@2' }).waitFor();
      await until('both serve', async () => (await serving()).includes('tickets@2'));
    };
    const end = async (button, state) => {
      await page.getByRole('button', { name: button }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('button', { name: 'Cancel' }).click(); // nothing happens unless it is confirmed
      assert.match(await serving(), /tickets@1,tickets@2|tickets@2,tickets@1/);
      await page.getByRole('button', { name: button }).click();
      await dialog.getByLabel(/^Why/).fill(`because of ${state}`);
      await dialog.getByRole('button', { name: button }).click();
      await page.getByText(state, { exact: true }).waitFor();
      await axe(page);
    };
    await begin();
    await end('Roll back', 'rolled back');
    await until('tickets@1 alone', async () => (await serving()) === 'tickets@1');
    await begin();
    await end('Promote', 'promoted');
    await until('tickets@2 alone', async () => (await serving()) === 'tickets@2');
    const outcomes = (await server.get('/v1/admin/history?endpoint=tickets')).json.data.map(({ why }) => why).join('; ');
    assert.match(outcomes, /because of promoted[^]*because of rolled back/);
    await page.getByRole('button', { name: 'Roll back' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel(/^Why/).fill('the end of the drill');
    await dialog.getByRole('button', { name: 'Roll back' }).click();
    await until('tickets@1 again', async () => (await serving()) === 'tickets@1');
  });

  await t.test('a chat is streamed, and the simulator is called one', async () => {
    expect(/status of 404/); // of a record that is not written yet
    await open('#/try/assistant');
    await page.getByText('simulator', { exact: true }).waitFor();
    await page.getByLabel('Message').fill('Hello there');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Where the time went' }).waitFor();
    assert.match(await page.locator('.said.assistant').innerText(), /Hello there/);
    await axe(page);
    await server.request('POST', '/v1/admin/rollouts', { body: { endpoint: 'assistant', candidate: 'local/parrot', kind: 'canary', why: 'a drill', override: 'a test' } });
    for (const [place, name] of [['#/rollouts', 'row'], ['#/overview', 'row'], ['#/endpoints', 'row'], ['#/endpoints/assistant', 'table'], ['#/requests?endpoint=assistant', 'row'], ['#/costs?by=model', 'row']]) {
      await open(place);
      await page.getByRole(name).filter({ hasText: 'local/echo' }).first().getByText('simulator', { exact: true }).first().waitFor();
    }
    expect();
  });

  await t.test('an endpoint is shown with its stages, and switched to people and back', async () => {
    await open('#/overview');
    await page.getByRole('link', { name: 'tickets' }).click();
    await page.getByRole('heading', { name: 'Pipeline' }).waitFor();
    assert.match(await page.locator('.pipeline').innerText(), /authenticate[^]*infer[^]*ms[^]*decide/);
    await axe(page);
    const state = async () => (await server.get('/v1/admin/endpoints/tickets/switch')).json;
    for (const [button, to] of [['To people', 'people'], ['Automatic', 'auto']]) {
      await page.getByRole('button', { name: button }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel(/^Why/).fill('a drill');
      await axe(page);
      await dialog.getByRole('button', { name: button }).click();
      await until(to, async () => (await state()).to === to);
      assert.equal((await state()).reason, 'a drill');
      await dialog.waitFor({ state: 'detached' });
    }
    await open('#/audit');
    await page.getByText('a drill').first().waitFor();
    await open('#/requests?endpoint=tickets');
    await page.getByRole('cell', { name: '200' }).first().waitFor();
  });

  await t.test('review by the keyboard alone', async () => {
    for (const text of unsure) assert.equal((await server.answer('tickets', { text })).decision, 'review');
    const items = (await server.get('/v1/review')).json.data;
    const status = async (item) => (await server.get(`/v1/review/items/${item.id}`)).json;
    const document = page.locator('pre.document');
    // The item that is shown, once it is another one than `before`.
    const another = (before) => until('another item', async () => {
      const text = await document.innerText();
      return text !== before?.input.text && items.find(({ input }) => input.text === text);
    });
    const back = (item) => until(item.input.text, async () => (await document.innerText()) === item.input.text);
    const [first] = items.slice(-1); // markup, which is shown as text
    await open(`#/review/${first.id}`);
    await back(first);
    assert.equal((await status(first)).claim.yours, true, 'who sees an item has it');
    await axe(page);
    await page.keyboard.press('j');
    await another(first);
    await page.keyboard.press('k');
    await back(first);
    await page.evaluate(() => (globalThis.undoMs = 600_000));
    await page.keyboard.press('2'); // the second candidate
    await another(first);
    await page.keyboard.press('u'); // taken back before it was written
    await back(first);
    assert.equal((await status(first)).status, 'open');
    await page.evaluate(() => (globalThis.undoMs = 100));
    await page.keyboard.press('2');
    const second = await another(first);
    await page.keyboard.press('s');
    const third = await another(second);
    await page.keyboard.press('n');
    await page.keyboard.type('says 2 thanks'); // digits and letters are text here
    await page.keyboard.press('Escape');
    await page.keyboard.press('f');
    await page.getByRole('textbox', { name: 'Name of a field' }).first().and(page.locator(':focus')).waitFor();
    await page.keyboard.type('customer');
    await page.keyboard.press('Tab');
    await page.keyboard.type('4711');
    await page.keyboard.press('Escape');
    await axe(page);
    await page.keyboard.press('/');
    await page.keyboard.type('praise');
    await page.keyboard.press('Enter');
    await until('both labels', async () => (await status(first)).label === first.labels[1].label && (await status(third)).label === 'praise');
    assert.deepEqual([(await status(third)).note, (await status(third)).fields], ['says 2 thanks', { customer: '4711' }]);
    assert.deepEqual([(await status(first)).note, (await status(first)).fields], [null, null]);
    assert.equal((await status(second)).status, 'open');
    assert.equal((await status(second)).skips, 1);
    await page.getByLabel('How you do').getByText('You, at tickets: 2 in the last hour').waitFor();

    const decided = async (input, endpoint, keys) => {
      const { review_id: id, decision } = await server.answer(endpoint, { text: input });
      assert.equal(decision, 'review', input);
      await open(`#/review/${id}`);
      await until('the item', async () => (await document.innerText()) === input);
      await keys(id);
      await open('#/overview'); // who leaves has decided
      return until('the label', async () => (await status({ id })).label && status({ id }));
    };
    const corrected = await decided('{"zenith": "ada", "quorum": 12.5}', 'tickets', async () => {
      await page.keyboard.press('f');
      await page.getByLabel('zenith').and(page.locator(':focus')).waitFor();
      for (const key of ['Control+A', 'b', 'o', 'b', 'Tab', 'Control+A', '1', '3', 'Escape', '1']) await page.keyboard.press(key);
    });
    assert.deepEqual(corrected.fields, { zenith: 'bob', quorum: 13 }, 'a number stays one');
    const denied = await decided(billingText, 'claims', async () => {
      await page.keyboard.press('2');
      await page.getByRole('alert').getByText(/needs a reason/).waitFor();
      await axe(page);
      await page.keyboard.type('not our customer');
      await page.keyboard.press('Enter');
    });
    assert.deepEqual([denied.label, denied.note, denied.action], ['denied', 'not our customer', 'billing']);
  });
});

test('signing in by key, with roles', { skip: absent, timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const reviewer = await createKey(store, 'ada', 'reviewer'), client = await createKey(store, 'shop', 'client');
  const server = await serve(t, config(store, { auth: { required: true } }));
  if (!(await hasPage(server))) return t.skip('built without the parts of the console');
  await launch(t);
  const refused = /status of 401|ERR_INTERNET_DISCONNECTED/;
  const signIn = async (page, key) => {
    await page.getByLabel(/^API key/).fill(key);
    await page.getByRole('button', { name: 'Sign in' }).click();
  };
  await server.answer('tickets', { text: unsure[0] }, { key: client });
  const one = await visit(t, server, { expected: refused });
  await one.open('#/review');
  await axe(one.page);
  await signIn(one.page, 'psk_wrong');
  await one.page.getByRole('alert').getByText(/not known, or was revoked/).waitFor();
  await signIn(one.page, reviewer);
  await one.page.getByRole('heading', { name: 'Review', level: 1 }).waitFor(); // where the address pointed
  await one.page.getByText('ada').waitFor();
  assert.deepEqual(await one.page.evaluate(() => document.cookie), '', 'no script sees the cookie');
  assert.equal((await one.context.cookies()).length, 1);
  await one.page.locator('pre.document').waitFor();
  await one.page.keyboard.press('n');
  await one.page.keyboard.type('half a thought');
  await one.page.keyboard.press('Escape');
  await one.context.clearCookies(); // the session ends in the middle of work
  await one.page.keyboard.press('s');
  const ended = one.page.getByRole('heading', { name: 'Your session has ended' });
  await ended.waitFor();
  await axe(one.page);
  await signIn(one.page, reviewer);
  await ended.waitFor({ state: 'detached' });
  assert.equal(await one.page.getByLabel(/^Note/).inputValue(), 'half a thought', 'nothing that was typed is lost');
  await one.page.getByRole('alert').waitFor({ state: 'detached' });
  await one.page.keyboard.press('1');
  await one.page.getByRole('link', { name: 'Overview' }).click(); // who leaves has decided: the label is written at once
  await until('the label', async () => (await server.get('/v1/review?status=resolved', { key: reviewer })).json.data[0]?.reviewer === 'ada');
  assert.equal((await server.get('/v1/review?status=resolved', { key: reviewer })).json.data[0].note, 'half a thought');
  await one.context.setOffline(true);
  await one.page.getByRole('link', { name: 'Requests' }).click();
  const away = one.page.locator('.away');
  await away.getByText(/does not answer/).waitFor();
  await axe(one.page);
  await one.context.setOffline(false);
  await away.waitFor({ state: 'detached' });
  await one.page.getByRole('cell', { name: 'tickets', exact: true }).first().waitFor(); // what could not be loaded is there now
  await one.page.getByRole('button', { name: 'Sign out' }).click();
  await one.page.getByLabel(/^API key/).waitFor();
  assert.equal((await one.context.cookies()).filter(({ value }) => value).length, 0);

  const two = await visit(t, server, { expected: refused });
  await two.open();
  await signIn(two.page, client);
  await two.page.getByRole('heading', { name: 'Try it' }).waitFor();
  assert.equal(await two.page.getByRole('navigation').getByRole('link').count(), 1, 'a client tries, and sees no more');
});

test('every page at the width of a phone, in both colour schemes, with a long name', { skip: absent, timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const long = 'a-name-that-is-longer-than-anybody-would-like-to-read-on-a-phone';
  const server = await serve(t, { ...config(store), endpoints: { tickets, [long]: papers, assistant } });
  if (!(await hasPage(server))) return t.skip('built without the parts of the console');
  await server.answer(long, { text: unsure[1] });
  await launch(t);
  const { page, open } = await visit(t, server, { width: 375, height: 812, scheme: 'dark' });
  await open('#/try');
  await page.getByRole('button', { name: 'Menu' }).click();
  const links = await page.getByRole('navigation').getByRole('link').evaluateAll((all) => all.map((link) => link.getAttribute('href')));
  assert.ok(links.length >= 3);
  for (const link of [...links, `#/endpoints/${long}`]) {
    await open(link);
    await until('what is loaded', async () => (await page.locator('.loading').count()) === 0);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${link} scrolls sideways`);
    await axe(page);
    await page.emulateMedia({ colorScheme: 'light' });
    await axe(page, { runOnly: { type: 'rule', values: ['color-contrast'] } });
    await page.emulateMedia({ colorScheme: 'dark' });
  }
});
