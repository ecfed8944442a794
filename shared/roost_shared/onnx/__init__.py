"""Reading and writing `.onnx` files through the `onnx` package.

Used where bundles are built and heads are refitted, never on the hot path: `inspect`, `rename`, `split`, `dense`.
"""
