// Drives the console in Debian's Chromium. A browser's page that reports an error, or breaks the content policy, fails its test.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { atEnd, until } from './penstock.mjs';

const chromium = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => fs.existsSync(path));
const axeSource = new URL('node_modules/axe-core/axe.min.js', import.meta.url);
const playwright = await import('playwright-core').catch(() => undefined);

// Why there is no browser here, or false.
export const absent =
  (!playwright && 'playwright-core is not installed: npm ci --prefix tests/e2e') || (!chromium && 'there is no Chromium: scripts/packages test installs it');

// What the rules of the WCAG, levels A and AA, say against the page as it is now: nothing.
export async function axe(page, rules = { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }) {
  await page.evaluate(fs.readFileSync(axeSource, 'utf8') + ';0');
  const { violations } = await page.evaluate((options) => globalThis.axe.run(options), rules);
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 150)).join(' | ')}`), []);
}

let browser;
export async function launch(t) {
  const { chromium: driver } = playwright.default ?? playwright;
  browser = await driver.launch({ executablePath: chromium, args: ['--no-sandbox'], timeout: 180_000 });
  atEnd(t, () => browser.close());
  return browser;
}

// A fresh visitor: { page, problems, open, expect }. Its problems must be none at the end; `expected`, or what expect() says from
// then on: what is to be seen in the console of the browser (a refused call is reported there).
export async function visit(t, server, { width = 1280, height = 900, scheme = 'light', expected = /^$/ } = {}) {
  const context = await (browser?.isConnected() ? browser : await launch(t)).newContext({ viewport: { width, height }, colorScheme: scheme, reducedMotion: 'reduce', locale: 'en-GB', timezoneId: 'Europe/Berlin' });
  // How long a label can be taken back (4 s) is the test's to say: `undoMs` in the page.
  await context.addInitScript(() => {
    const timer = globalThis.setTimeout;
    globalThis.setTimeout = (work, ms, ...rest) => timer(work, ms === 4000 ? (globalThis.undoMs ?? ms) : ms, ...rest);
  });
  const page = await context.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(`error: ${error.message}`));
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && !expected.test(message.text()) && problems.push(`${message.type()}: ${message.text()}`));
  page.setDefaultTimeout(60_000);
  atEnd(t, async () => {
    await context.close();
    assert.deepEqual(problems, [], 'the browser reported problems');
  });
  const open = async (hash = '') => {
    await page.goto(`http://127.0.0.1:${server.port}/console${hash}`);
    // Once signed in, the page that was there before must be gone.
    const there = (at) => document.querySelector('h1') && (document.getElementById('main')?.dataset.at ?? at).startsWith(at);
    await until('the page', () => page.evaluate(there, hash.slice(2).split('?')[0])).catch((error) => assert.fail(`${hash}: ${error.message}\n${problems.join('\n')}`));
  };
  const expect = (words = /^$/) => (expected = words);
  return { page, context, problems, open, expect };
}
