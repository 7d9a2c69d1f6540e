// Shared memory, and the Unix sockets over which processes of one host hand it to each other. Functions that can
// fail return -errno.
#pragma once
#include <stdint.h>
#include <stddef.h>

/// Anonymous memory of so many bytes, all zero and none of it taken yet, that cannot shrink.
int clinux_memory_create(const char *name, uint64_t byte_count);
/// How many bytes another process's memory has; -EPERM when it could shrink under its readers.
int64_t clinux_memory_size(int fd);
/// Maps shared memory for reading and writing; NULL on failure, with errno in *error.
void *clinux_memory_map(int fd, uint64_t byte_count, int *error);
void clinux_memory_unmap(void *at, uint64_t byte_count);
/// Gives pages back to the system; they read as zero afterwards.
int clinux_memory_discard(int fd, uint64_t offset, uint64_t byte_count);

/// A listening SOCK_SEQPACKET socket at a path.
int clinux_fabric_listen(const char *path, int backlog);
/// Connects to a path without blocking; -EAGAIN when the listener's backlog is full.
int clinux_fabric_connect(const char *path);
/// The next connection; -EAGAIN when there is none.
int clinux_fabric_accept(int fd);
/// The process at the other end, 0 when the system does not say.
int clinux_fabric_peer_process(int fd);
/// Sends one message with up to two descriptors (-1 for none).
int clinux_fabric_send(int fd, const void *bytes, size_t byte_count, int first, int second);
/// Receives one message and up to two descriptors. Returns its length; 0 when the peer hung up; -EAGAIN.
int clinux_fabric_receive(int fd, void *bytes, size_t byte_count, int *first, int *second);

/// Says that nothing more will be sent: the other end reads as hung up, and this one learns when it closes too.
void clinux_fabric_finish(int fd);

/// Watches fd and reports it by tag; edge-triggered when asked.
int clinux_fabric_watch(int epoll, int fd, uint64_t tag, int edge_triggered);
int clinux_fabric_unwatch(int epoll, int fd);
/// The tags of descriptors that are ready now; never waits. Returns how many.
int clinux_fabric_ready(int epoll, uint64_t *tags, int capacity);

/// A directory that only this user can enter, made when missing; -EPERM when it is somebody else's.
int clinux_fabric_directory(const char *path);
/// Takes the directory's lock; returns a descriptor whose closing gives it back. -ENOENT when the directory was
/// removed meanwhile.
int clinux_fabric_lock(const char *path);
/// Removes the directory if nothing but its lock is in it; the caller holds the lock.
void clinux_fabric_remove_if_empty(const char *directory, const char *lock);
/// Removes directories in `parent` whose names begin with `prefix` and in which nobody listens any more, but not the one
/// named `own`; looks at no more than `most`, and at none that is locked. Returns how many are gone.
int clinux_fabric_remove_dead(const char *parent, const char *prefix, const char *own, int most);
int clinux_fabric_unlink(const char *path);
int clinux_fabric_rename(const char *from, const char *to);
int clinux_user(void);
int clinux_process(void);
/// Raises the soft limit of open descriptors to the hard one; returns it.
int64_t clinux_raise_descriptor_limit(void);
