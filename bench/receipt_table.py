#!/usr/bin/python3
"""The table of docs/receipts.md from the rows of bench_receipt_stages (one or several files of them).

Accuracy is told by scikit-learn's logistic regression in five parts: over TF-IDF (words 1-2, char_wb 2-5) of the text
for recognition, over the visual vector for looking. Pages of one source document are never on both sides; where a class
has fewer than four sources, its pages are cut into five runs of neighbours. Training always sees the full text, as a
model trained at leisure does."""
import collections
import json
import sys

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_union

PARTS = 5
GATES = (0.6, 0.7, 0.8, 0.85, 0.9)


def read_rows(paths):
    pages = collections.defaultdict(dict)
    for path in paths:
        for line in open(path):
            row = json.loads(line)
            pages[row['file']][row['way']] = row
    return pages


def divide(files, pages):
    """file -> part"""
    part = {}
    by_label = collections.defaultdict(list)
    for file in sorted(files):
        row = next(iter(pages[file].values()))
        by_label[row['class']].append((row['source'], file))
    for members in by_label.values():
        sources = sorted({source for source, _ in members})
        for i, (source, file) in enumerate(members):
            whole = len(sources) >= 4
            part[file] = sources.index(source) % PARTS if whole else i * PARTS // len(members)
    return part


def label_of(pages, file):
    return next(iter(pages[file].values()))['class']


def judge_looks(pages):
    """file -> (prediction, confidence), each from a model that has not seen its source"""
    files = sorted(f for f in pages if 'visual' in pages[f])
    part = divide(files, pages)
    out = {}
    for p in range(PARTS):
        train = [f for f in files if part[f] != p]
        test = [f for f in files if part[f] == p]
        model = LogisticRegression(C=3, max_iter=1000)
        model.fit([pages[f]['visual']['visual'] for f in train], [label_of(pages, f) for f in train])
        for file, row in zip(test, model.predict_proba([pages[f]['visual']['visual'] for f in test])):
            out[file] = (model.classes_[row.argmax()], row.max())
    return out


def judge_texts(pages, ways):
    """way -> file -> prediction"""
    files = sorted(f for f in pages if 'full' in pages[f])
    part = divide(files, pages)
    out = collections.defaultdict(dict)
    for p in range(PARTS):
        train = [f for f in files if part[f] != p]
        test = [f for f in files if part[f] == p]
        words = make_union(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2),
                           TfidfVectorizer(analyzer='char_wb', ngram_range=(2, 5), sublinear_tf=True, min_df=2))
        model = LogisticRegression(C=10, max_iter=1000)
        model.fit(words.fit_transform([pages[f]['full']['text'] for f in train]), [label_of(pages, f) for f in train])
        for way in ways:
            known = [f for f in test if way in pages[f]]
            if known:
                predictions = model.predict(words.transform([pages[f][way]['text'] for f in known]))
                out[way].update(zip(known, predictions))
    return out


def line(name, pages, predicted, cost):
    files = sorted(predicted)
    receipts = [f for f in files if label_of(pages, f) == 'receipt']
    right = np.mean([predicted[f] == label_of(pages, f) for f in files])
    found = np.mean([predicted[f] == 'receipt' for f in receipts])
    ms = [cost[f] for f in receipts]
    print(f'| {name} | {np.median(ms):.0f} | {np.percentile(ms, 95):.0f} | {max(ms):.0f} | {right:.3f} | {found:.3f} | '
          f'{len(files)}, {len(receipts)} |')


def main():
    pages = read_rows(sys.argv[1:])
    ways = list(dict.fromkeys(way for rows in pages.values() for way in rows if way != 'visual'))
    looks, texts = judge_looks(pages), judge_texts(pages, ways)
    print('| way | receipt p50 ms | p95 ms | max ms | accuracy, six classes | receipts found | pages, receipts |')
    print('|---|---|---|---|---|---|---|')
    for way in ways:
        line(way, pages, texts[way], {f: pages[f][way]['ms'] for f in texts[way]})
    line('looks alone', pages, {f: p for f, (p, _) in looks.items()}, {f: pages[f]['visual']['ms'] for f in looks})
    quick = '300 ms, 1200 px'
    for gate in GATES:
        files = [f for f in texts[quick] if f in looks]
        sure = {f: looks[f][1] >= gate for f in files}
        predicted = {f: looks[f][0] if sure[f] else texts[quick][f] for f in files}
        cost = {f: pages[f]['visual']['ms'] + (0 if sure[f] else pages[f][quick]['ms']) for f in files}
        share = np.mean([sure[f] for f in looks]) if not files else np.mean(list(sure.values()))
        line(f'looks, text below {gate} ({1 - share:.0%} read)', pages, predicted, cost)
    print()
    print('| sure at | share of pages | share of receipts | accuracy of these |')
    print('|---|---|---|---|')
    for gate in GATES:
        sure = [f for f in looks if looks[f][1] >= gate]
        receipts = [f for f in looks if label_of(pages, f) == 'receipt']
        print(f'| {gate} | {len(sure) / len(looks):.3f} | {np.mean([looks[f][1] >= gate for f in receipts]):.3f} | '
              f'{np.mean([looks[f][0] == label_of(pages, f) for f in sure]):.4f} |')


main()
