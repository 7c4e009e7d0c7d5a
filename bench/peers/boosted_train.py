"""Trains the model that both sides serve: XGBoost over the census' columns, categories as their codes.
boosted_train.py TRAIN.csv MODEL.json ROWS.ndjson; ROWS: the rows as requests' bodies"""
import csv
import json
import sys

import numpy
import xgboost

with open(sys.argv[1], newline="", encoding="utf-8") as file:
    head, *rows = csv.reader(file)
names, columns = head[:-1], list(zip(*rows))


def numbers(cells):
    try:
        return [float("nan") if cell in ("", "?") else float(cell) for cell in cells]
    except ValueError:
        codes = {name: code for code, name in enumerate(sorted(set(cells) - {"", "?"}))}
        return [float(codes.get(cell, "nan")) for cell in cells]


values = numpy.array([numbers(cells) for cells in columns[:-1]], dtype="f4").T
labels = sorted(set(columns[-1]))
truth = numpy.array([labels.index(label) for label in columns[-1]])
parameters = {"objective": "binary:logistic", "max_depth": 6, "eta": 0.1, "tree_method": "hist", "nthread": 1, "seed": 1}
model = xgboost.train(parameters, xgboost.DMatrix(values, label=truth, feature_names=names), 100)
model.save_model(sys.argv[2])
with open(sys.argv[3], "w", encoding="utf-8") as out:
    for row in values:
        features = {name: None if numpy.isnan(value) else float(value) for name, value in zip(names, row)}
        out.write(json.dumps({"features": features}) + "\n")
