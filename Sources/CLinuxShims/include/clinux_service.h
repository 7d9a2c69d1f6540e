// How a service tells its manager of itself, and how it is asked for metrics.
#pragma once
#include <stdint.h>

/// Sends a datagram to the Unix socket at the path, `@` first for one without a file; 0 or -errno. Never waits.
int clinux_service_notify(const char *path, const char *text);
/// Listens on TCP at an IPv4 address and port, both in host order; port 0 takes a free one. The descriptor or
/// -errno.
int clinux_tcp_listen(uint32_t address, uint16_t port);
/// The port that a listener has, in host order, or -errno.
int clinux_tcp_port(int listener);
/// Waits for a caller; its descriptor or -errno.
int clinux_tcp_accept(int listener);
/// Reads until a blank line has come, at most capacity - 1 bytes, all within the time; how many or -errno.
int64_t clinux_tcp_read_head(int fd, char *buffer, uint32_t capacity, int timeout_milliseconds);
/// Hands an answer of less than 200 kB to the system without waiting; what finds no room there is lost.
void clinux_tcp_answer(int fd, const char *bytes, uint64_t count);
