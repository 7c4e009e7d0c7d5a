// Data that the tests make themselves: labelled texts and tables to train on, and files byte by byte.
import zlib from 'node:zlib';

// The same numbers in every run (a linear congruential generator, Numerical Recipes' constants).
export function dice(seed) {
  let state = seed >>> 0;
  return (sides) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

const topics = {
  billing: [
    'the invoice shows the wrong amount',
    'i was charged twice',
    'please refund my payment',
    'my credit card was billed again',
    'the price on the bill is too high',
    'where can i download the receipt for my payment',
  ],
  delivery: [
    'my parcel has not arrived',
    'the package was left in the rain',
    'where is my shipment now',
    'the courier lost my order',
    'delivery is three days late',
    'please send the parcel to another address',
  ],
  technical: [
    'the app crashes when i open it',
    'i cannot log in with my password',
    'the screen stays black after the update',
    'the website shows an error page',
    'sync is broken on my phone',
    'the program freezes at start',
  ],
};
const openings = ['hello,', 'good morning,', 'since yesterday', 'again', 'please help:', 'to whom it may concern:', ''];
const endings = ['thanks', 'what can i do?', 'this is urgent', 'kind regards', 'can you look into it?', ''];

// Rows for `train`: text and label. One in twelve is labelled wrongly, so that no model can be quite sure.
export function texts(count = 240, seed = 7) {
  const roll = dice(seed);
  const labels = Object.keys(topics);
  const rows = [['text', 'label']];
  for (let i = 0; i < count; i++) {
    const label = labels[i % labels.length];
    const said = topics[label];
    const text = [
      openings[roll(openings.length)],
      said[roll(said.length)],
      'and',
      said[roll(said.length)],
      endings[roll(endings.length)],
      `(case ${roll(10_000)})`,
    ].join(' ');
    rows.push([text.trim(), roll(12) === 0 ? labels[roll(3)] : label]);
  }
  return rows;
}

export const billingText = 'hello, i was charged twice and the invoice shows the wrong amount';

// Rows for `train`: amount and items are numbers, country a category.
export function table(count = 300, seed = 11) {
  const roll = dice(seed);
  const countries = ['DE', 'FR', 'PL', 'BR'];
  const rows = [['amount', 'items', 'country', 'label']];
  for (let i = 0; i < count; i++) {
    const amount = 5 + roll(1000),
      country = countries[roll(4)],
      items = 1 + roll(9);
    const risky = amount > 600 || (country === 'BR' && amount > 300);
    rows.push([amount + roll(100) / 100, items, country, (roll(15) === 0 ? !risky : risky) ? 'check' : 'fine']);
  }
  return rows;
}

// A PDF of one page for each list of lines, with Helvetica and a correct cross-reference table.
export function pdf(...pages) {
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    `<< /Type /Pages /Kids [${pages.map((_, i) => `${4 + 2 * i} 0 R`).join(' ')}] /Count ${pages.length} >>`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
  ];
  for (const [i, lines] of pages.entries()) {
    const content = `BT /F1 12 Tf 72 760 Td 16 TL ${lines.map((line) => `(${line.replace(/[\\()]/g, '\\$&')}) Tj T*`).join(' ')} ET`;
    objects.push(
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> /Contents ${5 + 2 * i} 0 R >>`,
    );
    objects.push(`<< /Length ${content.length} >>\nstream\n${content}\nendstream`);
  }
  let file = '%PDF-1.4\n';
  const offsets = objects.map((object, i) => {
    const at = file.length;
    file += `${i + 1} 0 obj\n${object}\nendobj\n`;
    return at;
  });
  const start = file.length;
  file += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${offsets.map((at) => `${String(at).padStart(10, '0')} 00000 n \n`).join('')}`;
  return Buffer.from(
    `${file}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`,
    'latin1',
  );
}

const crcTable = Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});
const crc32 = (bytes) =>
  (bytes.reduce((crc, byte) => crcTable[(crc ^ byte) & 0xff] ^ (crc >>> 8), 0xffffffff) ^ 0xffffffff) >>> 0;

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(data.length, 0);
  body.copy(whole, 4);
  whole.writeUInt32BE(crc32(body), body.length + 4);
  return whole;
}

// A grey PNG that says it is width × height. `rows`: how many white rows it really holds (default: all).
// A grey page full of strokes that look like writing and are none: recognition works on it for seconds, on any machine.
export function scribbles(width, height, serial = 0) {
  const pixels = Buffer.alloc((width + 1) * height, 0xff);
  let state = 1 + serial;
  const draw = (most) => (state = (state * 48271) % 0x7fffffff) % most;
  for (let y = 0; y < height; y++) pixels[y * (width + 1)] = 0;
  for (let top = 20; top + 30 < height; top += 26)
    for (let left = 20; left + 20 < width; left += 12 + draw(6))
      for (let stroke = 0; stroke < 3; stroke++) {
        const x = left + draw(8), y = top + draw(8), dx = draw(3) - 1, length = 6 + draw(10);
        for (let i = 0; i < length; i++) {
          const at = (y + i) * (width + 1) + 1 + x + Math.round((dx * i) / 2);
          pixels[at] = pixels[at + 1] = 0;
        }
      }
  return pngOf(width, height, pixels);
}

export function png(width, height, rows = height) {
  const pixels = Buffer.alloc((width + 1) * rows, 0xff);
  for (let y = 0; y < rows; y++) pixels[y * (width + 1)] = 0;
  return pngOf(width, height, pixels);
}

function pngOf(width, height, pixels) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', zlib.deflateSync(pixels)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
