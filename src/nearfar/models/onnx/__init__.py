"""A finished model for other runtimes: ONNX, compared with the model before it is handed on."""
