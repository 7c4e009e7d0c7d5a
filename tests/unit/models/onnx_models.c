#include "onnx_models.h"

enum { FLOAT = 1, INT64 = 7, TEXT = 8, BOOL = 9, ANY = -1 };

/* ---- protocol buffers ---- */

static void add_varint(struct buf *out, uint64_t value) {
    for (; value >= 0x80; value >>= 7)
        buf_add_char(out, (char)(value | 0x80));
    buf_add_char(out, (char)value);
}

static void add_number(struct buf *out, unsigned field, int64_t value) {
    add_varint(out, field << 3);
    add_varint(out, (uint64_t)value);
}

static void add_bytes(struct buf *out, unsigned field, struct str bytes) {
    add_varint(out, field << 3 | 2);
    add_varint(out, bytes.n);
    buf_add_str(out, bytes);
}

static void add_text(struct buf *out, unsigned field, const char *text) {
    add_bytes(out, field, str_from(text));
}

static void add_float(struct buf *out, unsigned field, float value) {
    add_varint(out, field << 3 | 5);
    buf_add(out, &value, sizeof value);
}

static void add_message(struct buf *out, unsigned field, struct buf *message) {
    add_bytes(out, field, buf_str(message));
    buf_free(message);
}

#define MESSAGE() BUF_INIT(1 << 20)

/* ---- ONNX ---- */

/* An input or output; dimensions of ANY are free. */
static void add_port(struct buf *graph, unsigned field, const char *name, int type, const int64_t *shape,
                     size_t rank) {
    struct buf value = MESSAGE(), kind = MESSAGE(), tensor = MESSAGE(), dimensions = MESSAGE();
    for (size_t i = 0; i < rank; i++) {
        struct buf dimension = MESSAGE();
        if (shape[i] != ANY)
            add_number(&dimension, 1, shape[i]);
        add_message(&dimensions, 1, &dimension);
    }
    add_number(&tensor, 1, type);
    add_message(&tensor, 2, &dimensions);
    add_message(&kind, 1, &tensor);
    add_text(&value, 1, name);
    add_message(&value, 2, &kind);
    add_message(graph, field, &value);
}

/* A constant. */
static void add_tensor(struct buf *graph, const char *name, int type, const int64_t *shape, size_t rank,
                       struct str raw) {
    struct buf tensor = MESSAGE();
    for (size_t i = 0; i < rank; i++)
        add_number(&tensor, 1, shape[i]);
    add_number(&tensor, 2, type);
    add_text(&tensor, 8, name);
    add_bytes(&tensor, 9, raw);
    add_message(graph, 5, &tensor);
}

struct node {
    const char *op, *domain;
    const char *inputs[4], *outputs[3];
    struct buf attributes; /* AttributeProto fields, whole */
};

static void add_node(struct buf *graph, struct node n) {
    struct buf node = MESSAGE();
    for (size_t i = 0; i < 4 && n.inputs[i]; i++)
        add_text(&node, 1, n.inputs[i]);
    for (size_t i = 0; i < 3 && n.outputs[i]; i++)
        add_text(&node, 2, n.outputs[i]);
    add_text(&node, 4, n.op);
    if (n.domain)
        add_text(&node, 7, n.domain);
    buf_add_str(&node, buf_str(&n.attributes));
    buf_free(&n.attributes);
    add_message(graph, 1, &node);
}

static void write_model(struct buf *out, struct buf *graph) {
    struct buf opset = MESSAGE(), learning = MESSAGE();
    add_text(graph, 2, "test");
    add_number(out, 1, 8);
    add_text(out, 2, "penstock-tests");
    add_number(&opset, 2, 13);
    add_text(&learning, 1, "ai.onnx.ml");
    add_number(&learning, 2, 2);
    add_message(out, 8, &opset);
    add_message(out, 8, &learning);
    add_message(out, 7, graph);
}

static const int64_t rows_shape[] = {ANY, 3}, two_shape[] = {ANY, 2}, text_shape[] = {ANY, 1};

static struct str raw_of(const void *p, size_t n) {
    return (struct str){p, n};
}

void onnx_write_classifier(struct buf *out) {
    static const float weights[] = {1, -1, -1, 1, 0, 1}, bias[] = {0, 0};
    static const int64_t weights_shape[] = {3, 2}, bias_shape[] = {2};
    struct buf graph = MESSAGE();
    add_node(&graph, (struct node){"Gemm", NULL, {"rows", "weights", "bias"}, {"scores"}, MESSAGE()});
    add_node(&graph, (struct node){"Softmax", NULL, {"scores"}, {"probabilities"}, MESSAGE()});
    add_tensor(&graph, "weights", FLOAT, weights_shape, 2, raw_of(weights, sizeof weights));
    add_tensor(&graph, "bias", FLOAT, bias_shape, 1, raw_of(bias, sizeof bias));
    add_port(&graph, 11, "rows", FLOAT, rows_shape, 2);
    add_port(&graph, 12, "probabilities", FLOAT, two_shape, 2);
    write_model(out, &graph);
}

