"""Asks an Open Inference Protocol server through NVIDIA's own client (tritonclient.http) what standard input says: a
JSON array of calls. Prints a JSON array of what the client made of the answers; an exception of the client's is
{"error", "status"}. Started by oip.test.mjs."""
import json
import sys

import numpy
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException, triton_to_np_dtype


def plain(value):
    """What JSON can say of a NumPy array."""
    if isinstance(value, numpy.ndarray):
        return [plain(item) for item in value.tolist()]
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.decode() if isinstance(value, bytes) else value


def tensor(given):
    made = InferInput(given["name"], given["shape"], given["datatype"])
    data = given["data"]
    if given["datatype"] == "BYTES":
        array = numpy.array([item.encode() for item in data], dtype=object)
    else:
        array = numpy.array(data, dtype=triton_to_np_dtype(given["datatype"]))
    made.set_data_from_numpy(array.reshape(given["shape"]), binary_data=given.get("binary", True))
    return made


def wanted(given):
    return InferRequestedOutput(given["name"], binary_data=given.get("binary", True), class_count=given.get("classes", 0))


def infer(client, call):
    outputs = [wanted(output) for output in call["outputs"]] if "outputs" in call else None
    result = client.infer(
        call["model"],
        [tensor(given) for given in call["inputs"]],
        model_version=call.get("version", ""),
        outputs=outputs,
        request_id=call.get("id", ""),
        headers=call.get("headers"),
        request_compression_algorithm=call.get("compression"),
    )
    response = result.get_response()
    names = [output["name"] for output in response["outputs"]]
    return {"response": response, "outputs": {name: plain(result.as_numpy(name)) for name in names}}


def main():
    client = InferenceServerClient(sys.argv[1])
    answers = []
    for call in json.load(sys.stdin):
        try:
            if call["call"] == "infer":
                answers.append(infer(client, call))
            else:
                answers.append(getattr(client, call["call"])(*call.get("arguments", [])))
        except InferenceServerException as error:
            answers.append({"error": error.message(), "status": error.status()})
    client.close()
    json.dump(answers, sys.stdout)


main()
