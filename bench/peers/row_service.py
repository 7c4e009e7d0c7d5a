"""What one writes to put a model of rows behind HTTP: FastAPI with a pydantic model for the request, uvicorn, one worker. No
key, no limit, no record, no log. `async def`, which spares the hand-over to a thread pool."""
from typing import Optional

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field, create_model


def serve(names, answer, port):
    """answer: the list of a row's values (None: missing) -> (label, confidence)"""
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
        label, confidence = answer(list(row.features.__dict__.values()))
        return Answer(prediction=label, confidence=confidence)

    uvicorn.run(app, host="127.0.0.1", port=port, workers=1, access_log=False, log_level="warning")
