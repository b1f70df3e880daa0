/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Calls of the system and of libfabric as points of fault_point.h. A program that is linked with it and with wrap_system_args
 * (meson.build) calls these instead of the functions, from wherever its own objects call them; libraries that it loads are not
 * touched. The point has the function's name, without the 64 that large files put behind it.
 */
#include <errno.h>
#include <pthread.h>
#include <rdma/fabric.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "tests/support/fault_point.h"
#include "tests/support/wrap_fabric.h"

/* One function: its type, what it gives when it fails, its name for the linker, the point, its parameters, the same without
 * types. errno says the reason. */
#define WRAP(type, failed, name, point, parameters, arguments) \
    type __real_##name parameters;                             \
    type __wrap_##name parameters;                             \
    type __wrap_##name parameters                              \
    {                                                          \
        int error = fault_point_hit(point);                    \
                                                               \
        if (error == 0)                                        \
            return __real_##name arguments;                    \
        errno = error;                                         \
        return failed;                                         \
    }

WRAP(int, -1, socket, "socket", (int domain, int type, int protocol), (domain, type, protocol))
WRAP(int, -1, bind, "bind", (int fd, const struct sockaddr *addr, socklen_t size), (fd, addr, size))
WRAP(int, -1, listen, "listen", (int fd, int backlog), (fd, backlog))
WRAP(int, -1, accept4, "accept4", (int fd, struct sockaddr *addr, socklen_t *size, int flags), (fd, addr, size, flags))
WRAP(int, -1, connect, "connect", (int fd, const struct sockaddr *addr, socklen_t size), (fd, addr, size))
WRAP(int, -1, getsockopt, "getsockopt", (int fd, int level, int name, void *value, socklen_t *size),
     (fd, level, name, value, size))
WRAP(ssize_t, -1, sendmsg, "sendmsg", (int fd, const struct msghdr *msg, int flags), (fd, msg, flags))
WRAP(ssize_t, -1, recvmsg, "recvmsg", (int fd, struct msghdr *msg, int flags), (fd, msg, flags))
WRAP(int, -1, epoll_create1, "epoll_create1", (int flags), (flags))
WRAP(int, -1, epoll_ctl, "epoll_ctl", (int set, int op, int fd, struct epoll_event *event), (set, op, fd, event))
WRAP(int, -1, epoll_wait, "epoll_wait", (int set, struct epoll_event *events, int count, int timeout),
     (set, events, count, timeout))
WRAP(int, -1, eventfd, "eventfd", (unsigned int count, int flags), (count, flags))
WRAP(int, -1, timerfd_create, "timerfd_create", (int clock, int flags), (clock, flags))
WRAP(int, -1, memfd_create, "memfd_create", (const char *name, unsigned int flags), (name, flags))
WRAP(int, -1, ftruncate64, "ftruncate", (int fd, off_t size), (fd, size))
WRAP(int, -1, fstat64, "fstat", (int fd, struct stat *info), (fd, info))
WRAP(int, -1, fcntl64, "fcntl", (int fd, int command, long argument), (fd, command, argument))
WRAP(void *, MAP_FAILED, mmap64, "mmap", (void *at, size_t size, int protection, int flags, int fd, off_t offset),
     (at, size, protection, flags, fd, offset))
WRAP(ssize_t, -1, process_vm_readv, "process_vm_readv",
     (pid_t pid, const struct iovec *local, unsigned long local_count, const struct iovec *remote,
      unsigned long remote_count, unsigned long flags),
     (pid, local, local_count, remote, remote_count, flags))
WRAP(ssize_t, -1, process_vm_writev, "process_vm_writev",
     (pid_t pid, const struct iovec *local, unsigned long local_count, const struct iovec *remote,
      unsigned long remote_count, unsigned long flags),
     (pid, local, local_count, remote, remote_count, flags))

/* Those that give the reason themselves. */
WRAP(int, error, pthread_create, "pthread_create",
     (pthread_t * thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg), (thread, attr, run, arg))
WRAP(int, -error, fi_getinfo, "fi_getinfo",
     (uint32_t version, const char *node, const char *service, uint64_t flags, const struct fi_info *hints,
      struct fi_info **info),
     (version, node, service, flags, hints, info))
WRAP(struct fi_info *, NULL, fi_dupinfo, "fi_dupinfo", (const struct fi_info *info), (info))

int __real_fi_fabric(struct fi_fabric_attr *attr, struct fid_fabric **fabric, void *context);
int __wrap_fi_fabric(struct fi_fabric_attr *attr, struct fid_fabric **fabric, void *context);

int __wrap_fi_fabric(struct fi_fabric_attr *attr, struct fid_fabric **fabric, void *context)
{
    int error = fault_point_hit("fi_fabric");
    int ret = error != 0 ? -error : __real_fi_fabric(attr, fabric, context);

    if (ret == 0)
        wrap_fabric(*fabric);
    return ret;
}
