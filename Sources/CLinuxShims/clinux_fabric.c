#define _GNU_SOURCE
#include "clinux_fabric.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int checked(int result) { return result < 0 ? -errno : result; }

static int closed_after(int fd) {
  int error = errno;
  close(fd);
  return -error;
}

int clinux_memory_create(const char *name, uint64_t byte_count) {
  int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return -errno;
  if (ftruncate(fd, (off_t)byte_count) < 0) return closed_after(fd);
  if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) return closed_after(fd);
  return fd;
}

int64_t clinux_memory_size(int fd) {
  struct stat status;
  int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0) return -errno;
  if (!(seals & F_SEAL_SHRINK)) return -EPERM;
  if (fstat(fd, &status) < 0) return -errno;
  return status.st_size;
}

void *clinux_memory_map(int fd, uint64_t byte_count, int *error) {
  void *at = mmap(NULL, byte_count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
  if (at == MAP_FAILED) {
    *error = errno;
    return NULL;
  }
  // A core file of every peer's memory would be of no use.
  madvise(at, byte_count, MADV_DONTDUMP);
  return at;
}

void clinux_memory_unmap(void *at, uint64_t byte_count) { munmap(at, byte_count); }

int clinux_memory_discard(int fd, uint64_t offset, uint64_t byte_count) {
  return checked(fallocate(
      fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)byte_count));
}

static int address_of(const char *path, struct sockaddr_un *address) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (strlen(path) >= sizeof address->sun_path) return -ENAMETOOLONG;
  strcpy(address->sun_path, path);
  return 0;
}

int clinux_fabric_listen(const char *path, int backlog) {
  struct sockaddr_un address;
  int result = address_of(path, &address);
  if (result < 0) return result;
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) return closed_after(fd);
  if (listen(fd, backlog) < 0) return closed_after(fd);
  return fd;
}

int clinux_fabric_connect(const char *path) {
  struct sockaddr_un address;
  int result = address_of(path, &address);
  if (result < 0) return result;
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) return closed_after(fd);
  return fd;
}

