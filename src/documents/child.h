/* Child processes of the pool's threads: spawned with exactly the descriptors they are given, and reaped
 * with a verdict on how they ended. Any thread; the process identifier belongs to its caller. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

enum { CHILD_DESCRIPTORS = 4 };

/* descriptors[i] becomes the child's descriptor i; -1: /dev/null for 0 to 2, closed for 3. The caller's
 * stay open. */
bool child_spawn(const char *program, char *const arguments[], char *const environment[],
                 const int descriptors[CHILD_DESCRIPTORS], pid_t *pid, struct error *err) MUST_USE;

enum child_end {
    CHILD_EXITED,
    CHILD_OUT_OF_MEMORY, /* its own word (FRAME_EXIT_MEMORY), or the kernel's killer of the greedy */
    CHILD_OUT_OF_CPU,
    CHILD_FORBIDDEN, /* the sandbox killed it for a system call: an attack or a gap in the filter */
    CHILD_CRASHED,
};

/* Kills the child and takes its verdict. One that was ending already keeps its own: *status is its exit
 * status when CHILD_EXITED, else the signal. */
enum child_end child_kill(pid_t pid, int *status);

/* The error for a child that ended so while reading a document; returns false. */
bool child_fail(enum child_end end, int status, struct error *err);
