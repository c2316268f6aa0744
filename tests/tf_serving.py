"""A stand-in for TensorFlow Serving that answers one exported model by its published formats, REST and gRPC.

It does with a request what https://www.tensorflow.org/tfx/serving/api_rest and the messages of `tensorflow_serving.apis`
say; it is not the server itself.
"""

import contextlib
import http.server
import json
import threading
from concurrent import futures

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

DEFAULT = "serving_default"


def rest(signatures, body):
    """The answer to the body of a POST to `/v1/models/NAME:predict`, both as JSON text."""
    asked = json.loads(body)
    signature = signatures[asked.get("signature_name", DEFAULT)]
    specs = signature.structured_input_signature[1]
    if "instances" in asked:  # row format
        rows = asked["instances"]
        if len(specs) == 1 and not isinstance(rows[0], dict):
            rows = [{next(iter(specs)): row} for row in rows]
        inputs = {name: [row[name] for row in rows] for name in specs}
    else:  # column format
        inputs = asked["inputs"]
        if len(specs) == 1 and not isinstance(inputs, dict):
            inputs = {next(iter(specs)): inputs}
    outputs = signature(**{name: tf.constant(inputs[name], specs[name].dtype) for name in specs})
    outputs = {name: value.numpy().tolist() for name, value in outputs.items()}
    alone = next(iter(outputs.values())) if len(outputs) == 1 else None
    if "inputs" in asked:
        return json.dumps({"outputs": alone if alone is not None else outputs})
    if alone is not None:
        return json.dumps({"predictions": alone})
    rows = zip(*outputs.values(), strict=True)  # all have the axis of the batch
    return json.dumps({"predictions": [dict(zip(outputs, row, strict=True)) for row in rows]})


class _Predictions(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, models):
        self.models = models

    def Predict(self, request, context):
        signature = self.models[request.model_spec.name][
            request.model_spec.signature_name or DEFAULT
        ]
        specs = signature.structured_input_signature[1]
        assert set(request.inputs) == set(specs), (set(request.inputs), set(specs))
        inputs = {}
        for name, proto in request.inputs.items():
            assert proto.dtype == specs[name].dtype.as_datatype_enum, name
            inputs[name] = tf.constant(tf.make_ndarray(proto))
        response = predict_pb2.PredictResponse()
        for name, value in signature(**inputs).items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(np.asarray(value)))
        return response


@contextlib.contextmanager
def serving(models):
    """Within it, dict of name -> signatures is served; gives the ports (REST, gRPC)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            name, verb = self.path.removeprefix("/v1/models/").split(":")
            assert verb == "predict"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = rest(models[name], body).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=web.serve_forever, daemon=True)
    thread.start()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        _Predictions(models), server
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield web.server_address[1], port
    finally:
        server.stop(None).wait()
        web.shutdown()
        web.server_close()
        thread.join()
