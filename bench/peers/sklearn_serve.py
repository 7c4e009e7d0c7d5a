"""What one writes to put the model behind HTTP: FastAPI with a pydantic model for the request, uvicorn, one worker.
No key, no limit, no cache, no record, no log. `async def`, which spares the hand-over to a thread pool.
sklearn_serve.py MODEL PORT"""
import sys

import joblib
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field

model = joblib.load(sys.argv[1])
app = FastAPI()


class Question(BaseModel):
    text: str = Field(min_length=1, max_length=100_000)


class Answer(BaseModel):
    prediction: str
    confidence: float


@app.get("/readyz")
async def ready():
    return {"status": "ready"}


@app.post("/predict", response_model=Answer)
async def predict(question: Question):
    shares = model.predict_proba([question.text])[0]
    best = shares.argmax()
    return Answer(prediction=model.classes_[best], confidence=shares[best])


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), workers=1, access_log=False, log_level="warning")
