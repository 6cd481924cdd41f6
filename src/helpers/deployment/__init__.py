"""The trained model leaves the repository: as ONNX, with all that using it needs."""
