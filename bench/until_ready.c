/* How long a server takes from exec to its first 200: starts a program, asks for PATH every quarter of a
 * millisecond, prints the milliseconds, ends the program with SIGTERM and waits for its end.
 *
 * until_ready ADDRESS:PORT PATH LIMIT_MS -- PROGRAM [ARGUMENT]…
 *
 * The program's output goes where this one's standard error goes. */
#include "http_client.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { END_MS = 10000, ANSWER_MS = 1000 };

static void pause_us(long us) {
    struct timespec t = {.tv_nsec = us * 1000};
    nanosleep(&t, NULL);
}

static bool is_ready(const struct sockaddr_in *address, const struct message *request) {
    char reply[4096];
    int fd = client_connect(address);
    bool ready = false;
    if (fd < 0)
        return false;
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    if (send(fd, request->p, request->n, MSG_NOSIGNAL) > 0 && poll(&readable, 1, ANSWER_MS) == 1) {
        ssize_t n = recv(fd, reply, sizeof reply, 0);
        ready = n > 12 && memcmp(reply + 8, " 200", 4) == 0;
    }
    close(fd);
    return ready;
}

static pid_t start(char **command) {
    pid_t pid = fork();
    if (pid < 0)
        give_up("fork: %s", strerror(errno));
    if (pid == 0) {
        dup2(STDERR_FILENO, STDOUT_FILENO);
        execvp(command[0], command);
        fprintf(stderr, "%s: %s\n", command[0], strerror(errno));
        _exit(127);
    }
    return pid;
}

static void end(pid_t pid) {
    int status;
    double limit = now() + END_MS / 1e3;
    kill(pid, SIGTERM);
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (now() > limit)
            kill(pid, SIGKILL);
        pause_us(1000);
    }
}

int main(int argc, char **argv) {
    if (argc < 6 || strcmp(argv[4], "--") != 0)
        give_up("usage: until_ready ADDRESS:PORT PATH LIMIT_MS -- PROGRAM [ARGUMENT]…");
    struct sockaddr_in address = address_read(argv[1]);
    struct message request = request_make(argv[1], argv[2], "connection: close\r\n", NULL, 0);
    double limit = atof(argv[3]) / 1e3;
    if (is_ready(&address, &request))
        give_up("somebody else listens on %s", argv[1]);
    double started = now(), taken;
    pid_t pid = start(argv + 5);
    while (!is_ready(&address, &request)) {
        int status;
        if (waitpid(pid, &status, WNOHANG) == pid)
            give_up("%s ended before it was ready", argv[5]);
        if (now() - started > limit) {
            end(pid);
            give_up("%s was not ready after %s ms", argv[5], argv[3]);
        }
        pause_us(250);
    }
    taken = now() - started;
    end(pid);
    printf("%.3f\n", taken * 1e3);
    return 0;
}
