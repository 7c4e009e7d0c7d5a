"""XGBoost behind FastAPI: its in-place prediction (the quickest that it has), on one thread.
boosted_serve.py MODEL.json PORT"""
import sys

import numpy
import xgboost
from row_service import serve

model = xgboost.Booster(model_file=sys.argv[1])
model.set_param({"nthread": 1})
names = model.feature_names
model.feature_names = None  # else each prediction compares them
labels = ["<=50K", ">50K"]


def answer(row):
    values = [numpy.nan if value is None else value for value in row]
    share = float(model.inplace_predict(numpy.array([values], dtype="f4"))[0])
    return labels[share >= 0.5], max(share, 1 - share)


serve(names, answer, int(sys.argv[2]))
