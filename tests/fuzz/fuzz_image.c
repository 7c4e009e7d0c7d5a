/* What penstock-parser does with an image before recognition: structure, decoding, looks, normalisation. The
 * first byte chooses the format, so that each decoder is reached whatever the signature says. */
#include "documents/documents.h"
#include "documents/parser/image.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void normalise(const uint8_t *data, size_t size) {
    PIX *pix = pixReadMem(data, size);
    PIX *grey = pix && pixGetWidth(pix) >= 16 && pixGetHeight(pix) >= 16 ? pixConvertTo8(pix, 0) : NULL;
    PIX *normal = grey ? image_normalise(grey) : NULL;
    pixDestroy(&pix);
    pixDestroy(&grey);
    pixDestroy(&normal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct image_output output;
    if (size < 1)
        return 0;
    setMsgSeverity(L_SEVERITY_NONE);
    struct image_input input = {
        .bytes = data + 1,
        .size = size - 1,
        .format = (enum frame_format)(FRAME_JPEG + data[0] % 3),
        .want = DOCUMENT_VISUAL,
        .max_pixels = 300000,
        .max_text = 1000,
    };
    image_read(&input, NULL, &output);
    /* What the decoder took, the normaliser must take too. */
    if (output.status == FRAME_OK && input.format != FRAME_PGM)
        normalise(input.bytes, input.size);
    image_output_free(&output);
    return 0;
}
