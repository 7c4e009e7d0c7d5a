// A PNG of a browser's making (8 bits a channel, not interlaced) with at most 256 colours: a third of the bytes.
import zlib from 'node:zlib';

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data]), out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length);
  body.copy(out, 4);
  out.writeUInt32BE((body.reduce((crc, byte) => crcTable[(crc ^ byte) & 255] ^ (crc >>> 8), -1) ^ -1) >>> 0, body.length + 4);
  return out;
}

const paeth = (a, b, c) => {
  const pa = Math.abs(b - c), pb = Math.abs(a - c), pc = Math.abs(a + b - 2 * c);
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
};

// { width, height, colours }: a pixel is 0xrrggbb.
function decode(png) {
  const idat = [];
  let header;
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    const type = png.toString('latin1', at + 4, at + 8), data = png.subarray(at + 8, at + 8 + png.readUInt32BE(at));
    if (type === 'IHDR') header = data;
    if (type === 'IDAT') idat.push(data);
  }
  const width = header.readUInt32BE(0), height = header.readUInt32BE(4), step = header[9] === 6 ? 4 : 3, line = width * step;
  const raw = zlib.inflateSync(Buffer.concat(idat)), colours = new Uint32Array(width * height);
  let above = Buffer.alloc(line);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (line + 1)], row = raw.subarray(y * (line + 1) + 1, (y + 1) * (line + 1));
    for (let x = 0; x < line; x++) {
      const a = x < step ? 0 : row[x - step], b = above[x], c = x < step ? 0 : above[x - step];
      row[x] += [0, a, b, (a + b) >> 1, paeth(a, b, c)][filter];
    }
    for (let x = 0; x < width; x++) colours[y * width + x] = (row[x * step] << 16) | (row[x * step + 1] << 8) | row[x * step + 2];
    above = row;
  }
  return { width, height, colours };
}

// The commonest as they are, then the commonest among groups of similar ones.
function paletteOf(counts) {
  const common = [...counts].sort(([, a], [, b]) => b - a), palette = new Set(common.slice(0, 96).map(([colour]) => colour)), groups = new Map();
  for (const [colour, n] of common.slice(96)) {
    const key = ((colour >> 20) << 8) | (((colour >> 12) & 15) << 4) | ((colour >> 4) & 15);
    const group = groups.get(key) ?? { colour, n: 0 };
    group.n += n;
    groups.set(key, group);
  }
  for (const { colour } of [...groups.values()].sort((a, b) => b.n - a.n)) if (palette.size < 256) palette.add(colour);
  return [...palette];
}

const apart = (a, b) => ((a >> 16) - (b >> 16)) ** 2 + (((a >> 8) & 255) - ((b >> 8) & 255)) ** 2 + ((a & 255) - (b & 255)) ** 2;

export function withPalette(png) {
  const { width, height, colours } = decode(png), counts = new Map();
  for (const colour of colours) counts.set(colour, (counts.get(colour) ?? 0) + 1);
  const palette = paletteOf(counts), index = new Map();
  for (const colour of counts.keys()) index.set(colour, palette.reduce((best, other, i) => (apart(colour, other) < apart(colour, palette[best]) ? i : best), 0));
  const rows = Buffer.alloc((width + 1) * height); // the filter of each row: none
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) rows[y * (width + 1) + 1 + x] = index.get(colours[y * width + x]);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3], 8);
  const table = Buffer.from(palette.flatMap((colour) => [colour >> 16, (colour >> 8) & 255, colour & 255]));
  return Buffer.concat([png.subarray(0, 8), chunk('IHDR', header), chunk('PLTE', table), chunk('IDAT', zlib.deflateSync(rows, { level: 9 })), chunk('IEND', Buffer.alloc(0))]);
}
