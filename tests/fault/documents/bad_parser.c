/* A parser process that misbehaves as the document asks: "BEHAVE:word" somewhere in its bytes. Stands in for
 * one that a hostile file has taken over. With a name ending in -mute, -root or -quits it misbehaves from
 * its start. */
#include "documents/frame.h"
#include "documents/sandbox_layer.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SOCKET = 3 };

static void say(const void *bytes, size_t n) {
    if (!frame_write_all(SOCKET, bytes, n))
        _exit(0);
}

static void wait_for_ever(void) {
    for (;;)
        pause();
}

static struct frame_reply reply(void) {
    return (struct frame_reply){.magic = FRAME_MAGIC, .status = FRAME_OK, .confidence = 1};
}

static void misbehave(const char *word) {
    struct frame_reply head = reply();
    float visual[DOCUMENT_VISUAL_COUNT];
    if (strncmp(word, "quit", 4) == 0)
        _exit(7);
    if (strncmp(word, "crash", 5) == 0)
        raise(SIGSEGV);
    if (strncmp(word, "greedy", 6) == 0)
        _exit(FRAME_EXIT_MEMORY);
    if (strncmp(word, "leave", 5) == 0) {
        say(&head, sizeof head);
        _exit(0);
    }
    if (strncmp(word, "mute", 4) == 0)
        wait_for_ever();
    if (strncmp(word, "magic", 5) == 0)
        head.magic = 1;
    if (strncmp(word, "long", 4) == 0)
        head.text_size = UINT32_MAX;
    if (strncmp(word, "message", 7) == 0)
        head.message_size = 100000;
    if (strncmp(word, "half", 4) == 0) {
        head.text_size = 100;
        say(&head, sizeof head);
        say("only this", 9);
        wait_for_ever();
    }
    if (strncmp(word, "numbers", 7) == 0) {
        for (size_t i = 0; i < DOCUMENT_VISUAL_COUNT; i++)
            visual[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : -7;
        head.visual_count = DOCUMENT_VISUAL_COUNT;
        head.confidence = NAN;
        head.text_size = 6;
        say(&head, sizeof head);
        say(visual, sizeof visual);
        say("\xff\0ok\xc3\x28", 6);
        return;
    }
    say(&head, sizeof head);
}

int main(int argc, char **argv) {
    static char bytes[1 << 20];
    char self[4096] = "";
    struct frame_request request;
    (void)argc;
    (void)argv;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    struct frame_reply ready = reply();
    ready.status = FRAME_READY;
    ready.flags = SANDBOX_REQUIRED;
    if (n > 5 && strcmp(self + n - 5, "-mute") == 0)
        wait_for_ever();
    if (n > 6 && strcmp(self + n - 6, "-quits") == 0)
        return 1;
    if (n > 5 && strcmp(self + n - 5, "-root") == 0)
        ready.flags = SANDBOX_LIMITS;
    say(&ready, sizeof ready);
    while (frame_read_all(SOCKET, &request, sizeof request) && request.size < sizeof bytes &&
           frame_read_all(SOCKET, bytes, request.size)) {
        char *word = memmem(bytes, request.size, "BEHAVE:", 7);
        bytes[request.size] = '\0';
        misbehave(word ? word + 7 : "well");
    }
    return 0;
}
