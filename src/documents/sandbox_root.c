#include "documents/sandbox_root.h"

#include "base/attributes.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Any directory serves as the mount point for the new root, which hides it from this process only. */
#define NEW_ROOT "/tmp"

static const char *const wanted[] = {
    "/usr", "/bin", "/lib", "/lib64", "/etc/fonts", "/etc/ld.so.cache", "/var/cache/fontconfig"};

static void make_parents(char *path) {
    for (char *slash = strchr(path + strlen(NEW_ROOT) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
}

/* A remount inside a user namespace must repeat the flags that the mount already has. */
static unsigned long present_flags(const char *path) {
    struct statvfs fs;
    unsigned long flags = 0;
    if (statvfs(path, &fs) != 0)
        return 0;
    if (fs.f_flag & ST_NOATIME)
        flags |= MS_NOATIME;
    if (fs.f_flag & ST_RELATIME)
        flags |= MS_RELATIME;
    if (fs.f_flag & ST_NODIRATIME)
        flags |= MS_NODIRATIME;
    if (fs.f_flag & ST_NOEXEC)
        flags |= MS_NOEXEC;
    return flags;
}

static bool show_read_only(const char *path) {
    char to[PATH_MAX], link[PATH_MAX];
    struct stat st;
    snprintf(to, sizeof to, "%s%s", NEW_ROOT, path);
    if (lstat(path, &st) != 0)
        return true;
    make_parents(to);
    if (S_ISLNK(st.st_mode)) {
        ssize_t n = readlink(path, link, sizeof link - 1);
        if (n < 0)
            return false;
        link[n] = '\0';
        return symlink(link, to) == 0;
    }
    if (S_ISDIR(st.st_mode)) {
        if (mkdir(to, 0755) != 0)
            return false;
    } else {
        int fd = open(to, O_CREAT | O_WRONLY | O_CLOEXEC, 0444);
        if (fd < 0)
            return false;
        close(fd);
    }
    return mount(path, to, NULL, MS_BIND | MS_REC, NULL) == 0 &&
           mount(NULL, to, NULL,
                 MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | present_flags(path), NULL) == 0;
}

bool sandbox_root_enter(void) {
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", NEW_ROOT, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=755") != 0)
        return false;
    bool shown = true;
    for (size_t i = 0; i < ARRAY_COUNT(wanted) && shown; i++)
        shown = show_read_only(wanted[i]);
    if (!shown || chdir(NEW_ROOT) != 0 || syscall(SYS_pivot_root, ".", ".") != 0) {
        umount2(NEW_ROOT, MNT_DETACH);
        return false;
    }
    /* Both roots are stacked on "." now, the old one on top. */
    return umount2(".", MNT_DETACH) == 0 && chdir("/") == 0 &&
           mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) == 0;
}
