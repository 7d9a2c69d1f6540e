#define _GNU_SOURCE
#include "clinux_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

int clinux_file_open(const char *path, int may_create) {
  int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (may_create ? O_CREAT : 0);
  for (;;) {
    int fd = open(path, flags, 0600);
    if (fd >= 0) return fd;
    if (errno != EINTR) return -errno;
  }
}

int64_t clinux_file_read(int fd, uint64_t address, uint64_t count, uint64_t offset) {
  uint64_t done = 0;
  while (done < count) {
    ssize_t n =
        pread(fd, (char *)(uintptr_t)address + done, count - done, (off_t)(offset + done));
    if (n == 0) break;
    if (n > 0) done += (uint64_t)n;
    else if (errno != EINTR) return -errno;
  }
  return (int64_t)done;
}

int clinux_file_write(int fd, uint64_t address, uint64_t count, uint64_t offset) {
  uint64_t done = 0;
  while (done < count) {
    ssize_t n = pwrite(
        fd, (const char *)(uintptr_t)address + done, count - done, (off_t)(offset + done));
    if (n > 0) done += (uint64_t)n;
    else if (n == 0) return -EIO;
    else if (errno != EINTR) return -errno;
  }
  return 0;
}

static int write_zeros(int fd, uint64_t offset, uint64_t count) {
  static const char zeros[65536];
  uint64_t done = 0;
  while (done < count) {
    uint64_t part = count - done < sizeof zeros ? count - done : sizeof zeros;
    int error = clinux_file_write(fd, (uint64_t)(uintptr_t)zeros, part, offset + done);
    if (error != 0) return error;
    done += part;
  }
  return 0;
}

static int allocate(int fd, int mode, uint64_t offset, uint64_t count) {
  for (;;) {
    if (fallocate(fd, mode, (off_t)offset, (off_t)count) == 0) return 0;
    if (errno == EOPNOTSUPP) break;
    if (errno != EINTR) return -errno;
  }
  // A file system that cannot: zeros do just as well.
  return write_zeros(fd, offset, count);
}

int clinux_file_reserve(int fd, uint64_t offset, uint64_t count) {
  return allocate(fd, 0, offset, count);
}

int clinux_file_clear(int fd, uint64_t offset, uint64_t count) {
  return allocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, count);
}

int64_t clinux_file_length(int fd) {
  struct stat status;
  return fstat(fd, &status) < 0 ? -errno : (int64_t)status.st_size;
}

int clinux_file_cut(int fd, uint64_t length) {
  while (ftruncate(fd, (off_t)length) < 0)
    if (errno != EINTR) return -errno;
  return 0;
}

int clinux_file_sync(int fd) {
  while (fdatasync(fd) < 0)
    if (errno != EINTR) return -errno;
  return 0;
}

int clinux_file_system_sync(int fd) {
  while (syncfs(fd) < 0)
    if (errno != EINTR) return -errno;
  return 0;
}

int clinux_file_rename(const char *from, const char *to) {
  return rename(from, to) < 0 ? -errno : 0;
}

int clinux_file_remove(const char *path) { return unlink(path) < 0 ? -errno : 0; }

int clinux_directory_make(const char *path) {
  return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

int clinux_directory_sync(const char *path) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -errno;
  int error = 0;
  while (fsync(fd) < 0) {
    if (errno == EINTR) continue;
    error = -errno;
    break;
  }
  close(fd);
  return error;
}

uintptr_t clinux_directory_open(const char *path, int *error) {
  DIR *directory = opendir(path);
  *error = directory == NULL ? -errno : 0;
  return (uintptr_t)directory;
}

int clinux_directory_next(uintptr_t directory, char *name, uint32_t capacity) {
  struct dirent *entry;
  while ((entry = readdir((DIR *)directory)) != NULL) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (strlen(entry->d_name) >= capacity) continue;
    strcpy(name, entry->d_name);
    return 1;
  }
  return 0;
}

void clinux_directory_close(uintptr_t directory) { closedir((DIR *)directory); }

int clinux_directory_space(const char *path, struct clinux_space *space) {
  struct statvfs status;
  while (statvfs(path, &status) < 0)
    if (errno != EINTR) return -errno;
  space->block_byte_count = status.f_frsize;
  space->blocks = status.f_blocks;
  space->blocks_free = status.f_bfree;
  space->blocks_available = status.f_bavail;
  space->files = status.f_files;
  space->files_free = status.f_favail;
  return 0;
}
