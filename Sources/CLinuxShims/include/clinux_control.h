// The local sockets by which commands reach a running node: stream sockets in an owner-only directory.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Makes a directory of mode 0700 that belongs to the caller, with its parents; 0 or -errno. A directory of
/// somebody else, or one that others may write, is -EPERM.
int clinux_private_directory(const char *path);
/// Takes the lock file of a name: its descriptor, kept open for as long as the name is owned; -EWOULDBLOCK
/// when a live process has it, and *owner is its pid. -errno else.
int clinux_lock_name(const char *path, int32_t *owner);
/// Gives a name back and closes its descriptor.
void clinux_unlock_name(int fd);
/// Listens at a path; whatever lay there is removed first. The descriptor or -errno.
int clinux_control_listen(const char *path);
/// Waits for a caller of the same user; its descriptor or -errno. Others are closed.
int clinux_control_accept(int listener);
/// The descriptor or -errno.
int clinux_control_connect(const char *path);
/// Reads one line without its end, at most capacity - 1 bytes, within the time; its length or -errno.
int64_t clinux_control_read_line(int fd, char *buffer, size_t capacity, int timeout_milliseconds);
/// Reads until the other end closes; its length or -errno, -EMSGSIZE when it does not fit.
int64_t clinux_control_read_all(int fd, char *buffer, size_t capacity, int timeout_milliseconds);
/// Writes all; 0 or -errno.
int clinux_control_write(int fd, const char *bytes, size_t count);
/// Takes the socket's name away.
void clinux_control_remove(const char *path);
/// Wakes whoever waits in accept.
void clinux_control_shutdown(int fd);
