// Medians with their spread: what a figure of several rounds is reported by.
export function percentile(values, part) {
    const sorted = [...values].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

export function median(values) {
    const sorted = [...values].sort((a, b) => a - b);
    const middle = sorted.length >> 1;
    return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function spread(values) {
    return [Math.min(...values), Math.max(...values)];
}

// The ratios of two columns, round by round.
export function ratios(a, b) {
    return a.map((value, i) => value / b[i]);
}