void onnx_write_text_classifier(struct buf *out) {
    static const float weights[] = {2, -2};
    static const int64_t weights_shape[] = {1, 2};
    struct buf graph = MESSAGE(), attributes = MESSAGE(), keys = MESSAGE(), values = MESSAGE(),
               otherwise = MESSAGE();
    add_text(&keys, 1, "keys_strings");
    add_text(&keys, 9, "refund");
    add_number(&keys, 20, 8);
    add_text(&values, 1, "values_floats");
    add_float(&values, 7, 1);
    add_number(&values, 20, 6);
    add_text(&otherwise, 1, "default_float");
    add_float(&otherwise, 2, -1);
    add_number(&otherwise, 20, 1);
    add_message(&attributes, 5, &keys);
    add_message(&attributes, 5, &values);
    add_message(&attributes, 5, &otherwise);
    add_node(&graph, (struct node){"LabelEncoder", "ai.onnx.ml", {"text"}, {"known"}, attributes});
    add_node(&graph, (struct node){"MatMul", NULL, {"known", "weights"}, {"scores"}, MESSAGE()});
    add_tensor(&graph, "weights", FLOAT, weights_shape, 2, raw_of(weights, sizeof weights));
    add_port(&graph, 11, "text", TEXT, text_shape, 2);
    add_port(&graph, 12, "scores", FLOAT, two_shape, 2);
    write_model(out, &graph);
}

void onnx_write_encoder(struct buf *out) {
    static const int64_t ids_shape[] = {ANY, ANY}, states_shape[] = {ANY, ANY, ENCODER_DIMENSIONS},
                         table_shape[] = {ENCODER_TOKENS, ENCODER_DIMENSIONS};
    static float table[ENCODER_TOKENS][ENCODER_DIMENSIONS];
    struct buf graph = MESSAGE();
    for (int i = ENCODER_SPECIAL; i < ENCODER_TOKENS; i++)
        table[i][(i - ENCODER_SPECIAL) / 3] = 1;
    add_node(&graph, (struct node){"Gather", NULL, {"table", "input_ids"}, {"last_hidden_state"}, MESSAGE()});
    add_tensor(&graph, "table", FLOAT, table_shape, 2, raw_of(table, sizeof table));
    add_port(&graph, 11, "input_ids", INT64, ids_shape, 2);
    add_port(&graph, 11, "attention_mask", INT64, ids_shape, 2);
    add_port(&graph, 12, "last_hidden_state", FLOAT, states_shape, 3);
    write_model(out, &graph);
}

void onnx_write_slow(struct buf *out, int64_t turns) {
    static const int64_t none[] = {1};
    static const char yes = 1;
    struct buf graph = MESSAGE(), body = MESSAGE(), attributes = MESSAGE(), attribute = MESSAGE();
    add_text(&body, 2, "body");
    add_node(&body, (struct node){"Identity", NULL, {"go"}, {"go_on"}, MESSAGE()});
    add_node(&body, (struct node){"Add", NULL, {"sum", "sum"}, {"next"}, MESSAGE()});
    add_port(&body, 11, "turn", INT64, none, 0);
    add_port(&body, 11, "go", BOOL, none, 0);
    add_port(&body, 11, "sum", FLOAT, rows_shape, 2);
    add_port(&body, 12, "go_on", BOOL, none, 0);
    add_port(&body, 12, "next", FLOAT, rows_shape, 2);
    add_text(&attribute, 1, "body");
    add_message(&attribute, 6, &body);
    add_number(&attribute, 20, 5);
    add_message(&attributes, 5, &attribute);
    add_node(&graph, (struct node){"Loop", NULL, {"turns", "yes", "rows"}, {"sums"}, attributes});
    add_tensor(&graph, "turns", INT64, none, 0, raw_of(&turns, sizeof turns));
    add_tensor(&graph, "yes", BOOL, none, 0, raw_of(&yes, 1));
    add_port(&graph, 11, "rows", FLOAT, rows_shape, 2);
    add_port(&graph, 12, "sums", FLOAT, rows_shape, 2);
    write_model(out, &graph);
}

void onnx_write_external(struct buf *out) {
    struct buf graph = MESSAGE(), tensor = MESSAGE(), place = MESSAGE();
    static const int64_t weights_shape[] = {3, 2};
    add_node(&graph, (struct node){"MatMul", NULL, {"rows", "weights"}, {"probabilities"}, MESSAGE()});
    for (size_t i = 0; i < 2; i++)
        add_number(&tensor, 1, weights_shape[i]);
    add_number(&tensor, 2, FLOAT);
    add_text(&tensor, 8, "weights");
    add_text(&place, 1, "location");
    add_text(&place, 2, "/etc/hostname");
    add_message(&tensor, 13, &place);
    add_number(&tensor, 14, 1);
    add_message(&graph, 5, &tensor);
    add_port(&graph, 11, "rows", FLOAT, rows_shape, 2);
    add_port(&graph, 12, "probabilities", FLOAT, two_shape, 2);
    write_model(out, &graph);
}

void onnx_write_deep(struct buf *out, unsigned depth) {
    struct buf graph = MESSAGE();
    for (unsigned i = 0; i < depth; i++) {
        struct buf attribute = MESSAGE(), node = MESSAGE(), outer = MESSAGE();
        add_message(&attribute, 6, &graph);
        add_message(&node, 5, &attribute);
        add_message(&outer, 1, &node);
        graph = outer;
    }
    write_model(out, &graph);
}
