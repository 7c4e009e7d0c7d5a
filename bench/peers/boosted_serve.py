"""What one writes to put the model behind HTTP: FastAPI with a pydantic model for the request, XGBoost's in-place
prediction (the quickest that it has), uvicorn, one worker. No key, no limit, no record, no log.
boosted_serve.py MODEL.json PORT"""
import sys
from typing import Optional

import numpy
import uvicorn
import xgboost
from fastapi import FastAPI
from pydantic import BaseModel, Field, create_model

model = xgboost.Booster(model_file=sys.argv[1])
model.set_param({"nthread": 1})
names = model.feature_names
model.feature_names = None  # else each prediction compares them
labels = ["<=50K", ">50K"]
app = FastAPI()

fields = {f"f{i}": (Optional[float], Field(None, alias=name)) for i, name in enumerate(names)}
Features = create_model("Features", **fields)


class Row(BaseModel):
    features: Features


class Answer(BaseModel):
    prediction: str
    confidence: float


@app.get("/readyz")
async def ready():
    return {"status": "ready"}


@app.post("/predict", response_model=Answer)
async def predict(row: Row):
    values = [numpy.nan if value is None else value for value in row.features.__dict__.values()]
    share = float(model.inplace_predict(numpy.array([values], dtype="f4"))[0])
    return Answer(prediction=labels[share >= 0.5], confidence=max(share, 1 - share))


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), workers=1, access_log=False, log_level="warning")
