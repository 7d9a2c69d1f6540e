#define _GNU_SOURCE
#include "clinux_control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int clinux_private_directory(const char *path) {
  char partial[512];
  size_t length = strlen(path);
  if (length == 0 || length >= sizeof partial) return -ENAMETOOLONG;
  for (size_t i = 1; i <= length; i++) {
    if (path[i] != '/' && path[i] != '\0') continue;
    memcpy(partial, path, i);
    partial[i] = '\0';
    if (mkdir(partial, 0700) < 0 && errno != EEXIST) return -errno;
  }
  struct stat status;
  if (lstat(path, &status) < 0) return -errno;
  if (!S_ISDIR(status.st_mode)) return -ENOTDIR;
  if (status.st_uid != geteuid() || (status.st_mode & 022) != 0) return -EPERM;
  return 0;
}

int clinux_lock_name(const char *path, int32_t *owner) {
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return -errno;
  char text[16] = {0};
  if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
    int error = errno;
    *owner = pread(fd, text, sizeof text - 1, 0) > 0 ? (int32_t)atoi(text) : 0;
    close(fd);
    return -error;
  }
  int length = snprintf(text, sizeof text, "%d\n", (int)getpid());
  if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)length, 0) != length) {
    int error = errno;
    clinux_unlock_name(fd);
    return -error;
  }
  return fd;
}

void clinux_unlock_name(int fd) {
  // A child between fork and exec still has a duplicate, which would keep the lock past the close.
  flock(fd, LOCK_UN);
  close(fd);
}

static int address_of(const char *path, struct sockaddr_un *address) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (strlen(path) >= sizeof address->sun_path) return -ENAMETOOLONG;
  strcpy(address->sun_path, path);
  return 0;
}

int clinux_control_listen(const char *path) {
  struct sockaddr_un address;
  int error = address_of(path, &address);
  if (error != 0) return error;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  unlink(path);
  // The directory is private, so the socket need not be.
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 16) < 0) {
    error = errno;
    close(fd);
    return -error;
  }
  return fd;
}

int clinux_control_accept(int listener) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      return -errno;
    }
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
        (peer.uid == geteuid() || peer.uid == 0))
      return fd;
    close(fd);
  }
}

int clinux_control_connect(const char *path) {
  struct sockaddr_un address;
  int error = address_of(path, &address);
  if (error != 0) return error;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
    error = errno;
    close(fd);
    return -error;
  }
  return fd;
}

// One byte of patience: waits until fd can be read, or the time is over.
static int wait_readable(int fd, int timeout_milliseconds) {
  struct pollfd entry = {.fd = fd, .events = POLLIN};
  int count;
  do count = poll(&entry, 1, timeout_milliseconds);
  while (count < 0 && errno == EINTR);
  if (count < 0) return -errno;
  return count == 0 ? -ETIMEDOUT : 0;
}

int64_t clinux_control_read_line(
    int fd, char *buffer, size_t capacity, int timeout_milliseconds) {
  size_t length = 0;
  while (length + 1 < capacity) {
    int error = wait_readable(fd, timeout_milliseconds);
    if (error != 0) return error;
    ssize_t count = read(fd, buffer + length, 1);
    if (count < 0) return -errno;
    if (count == 0) return -ECONNRESET;
    if (buffer[length] == '\n') {
      buffer[length] = '\0';
      return (int64_t)length;
    }
    length++;
  }
  return -EMSGSIZE;
}

int64_t clinux_control_read_all(
    int fd, char *buffer, size_t capacity, int timeout_milliseconds) {
  size_t length = 0;
  for (;;) {
    if (length == capacity) return -EMSGSIZE;
    int error = wait_readable(fd, timeout_milliseconds);
    if (error != 0) return error;
    ssize_t count = read(fd, buffer + length, capacity - length);
    if (count < 0) return -errno;
    if (count == 0) return (int64_t)length;
    length += (size_t)count;
  }
}

int clinux_control_write(int fd, const char *bytes, size_t count) {
  while (count > 0) {
    ssize_t written = send(fd, bytes, count, MSG_NOSIGNAL);
    if (written < 0) {
      if (errno == EINTR) continue;
      return -errno;
    }
    bytes += written;
    count -= (size_t)written;
  }
  return 0;
}

void clinux_control_remove(const char *path) { unlink(path); }

void clinux_control_shutdown(int fd) { shutdown(fd, SHUT_RDWR); }
