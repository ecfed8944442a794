"""Reading and writing `.tflite` files through LiteRT's own schema, without TensorFlow.

Used where bundles are built and heads are refitted, never on the hot path.

- Reading: `inspect`, `dense_reading`. Of one file others: `split`, `quantize`, `fed_quantized`.
- Writing: `graph_writer` and `pack`; with them whole networks, `dense` and `convolutional`.
"""
