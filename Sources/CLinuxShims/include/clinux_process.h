// A process of our own making that serves this one, and is killed as a crash would end it.
#pragma once
#include <stdint.h>

/// Starts a program: a path and its arguments, each on a line. Its standard input is a pipe of which *input is the
/// end to write to; it ends with this process at the latest. *output reads what it says, without waiting.
/// The process or -errno.
int clinux_process_start(const char *lines, int *input, int *output);
/// The number that it wrote in a line of its own; 0: nothing yet; -errno, -EPIPE when it has ended.
int64_t clinux_process_said(int output);
/// Ends it at once. Only for a process that was started here and has not been seen to end.
void clinux_process_kill(int process);
/// 1 when it has ended; then its number may be another's.
int clinux_process_ended(int process);