int clinux_fabric_accept(int fd) {
  return checked(accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

int clinux_fabric_peer_process(int fd) {
  struct ucred peer;
  socklen_t length = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return 0;
  return peer.pid;
}

int clinux_fabric_send(int fd, const void *bytes, size_t byte_count, int first, int second) {
  char control[CMSG_SPACE(2 * sizeof(int))] = {0};
  struct iovec piece = {.iov_base = (void *)bytes, .iov_len = byte_count};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
  int descriptors[2] = {first, second};
  int count = first < 0 ? 0 : second < 0 ? 1 : 2;
  if (count > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(header), descriptors, count * sizeof(int));
  }
  return checked((int)sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
}

int clinux_fabric_receive(int fd, void *bytes, size_t byte_count, int *first, int *second) {
  char control[CMSG_SPACE(2 * sizeof(int))] = {0};
  struct iovec piece = {.iov_base = bytes, .iov_len = byte_count};
  struct msghdr message = {
      .msg_iov = &piece,
      .msg_iovlen = 1,
      .msg_control = control,
      .msg_controllen = sizeof control};
  *first = *second = -1;
  int length = (int)recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (length < 0) return -errno;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    if (count > 0) memcpy(first, CMSG_DATA(header), sizeof(int));
    if (count > 1) memcpy(second, CMSG_DATA(header) + sizeof(int), sizeof(int));
  }
  return length;
}

void clinux_fabric_finish(int fd) { shutdown(fd, SHUT_WR); }

int clinux_fabric_watch(int epoll, int fd, uint64_t tag, int edge_triggered) {
  struct epoll_event event = {
      .events = EPOLLIN | EPOLLRDHUP | (edge_triggered ? EPOLLET : 0), .data.u64 = tag};
  return checked(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}

int clinux_fabric_unwatch(int epoll, int fd) {
  return checked(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL));
}

int clinux_fabric_ready(int epoll, uint64_t *tags, int capacity) {
  struct epoll_event events[64];
  int count = epoll_wait(epoll, events, capacity < 64 ? capacity : 64, 0);
  if (count < 0) return errno == EINTR ? 0 : -errno;
  for (int index = 0; index < count; index++) tags[index] = events[index].data.u64;
  return count;
}

int clinux_fabric_directory(const char *path) {
  struct stat status;
  // Whoever tidies up may take it away before anything lies in it: then it is made again.
  for (int tries = 0;; tries++) {
    if (mkdir(path, 0700) < 0 && errno != EEXIST) return -errno;
    if (lstat(path, &status) == 0) break;
    if (errno != ENOENT || tries == 100) return -errno;
  }
  if (!S_ISDIR(status.st_mode)) return -ENOTDIR;
  if (status.st_uid != geteuid() || (status.st_mode & 077)) return -EPERM;
  return 0;
}

int clinux_fabric_lock(const char *path) {
  for (;;) {
    struct stat status;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return -errno;
    int result;
    do result = flock(fd, LOCK_EX);
    while (result < 0 && errno == EINTR);
    if (result < 0 || fstat(fd, &status) < 0) return closed_after(fd);
    if (status.st_nlink > 0) return fd;
    // Its holder removed it while we waited: this lock is nobody's any more.
    close(fd);
  }
}

void clinux_fabric_remove_if_empty(const char *directory, const char *lock) {
  DIR *entries = opendir(directory);
  if (!entries) return;
  int others = 0;
  struct dirent *entry;
  while ((entry = readdir(entries)))
    others += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
              strcmp(entry->d_name, "lock");
  closedir(entries);
  if (others) return;
  unlink(lock);
  rmdir(directory);
}

// Who is asked by its socket and refuses is dead; anything else, and anything that is no socket, is left alone.
static int is_dead(const char *path) {
  struct stat status;
  if (lstat(path, &status) < 0 || !S_ISSOCK(status.st_mode)) return 0;
  int fd = clinux_fabric_connect(path);
  if (fd >= 0) close(fd);
  return fd == -ECONNREFUSED;
}

// The caller holds the directory's lock: nobody comes while it is looked at.
static int remove_if_all_dead(const char *directory, const char *lock) {
  char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
  struct dirent *entry;
  DIR *entries = opendir(directory);
  if (!entries) return 0;
  int lives = 0;
  for (int round = 0; round < 2 && !lives; round++, rewinddir(entries))
    while (!lives && (entry = readdir(entries))) {
      if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
          !strcmp(entry->d_name, "lock"))
        continue;
      int length = snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
      if (length < 0 || (size_t)length >= sizeof path) lives = 1;
      // The first round looks, the second one removes.
      else if (round == 0) lives = !is_dead(path);
      else unlink(path);
    }
  closedir(entries);
  if (lives) return 0;
  clinux_fabric_remove_if_empty(directory, lock);
  return access(directory, F_OK) < 0;
}

int clinux_fabric_remove_dead(const char *parent, const char *prefix, const char *own, int most) {
  char directory[256], lock[264];
  struct dirent *entry;
  DIR *entries = opendir(parent);
  if (!entries) return 0;
  int removed = 0;
  while (most > 0 && (entry = readdir(entries))) {
    if (strncmp(entry->d_name, prefix, strlen(prefix)) || !strcmp(entry->d_name, own)) continue;
    int length = snprintf(directory, sizeof directory, "%s/%s", parent, entry->d_name);
    if (length < 0 || (size_t)length >= sizeof directory) continue;
    snprintf(lock, sizeof lock, "%s/lock", directory);
    most--;
    struct stat status;
    int fd = open(lock, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
      // Not even a lock: whoever is making it makes it again.
      if (errno == ENOENT) removed += rmdir(directory) == 0;
      continue;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &status) == 0 && status.st_nlink > 0)
      removed += remove_if_all_dead(directory, lock);
    close(fd);
  }
  closedir(entries);
  return removed;
}

int clinux_fabric_unlink(const char *path) { return checked(unlink(path)); }
int clinux_fabric_rename(const char *from, const char *to) { return checked(rename(from, to)); }
int clinux_user(void) { return (int)geteuid(); }
int clinux_process(void) { return (int)getpid(); }

int64_t clinux_raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
  if (limit.rlim_cur < limit.rlim_max) {
    struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return (int64_t)limit.rlim_cur;
}
