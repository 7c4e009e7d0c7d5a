/* A vocabulary and a text of any bytes, apart at the first NUL: the vocabulary is refused with a reason, or
 * the text becomes tokens of it, as many as there is room for, between its marks. */
#include "base/check.h"
#include "models/wordpiece.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char marks[] = "[UNK]\n[CLS]\n[SEP]\n";
    enum { MARKS = sizeof marks - 1, ROOM = 40 };
    struct str all = {(const char *)data, size}, text = all, words = str_split(&text, '\0');
    bool marked = size % 8 != 0;
    char *vocabulary = malloc(MARKS + words.n + 1);
    memcpy(vocabulary, marks, MARKS);
    if (words.n)
        memcpy(vocabulary + MARKS, words.p, words.n);
    struct wordpiece *w;
    struct error err = {0};
    struct str file = marked ? (struct str){vocabulary, MARKS + words.n} : words;
    if (wordpiece_new(&w, file, size & 1, &err)) {
        int64_t *tokens = malloc(ROOM * sizeof *tokens);
        size_t room = 2 + size % (ROOM - 1), n = wordpiece_encode(w, text, tokens, room);
        CHECK(n >= 2 && n <= room);
        for (size_t i = 0; i < n; i++)
            CHECK(tokens[i] >= 0 && (size_t)tokens[i] <= file.n);
        if (marked)
            CHECK(tokens[0] == 1 && tokens[n - 1] == 2);
        free(tokens);
        wordpiece_free(w);
    } else
        CHECK(err.code == ERR_ARTEFACT && err.message[0]);
    free(vocabulary);
    return 0;
}
