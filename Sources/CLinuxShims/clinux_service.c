#define _GNU_SOURCE
#include "clinux_service.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

int clinux_service_notify(const char *path, const char *text) {
  struct sockaddr_un address;
  size_t length = strlen(path);
  if (length == 0 || length >= sizeof address.sun_path) return -ENAMETOOLONG;
  memset(&address, 0, sizeof address);
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, path, length);
  // A name without a file begins with a zero byte.
  if (path[0] == '@') address.sun_path[0] = '\0';
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
  ssize_t sent =
      sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address, size);
  int result = sent < 0 ? -errno : 0;
  close(fd);
  return result;
}

int clinux_tcp_listen(uint32_t address, uint16_t port) {
  struct sockaddr_in name = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(address)}};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
      bind(fd, (struct sockaddr *)&name, sizeof name) < 0 || listen(fd, 16) < 0) {
    int error = errno;
    close(fd);
    return -error;
  }
  return fd;
}

int clinux_tcp_port(int listener) {
  struct sockaddr_in name;
  socklen_t size = sizeof name;
  if (getsockname(listener, (struct sockaddr *)&name, &size) < 0) return -errno;
  return ntohs(name.sin_port);
}

int clinux_tcp_accept(int listener) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) return fd;
    if (errno != EINTR && errno != ECONNABORTED) return -errno;
  }
}

static int64_t now_milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clinux_tcp_read_head(int fd, char *buffer, uint32_t capacity, int timeout_milliseconds) {
  uint32_t length = 0;
  int64_t deadline = now_milliseconds() + timeout_milliseconds;
  while (length + 1 < capacity) {
    int64_t left = deadline - now_milliseconds();
    if (left <= 0) return -ETIMEDOUT;
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    int ready = poll(&entry, 1, (int)left);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return -errno;
    if (ready == 0) return -ETIMEDOUT;
    ssize_t count = read(fd, buffer + length, capacity - 1 - length);
    if (count < 0) return -errno;
    if (count == 0) return -ECONNRESET;
    length += (uint32_t)count;
    buffer[length] = '\0';
    if (strstr(buffer, "\r\n\r\n") != NULL || strstr(buffer, "\n\n") != NULL) return length;
  }
  return -EMSGSIZE;
}

void clinux_tcp_answer(int fd, const char *bytes, uint64_t count) {
  int room = 256 * 1024;
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  while (count > 0) {
    ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return;
    bytes += sent;
    count -= (uint64_t)sent;
  }
}
