/* Small ONNX models for tests, written byte by byte as onnx.proto says. */
#pragma once

#include "base/buf.h"

/* "rows" float [N,3] to "probabilities" float [N,2], the softmax of (a - b, b - a + c). */
void onnx_write_classifier(struct buf *out);
/* "text" string [N,1] to "scores" float [N,2], before softmax: (2, -2) of "refund", (-2, 2) of anything else.
 */
void onnx_write_text_classifier(struct buf *out);
/* "rows" float [N,3] to a float [N,3] by a loop of `turns` additions. */
void onnx_write_slow(struct buf *out, int64_t turns);
/* A sentence encoder: "input_ids" and "attention_mask" int64 [N,T] to "last_hidden_state" float [N,T,D].
 * Tokens 0 to ENCODER_SPECIAL - 1 have the vector 0; of those behind them, three at a time have a direction
 * of their own. */
enum {
    ENCODER_SPECIAL = 8,
    ENCODER_DIMENSIONS = 22,
    ENCODER_TOKENS = ENCODER_SPECIAL + 3 * ENCODER_DIMENSIONS
};
void onnx_write_encoder(struct buf *out);
/* As the classifier, but its weights are said to be in the file /etc/hostname. */
void onnx_write_external(struct buf *out);
/* A graph within a graph, `depth` times. */
void onnx_write_deep(struct buf *out, unsigned depth);
