// Hostile and broken files: each gets its own 4xx with the reason, or an answer; the server and its parsers go on.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { multipart, serve, shared, storeWithModels } from './penstock.mjs';
import { pdf, png } from './samples.mjs';

const page = ['i was charged twice', 'the invoice shows the wrong amount'];
const good = pdf(page);
const binaryType = { headers: { 'content-type': 'application/octet-stream' } };
const elf = Buffer.concat([Buffer.from('7f454c4602010100000000000000000002003e0001000000', 'hex'), Buffer.alloc(400)]);
const zip = Buffer.concat([Buffer.from('504b0304140000000800', 'hex'), Buffer.alloc(200, 1)]);
const jpegStart = Buffer.from('ffd8ffe000104a46494600010100000100010000', 'hex');

// A grey baseline JPEG's head that says it is width × height, with nothing behind it.
function jpegHead(width, height) {
  const frame = Buffer.from('ffc0000b08000000000101110000', 'hex').subarray(0, 13);
  frame.writeUInt16BE(height, 5);
  frame.writeUInt16BE(width, 7);
  return Buffer.concat([jpegStart, frame]);
}

test('hostile files', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const papers = { accepts: ['text', 'file'], rollout: [{ model: 'tickets@1' }], accept_threshold: 0, deadline: '30s' };
  const server = await serve(
    t,
    {
      parser: { timeout: '15s', workers: 2 },
      endpoints: { papers, unread: { ...papers, ocr: 'never' } },
    },
    { store },
  );
  const stillWell = async () => {
    await server.healthy();
    assert.equal(
      (await server.answer('papers', pdf([...page, String(Math.random())]), binaryType)).prediction,
      'billing',
    );
  };

  const refused = [
    ['an empty body', Buffer.alloc(0), 400, 'file_empty', /empty/],
    ['a program', elf, 415, 'unsupported_file_type', /./],
    [
      'a Windows program',
      Buffer.concat([Buffer.from('MZ'), Buffer.alloc(300, 0x90)]),
      415,
      'unsupported_file_type',
      /./,
    ],
    ['a shell script', '#!/bin/sh\nrm -rf /\n', 415, 'unsupported_file_type', /./],
    ['a web page', '<!DOCTYPE html><html><script>alert(1)</script></html>', 415, 'unsupported_file_type', /html/],
    ['an archive', zip, 415, 'unsupported_file_type', /./],
    [
      'random bytes',
      Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * i * 31 + 7) & 255)),
      415,
      'unsupported_file_type',
      /./,
    ],
    ['a PDF with a ZIP behind it', Buffer.concat([good, zip]), 415, 'unsupported_file_type', /ZIP|zip/],
    ['a PNG with a PDF behind it', Buffer.concat([png(60, 60), good]), 415, 'unsupported_file_type', /PDF/],
    ['a PNG with a program behind it', Buffer.concat([png(60, 60), elf]), 415, 'unsupported_file_type', /ELF|program/],
    ['a PDF inside a ZIP', Buffer.concat([zip.subarray(0, 40), good]), 415, 'unsupported_file_type', /./],
    ['a PNG of one pixel', png(1, 1), 400, 'image_size', /1/],
    ['a PNG of 30,000 by 30,000 pixels', png(30_000, 30_000, 1), 400, 'image_size', /30000/],
    ['a JPEG of 30,000 by 30,000 pixels', jpegHead(30_000, 30_000), 400, undefined, /./],
    ['a PNG of no pixels', png(0, 10, 0), 400, undefined, /./],
    ['a PNG whose header promises rows that never come', png(2000, 2000, 3), 400, 'file_corrupt', /./],
    ['a PNG that is cut off', png(400, 400).subarray(0, 60), 400, 'file_corrupt', /./],
    ['a JPEG that is only a head', jpegStart, 400, 'file_corrupt', /./],
    ['a PDF that is only a head', Buffer.from('%PDF-1.7\n'), 400, 'file_corrupt', /./],
    ['a PDF of zeros', Buffer.concat([Buffer.from('%PDF-1.7\n'), Buffer.alloc(5000)]), 400, 'file_corrupt', /./],
    [
      'a PDF of 1,000 pages',
      pdf(...Array.from({ length: 1000 }, (_, i) => [`page ${i}`])),
      400,
      'too_many_pages',
      /1000.*50|50.*1000/,
    ],
  ];
  for (const [name, bytes, status, code, message] of refused)
    await t.test(name, async () => {
      const reply = await server.predict('papers', bytes, binaryType);
      assert.equal(
        `${reply.status} ${code ?? reply.json.error?.code} ${reply.json.error?.code}`,
        `${status} ${code ?? reply.json.error?.code} ${code ?? reply.json.error?.code}`,
        reply.text,
      );
      assert.match(reply.json.error.message, message);
      assert.equal(reply.json.error.request_id, reply.headers['x-request-id']);
      // However it is packed, it is the same file.
      const form = await server.predict(
        'papers',
        undefined,
        multipart([{ name: 'file', filename: 'x.pdf', type: 'application/pdf', bytes }]),
      );
      assert.equal(form.json.error?.code, reply.json.error.code, form.text);
    });
  await t.test('and the server is unharmed', stillWell);

  await t.test('a PDF cut anywhere: an answer or a 4xx, never more', async () => {
    for (let at = 10; at < good.length; at += 97) {
      const reply = await server.predict('unread', good.subarray(0, at), binaryType);
      assert.ok(reply.status === 200 || (reply.status >= 400 && reply.status < 500), `${at}: ${reply.text}`);
    }
    await stillWell();
  });

  const folder = shared('malformed', 'pdf');
  await t.test(
    'odd and broken PDFs of others',
    { skip: !folder && 'no malformed/pdf in the shared test data' },
    async () => {
      const rows = fs
        .readFileSync(path.join(folder, 'manifest.csv'), 'utf8')
        .trim()
        .split('\n')
        .slice(1)
        .map((row) => row.split(','));
      const known = rows.map(([side, file, , , code, , pages, encrypted, characters]) => ({
        file: path.join(folder, side, file),
        code: Number(code),
        pages: Number(pages),
        encrypted,
        characters: Number(characters),
      }));
      // The manifest is poppler 22's reading: a newer one may read what that one could not.
      const sameReader = / 22\./.test(spawnSync('pdfinfo', ['-v'], { encoding: 'utf8' }).stderr);
      const here = known.filter(({ file }) => fs.existsSync(file));
      assert.ok(here.length > 30);
      const ask = async ({ file, code, pages, encrypted, characters }) => {
        const reply = await server.predict('unread', fs.readFileSync(file), binaryType);
        const said = `${path.basename(file)}: ${reply.text}`;
        assert.ok(reply.status === 200 || (reply.status >= 400 && reply.status < 500), said);
        if (code === 0 && pages > 50) assert.equal(reply.json.error?.code, 'too_many_pages', said);
        else if (code === 0 && encrypted === 'no' && characters > 100 && reply.status !== 200)
          assert.match(reply.json.error.code, /^(document_\w+|unsupported_file_type)$/, said);
        if (code !== 0 && (sameReader || reply.status !== 200))
          assert.match(reply.json.error?.code ?? '', /^(file_corrupt|file_encrypted|unsupported_file_type)$/, said);
      };
      for (let i = 0; i < here.length; i += 3) await Promise.all(here.slice(i, i + 3).map(ask));
      await stillWell();
    },
  );
});
