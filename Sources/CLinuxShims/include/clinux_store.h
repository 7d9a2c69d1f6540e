// Files behind a target's store. Memory is named by address, as the wire's is. Functions that can fail return
// -errno; none is left by a signal.
#pragma once
#include <stdint.h>

/// How full a file system is.
struct clinux_space {
  uint64_t block_byte_count, blocks, blocks_free, blocks_available, files, files_free;
};

/// Opens for reading and writing; made when missing and asked for. The descriptor.
int clinux_file_open(const char *path, int may_create);
/// Reads up to count bytes, less only at the end of the file; how many.
int64_t clinux_file_read(int fd, uint64_t address, uint64_t count, uint64_t offset);
/// Writes all.
int clinux_file_write(int fd, uint64_t address, uint64_t count, uint64_t offset);
/// Makes sure that a range has its room on the disk; it reads as zero.
int clinux_file_reserve(int fd, uint64_t offset, uint64_t count);
/// Makes a range that the file has 0, and gives its room back where the file system can.
int clinux_file_clear(int fd, uint64_t offset, uint64_t count);
int64_t clinux_file_length(int fd);
int clinux_file_cut(int fd, uint64_t length);
/// Bytes and what it takes to find them again are safe.
int clinux_file_sync(int fd);
/// Everything written to the file system of fd is safe.
int clinux_file_system_sync(int fd);
int clinux_file_rename(const char *from, const char *to);
int clinux_file_remove(const char *path);

/// Makes one directory; 0 also when it is there.
int clinux_directory_make(const char *path);
/// The names in a directory are safe.
int clinux_directory_sync(const char *path);
/// A walk through a directory; 0 on failure, with -errno in *error.
uintptr_t clinux_directory_open(const char *path, int *error);
/// The next name, without `.` and `..`; 1, 0 at the end.
int clinux_directory_next(uintptr_t directory, char *name, uint32_t capacity);
void clinux_directory_close(uintptr_t directory);
int clinux_directory_space(const char *path, struct clinux_space *space);
