// The pages of docimg, divided into a training folder (one sub-folder per class, as penstock train takes it) and a
// held-out part that shares no source document with it. Where a class comes from a single document, its last third of
// pages is held out, so that neighbouring pages are on the same side but for one place.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

const HELD_OUT = 1 / 3;

function readManifest(folder) {
    const [head, ...lines] = readFileSync(join(folder, 'manifest.csv'), 'utf8').trim().split('\n').map((line) => line.split(','));
    return lines.map((cells) => Object.fromEntries(head.map((name, i) => [name, cells[i]])))
        .filter((page) => existsSync(join(folder, page.file)))
        .map((page) => ({ path: join(folder, page.file), label: page.class, source: page.source_document, width: Number(page.width), height: Number(page.height) }));
}

// Whole source documents, taken evenly over the sorted list, until a third of the pages is there.
function holdOutSources(pages) {
    const sources = [...new Set(pages.map((page) => page.source))].sort();
    const step = Math.max(2, Math.round(1 / HELD_OUT));
    const held = new Set(sources.filter((_, i) => i % step === step - 1 || (sources.length < step && i === sources.length - 1)));
    return (page) => held.has(page.source);
}

function holdOutTail(pages) {
    const tail = new Set(pages.slice(Math.floor(pages.length * (1 - HELD_OUT))));
    return (page) => tail.has(page);
}

export function divide(folder) {
    const pages = readManifest(folder);
    const train = [], held = [];
    for (const label of [...new Set(pages.map((page) => page.label))].sort()) {
        const own = pages.filter((page) => page.label === label).sort((a, b) => (a.path < b.path ? -1 : 1));
        const single = new Set(own.map((page) => page.source)).size === 1;
        const isHeld = (single ? holdOutTail : holdOutSources)(own);
        own.forEach((page) => (isHeld(page) ? held : train).push(page));
    }
    return { train, held };
}

// Links to the training pages, by class; what identifies them.
export function writeTrainingFolder(folder, pages) {
    rmSync(folder, { recursive: true, force: true });
    const hash = createHash('sha256');
    for (const page of pages) {
        mkdirSync(join(folder, page.label), { recursive: true });
        const name = page.path.split('/').at(-1);
        symlinkSync(page.path, join(folder, page.label, name));
        hash.update(`${page.label}/${name}`).update(readFileSync(page.path));
    }
    return { folder, identity: hash.digest('hex') };
}

export function countByLabel(pages) {
    const counts = new Map();
    for (const { label } of pages) counts.set(label, (counts.get(label) ?? 0) + 1);
    return [...counts].map(([label, count]) => `${label} ${count}`).join(', ');
}
