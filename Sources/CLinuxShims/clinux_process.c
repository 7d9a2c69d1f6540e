#define _GNU_SOURCE
#include "clinux_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define ARGUMENT_COUNT_MAX 32

int clinux_process_start(const char *lines, int *input, int *output) {
  char *copy = strdup(lines);
  if (!copy) return -ENOMEM;
  char *arguments[ARGUMENT_COUNT_MAX + 1] = {0};
  char *rest = copy;
  int count = 0;
  for (char *word; count < ARGUMENT_COUNT_MAX && (word = strsep(&rest, "\n"));)
    arguments[count++] = word;
  int in[2], out[2];
  int result = -EINVAL;
  if (count == 0 || rest) goto freed;
  if (pipe2(in, O_CLOEXEC) < 0) {
    result = -errno;
    goto freed;
  }
  if (pipe2(out, O_CLOEXEC) < 0) {
    result = -errno;
    close(in[0]);
    close(in[1]);
    goto freed;
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  pid_t process;
  int error = posix_spawn(&process, arguments[0], &actions, NULL, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  if (error) {
    close(in[1]);
    close(out[0]);
    result = -error;
    goto freed;
  }
  fcntl(out[0], F_SETFL, O_NONBLOCK);
  *input = in[1];
  *output = out[0];
  result = process;
freed:
  free(copy);
  return result;
}

int64_t clinux_process_said(int output) {
  char text[32];
  ssize_t count = read(output, text, sizeof text - 1);
  if (count < 0) return errno == EAGAIN || errno == EINTR ? 0 : -errno;
  if (count == 0) return -EPIPE;
  text[count] = 0;
  return strtoll(text, NULL, 10);
}

void clinux_process_kill(int process) { kill(process, SIGKILL); }

int clinux_process_ended(int process) {
  int status;
  pid_t ended = waitpid(process, &status, WNOHANG);
  if (ended < 0) return errno == EINTR ? 0 : 1;
  return ended > 0;
}
