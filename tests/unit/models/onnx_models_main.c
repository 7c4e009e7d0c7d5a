/* onnx-models FOLDER: writes the test models there, as NAME.onnx. */
#include "onnx_models.h"

#include <stdio.h>

static bool keep(const char *folder, const char *name, void (*write)(struct buf *out)) {
    struct buf model = BUF_INIT(1 << 20);
    char path[4096];
    write(&model);
    snprintf(path, sizeof path, "%s/%s.onnx", folder, name);
    FILE *file = fopen(path, "we");
    bool ok = file && !model.failed && fwrite(model.p, 1, model.n, file) == model.n;
    ok = (!file || fclose(file) == 0) && ok;
    buf_free(&model);
    if (!ok)
        perror(path);
    return ok;
}

int main(int argc, char **argv) {
    if (argc != 2)
        return 2;
    return keep(argv[1], "classifier", onnx_write_classifier) &&
                   keep(argv[1], "text", onnx_write_text_classifier) &&
                   keep(argv[1], "encoder", onnx_write_encoder) &&
                   keep(argv[1], "external", onnx_write_external)
               ? 0
               : 1;
}
