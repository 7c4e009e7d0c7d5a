// Request bodies: customers' questions of banking77, each line a different text of about 60 characters. A line is a
// question with some of its letters in the other case: to the exact cache an input never seen, to the model the
// question it is, so that predictions are as sure as they are on real questions.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SHORTEST = 50, LONGEST = 70;

// RFC 4180, the text column only.
function questions(csv) {
    const rows = [...csv.matchAll(/^(?:"((?:[^"]|"")*)"|([^",\n]*)),[^,\n]*$/gm)];
    return rows.slice(1).map((row) => (row[1]?.replaceAll('""', '"') ?? row[2]).replace(/\s+/g, ' ').trim());
}

// Linear congruential (Knuth's MMIX constants would need 64 bits; these are Numerical Recipes'): the same lines each time.
function dice(seed) {
    let state = seed;
    return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

function otherCase(text, roll) {
    return text.replace(/[a-z]/gi, (letter) => (roll() < 0.15 ? (letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()) : letter));
}

// Writes `count` distinct bodies to a file and returns { path, characters (mean), sample (some of the texts) }.
export function writeBodies(context, count) {
    const source = questions(readFileSync(join(context.data, 'banking77/train.csv'), 'utf8'))
        .filter((text) => text.length >= SHORTEST && text.length <= LONGEST);
    if (source.length < 1000) throw new Error(`banking77/train.csv in ${context.data} has only ${source.length} questions of ${SHORTEST} to ${LONGEST} characters`);
    const roll = dice(77);
    const seen = new Set();
    while (seen.size < count) seen.add(otherCase(source[Math.floor(roll() * source.length)], roll));
    const texts = [...seen];
    const path = join(context.work, `texts-${count}.ndjson`);
    writeFileSync(path, texts.map((text) => `${JSON.stringify({ text })}\n`).join(''));
    return { path, characters: texts.reduce((sum, text) => sum + text.length, 0) / count, distinct: source.length };
}
