"""Trains the peer's model, the yardstick of the text classifier: TF-IDF of words 1-2 and of characters within words
2-5, logistic regression. sklearn_train.py TRAIN.csv MODEL"""
import csv
import sys

import joblib
import numpy
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

with open(sys.argv[1], newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
model = make_pipeline(
    make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
    ),
    LogisticRegression(max_iter=1000),
)
model.fit([row["text"] for row in rows], [row["category"] for row in rows])
# scikit-learn multiplies by the transpose; stored this way round it need not copy 40 MB for every request, which
# makes the peer some ten times faster than it would be as it comes.
model[-1].coef_ = numpy.asfortranarray(model[-1].coef_)
joblib.dump(model, sys.argv[2])
