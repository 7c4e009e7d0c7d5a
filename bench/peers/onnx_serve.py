"""What one writes to put an ONNX model behind HTTP in Python: FastAPI with a pydantic model for the request, one session
of ONNX Runtime on one thread, uvicorn, one worker. No key, no limit, no record, no log.
onnx_serve.py MODEL.onnx PORT FEATURE-COUNT LABEL…; --versions prints what it runs on"""
import platform
import sys
from typing import Optional

import fastapi
import numpy
import onnxruntime
import uvicorn
from pydantic import BaseModel, Field, create_model

if sys.argv[1] == "--versions":
    names = f"FastAPI {fastapi.__version__}, uvicorn {uvicorn.__version__}, onnxruntime {onnxruntime.__version__}"
    print(f"{names}, Python {platform.python_version()}")
    sys.exit(0)

file, port, count, *labels = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
app = fastapi.FastAPI()

fields = {f"f{i}": (Optional[float], Field(None)) for i in range(int(count))}
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
    shares = session.run(["probabilities"], {"rows": numpy.array([values], dtype="f4")})[0][0]
    best = int(shares.argmax())
    return Answer(prediction=labels[best], confidence=float(shares[best]))


uvicorn.run(app, host="127.0.0.1", port=int(port), workers=1, access_log=False, log_level="warning")
