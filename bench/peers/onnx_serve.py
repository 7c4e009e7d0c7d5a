"""An ONNX model behind FastAPI: one session of ONNX Runtime on one thread.
onnx_serve.py MODEL.onnx PORT FEATURE-COUNT LABEL…; --versions prints what it runs on"""
import platform
import sys

import fastapi
import numpy
import onnxruntime
import uvicorn
from row_service import serve

if sys.argv[1] == "--versions":
    names = f"FastAPI {fastapi.__version__}, uvicorn {uvicorn.__version__}, onnxruntime {onnxruntime.__version__}"
    print(f"{names}, Python {platform.python_version()}")
    sys.exit(0)

file, port, count, *labels = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def answer(row):
    values = [numpy.nan if value is None else value for value in row]
    shares = session.run(["probabilities"], {"rows": numpy.array([values], dtype="f4")})[0][0]
    best = int(shares.argmax())
    return labels[best], float(shares[best])


serve([f"f{i}" for i in range(int(count))], answer, int(port))
