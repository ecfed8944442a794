"""Reading and writing `.tflite` files through LiteRT's own schema, without TensorFlow.

Used where bundles are built and heads are refitted, never on the hot path.
"""
