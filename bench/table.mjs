// Rows as a Markdown table, so that docs/benchmarks.md can take it as it is.
function number(value) {
    if (typeof value !== 'number') return value ?? '';
    const size = Math.abs(value);
    return value.toLocaleString('en', { maximumFractionDigits: size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3 });
}

function ratioCell({ ratio, spread }) {
    if (ratio === undefined) return '';
    return spread ? `${number(ratio)} (${number(spread[0])}–${number(spread[1])})` : number(ratio);
}

// limit: { most } or { least }, `of` "value" or "ratio"
function limitCell({ value, ratio, limit }) {
    if (!limit) return '';
    const figure = limit.of === 'ratio' ? ratio : value;
    const met = 'most' in limit ? figure <= limit.most : figure >= limit.least;
    return `${limit.of === 'ratio' ? 'ratio ' : ''}${'most' in limit ? '≤' : '≥'} ${number(limit.most ?? limit.least)}: ${met ? 'met' : 'MISSED'}`;
}

export function printTable(name, title, rows) {
    const head = ['figure', 'value', 'unit', 'against', 'ratio (spread)', 'limit'];
    const cells = rows.map((row) => [row.figure, number(row.value), row.unit, row.against ?? '', ratioCell(row), limitCell(row)]);
    const width = head.map((text, i) => Math.max(text.length, ...cells.map((line) => line[i].length)));
    const line = (texts) => `| ${texts.map((text, i) => (i === 1 ? text.padStart(width[i]) : text.padEnd(width[i]))).join(' | ')} |`;
    console.log(`\n### ${name}: ${title}\n`);
    console.log(line(head));
    console.log(`|${width.map((n, i) => (i === 1 ? `${'-'.repeat(n + 1)}:` : '-'.repeat(n + 2))).join('|')}|`);
    cells.forEach((texts) => console.log(line(texts)));
}
